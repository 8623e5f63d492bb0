"""The mails that may go over any connection: they name the sender and nothing else.

No diagnosis, no campaign, no patient's name (45 CFR 164.312(e)): only that a message waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

_WORDS = {
    "en": {
        "subject": "{name} has sent you a secure message",
        "lead": "{name} has a message for you.",
        "why": (
            "Your mail service could not be reached over a connection we could verify, so the"
            " message waits for you on a protected page."
        ),
        "button": "Read your message",
        "how": (
            "You will be asked for a code, which we send to this address, and for your date of"
            " birth. You need no account and no password."
        ),
        "check": "Not sure this is genuine? Call {name} at {phone}.",
        "stop": "Stop emails like this",
        "code_subject": "Your code: {code}",
        "code": "Your code for reading the message from {name} is:",
        "code_note": (
            "It is good for 15 minutes. If you did not ask for it, ignore this email: nobody can"
            " read your message with the code alone."
        ),
    },
    "es": {
        "subject": "{name} le ha enviado un mensaje seguro",
        "lead": "{name} tiene un mensaje para usted.",
        "why": (
            "No pudimos verificar la conexión con su servicio de correo, así que el mensaje le"
            " espera en una página protegida."
        ),
        "button": "Leer su mensaje",
        "how": (
            "Le pediremos un código, que enviaremos a esta dirección, y su fecha de nacimiento."
            " No necesita cuenta ni contraseña."
        ),
        "check": "¿No está seguro de que sea auténtico? Llame a {name} al {phone}.",
        "stop": "No recibir más correos como este",
        "code_subject": "Su código: {code}",
        "code": "Su código para leer el mensaje de {name} es:",
        "code_note": (
            "Es válido durante 15 minutos. Si no lo ha pedido, ignore este correo: nadie puede"
            " leer su mensaje solo con el código."
        ),
    },
}


@dataclass(frozen=True, slots=True)
class Letter:
    """A finished mail, not yet in MIME."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True, slots=True)
class Clinic:
    """What a notice may say of its sender."""

    name: str
    phone: str
    postal_address: str


def pickup_notice(clinic: Clinic, language: str, pickup: str, unsubscribe: str) -> Letter:
    """Says that a message waits, and how to get at it."""
    words = _words(clinic, language)
    check = words["check"] if clinic.phone else ""
    text = "\n\n".join(
        part
        for part in (
            words["lead"],
            words["why"],
            f"{words['button']}: {pickup}",
            words["how"],
            check,
            f"{words['stop']}: {unsubscribe}",
            f"{clinic.name}, {clinic.postal_address}",
        )
        if part
    )
    body = (
        f"<p>{escape(words['lead'])}</p><p>{escape(words['why'])}</p>"
        f'<p style="margin:28px 0"><a href="{escape(pickup)}" style="{_BUTTON}">'
        f"{escape(words['button'])}</a></p><p>{escape(words['how'])}</p><p>{escape(check)}</p>"
        f'<p style="{_SMALL}">{escape(clinic.name)}, {escape(clinic.postal_address)}<br>'
        f'<a href="{escape(unsubscribe)}">{escape(words["stop"])}</a></p>'
    )
    return Letter(words["subject"], _page(language, body), text)


def code_mail(clinic: Clinic, language: str, code: str) -> Letter:
    """Carries a one-time code, useless without the fact that only the patient knows."""
    words = _words(clinic, language)
    subject = words["code_subject"].format(code=code)
    text = f"{words['code']}\n\n{code}\n\n{words['code_note']}\n"
    body = (
        f"<p>{escape(words['code'])}</p>"
        f'<p style="font-size:32px;letter-spacing:6px;font-weight:bold">{escape(code)}</p>'
        f"<p>{escape(words['code_note'])}</p>"
    )
    return Letter(subject, _page(language, body), text)


_BUTTON = (
    "background:#0b6477;color:#ffffff;padding:14px 22px;border-radius:6px;text-decoration:none;"
    "display:inline-block"
)
_SMALL = "color:#56657a;font-size:14px"


def _words(clinic: Clinic, language: str) -> dict[str, str]:
    chosen = _WORDS.get(language[:2], _WORDS["en"])
    return {
        key: text if key == "code_subject" else text.format(name=clinic.name, phone=clinic.phone)
        for key, text in chosen.items()
    }


def _page(language: str, body: str) -> str:
    known = language[:2] if language[:2] in _WORDS else "en"
    return (
        f'<!doctype html><html lang="{known}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"></head>'
        '<body style="font:18px/1.5 Arial,Helvetica,sans-serif;color:#1c2733;margin:0">'
        f'<div style="max-width:560px;margin:0 auto;padding:24px">{body}</div></body></html>'
    )
