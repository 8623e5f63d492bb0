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
        "why_shared": (
            "Other people may read this mailbox too, so the message waits for you on a protected"
            " page."
        ),
        "button": "Read your message",
        "how": (
            "You will be asked for a code, which we send to this address, and for your date of"
            " birth. You need no account and no password."
        ),
        "check": "Not sure this is genuine? Call {name} at {phone}.",
        "stop": "Stop emails like this",
        "choose": "Choose what we send you",
        "sign_subject": "{name} asks you to read a form",
        "sign_lead": "{name} asks you to read a form.",
        "sign_why": (
            "You get this email because you gave {name} this address. The form is on a protected"
            " page. You can sign it there, or say no."
        ),
        "sign_button": "Read the form",
        "sign_free": (
            "You do not have to sign, and you do not have to answer. Your care does not depend on"
            " it."
        ),
        "sign_how": (
            "If you want to sign, you will be asked for a date of birth. You need no account and"
            " no password. If you would rather have the form on paper, ask us."
        ),
        "remind_lead": "{name} asked you to read a form. This is the last time we ask about this.",
        "confirm_subject": "Is this your email address?",
        "confirm_lead": "Is this your email address? {name} would like to write to you here.",
        "confirm_why": (
            "Somebody gave us this address. If it is yours, please say so on our page. If it is"
            " not, you can say that there too, and we will write here no more."
        ),
        "confirm_button": "Answer on our page",
        "paper": "Write to us, or to be left alone: {name}, {address}.",
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
        "why_shared": (
            "Es posible que otras personas también lean este buzón, así que el mensaje le espera"
            " en una página protegida."
        ),
        "button": "Leer su mensaje",
        "how": (
            "Le pediremos un código, que enviaremos a esta dirección, y su fecha de nacimiento."
            " No necesita cuenta ni contraseña."
        ),
        "check": "¿No está seguro de que sea auténtico? Llame a {name} al {phone}.",
        "stop": "No recibir más correos como este",
        "choose": "Elegir qué le enviamos",
        "sign_subject": "{name} le pide que lea un formulario",
        "sign_lead": "{name} le pide que lea un formulario.",
        "sign_why": (
            "Recibe este correo porque dio esta dirección a {name}. El formulario está en una"
            " página protegida. Allí puede firmarlo o decir que no."
        ),
        "sign_button": "Leer el formulario",
        "sign_free": ("No tiene que firmar ni responder. Su atención médica no depende de ello."),
        "sign_how": (
            "Si quiere firmar, le pediremos una fecha de nacimiento. No necesita cuenta ni"
            " contraseña. Si prefiere el formulario en papel, pídanoslo."
        ),
        "remind_lead": (
            "{name} le pidió que lea un formulario. Es la última vez que le preguntamos por esto."
        ),
        "confirm_subject": "¿Es esta su dirección de correo?",
        "confirm_lead": "¿Es esta su dirección de correo? {name} quisiera escribirle aquí.",
        "confirm_why": (
            "Alguien nos dio esta dirección. Si es suya, díganoslo en nuestra página. Si no lo es,"
            " también puede decirlo allí, y no volveremos a escribir aquí."
        ),
        "confirm_button": "Responder en nuestra página",
        "paper": "Para escribirnos, o para que no le escribamos más: {name}, {address}.",
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


def pickup_notice(
    clinic: Clinic,
    language: str,
    pickup: str,
    preferences: str,
    unsubscribe: str,
    shared: bool = False,
) -> Letter:
    """Says that a message waits, and how to get at it. `shared`: for others read the mailbox."""
    words = _words(clinic, language)
    why = words["why_shared" if shared else "why"]
    check = words["check"] if clinic.phone else ""
    text = "\n\n".join(
        part
        for part in (
            words["lead"],
            why,
            f"{words['button']}: {pickup}",
            words["how"],
            check,
            f"{words['choose']}: {preferences}",
            f"{words['stop']}: {unsubscribe}",
            f"{clinic.name}, {clinic.postal_address}",
        )
        if part
    )
    body = (
        f"<p>{escape(words['lead'])}</p><p>{escape(why)}</p>"
        f'<p style="margin:28px 0"><a href="{escape(pickup)}" style="{_BUTTON}">'
        f"{escape(words['button'])}</a></p><p>{escape(words['how'])}</p><p>{escape(check)}</p>"
        f'<p style="{_SMALL}">{escape(clinic.name)}, {escape(clinic.postal_address)}<br>'
        f'<a href="{escape(preferences)}">{escape(words["choose"])}</a><br>'
        f'<a href="{escape(unsubscribe)}">{escape(words["stop"])}</a></p>'
    )
    return Letter(words["subject"], _page(language, words["subject"], body), text)


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
    return Letter(subject, _page(language, subject, body), text)


def sign_letter(clinic: Clinic, language: str, link: str, again: bool) -> Letter:
    """Asks somebody to read a form, without saying which one. `again` for the reminder."""
    words = _words(clinic, language)
    lead = words["remind_lead" if again else "sign_lead"]
    paragraphs = [words["sign_free"], words["sign_how"]]
    return _asking(
        clinic,
        language,
        words["sign_subject"],
        [lead, words["sign_why"]],
        (words["sign_button"], link),
        paragraphs,
    )


def confirm_letter(clinic: Clinic, language: str, link: str) -> Letter:
    """Asks whether an address is right."""
    words = _words(clinic, language)
    before = [words["confirm_lead"], words["confirm_why"]]
    button = words["confirm_button"], link
    return _asking(clinic, language, words["confirm_subject"], before, button, [])


def _asking(
    clinic: Clinic,
    language: str,
    subject: str,
    before: list[str],
    button: tuple[str, str],
    after: list[str],
) -> Letter:
    """A letter with one button. Who gets it may be in no list yet: to be left alone they call or
    write."""
    words = _words(clinic, language)
    check = [words["check"]] if clinic.phone else []
    label, link = button
    text = "\n\n".join([*before, f"{label}: {link}", *after, *check, words["paper"]])
    body = (
        _paragraphs(before)
        + f'<p style="margin:28px 0"><a href="{escape(link)}" style="{_BUTTON}">'
        + f"{escape(label)}</a></p>"
        + _paragraphs([*after, *check])
        + f'<p style="{_SMALL}">{escape(words["paper"])}</p>'
    )
    return Letter(subject, _page(language, subject, body), text)


def _paragraphs(texts: list[str]) -> str:
    return "".join(f"<p>{escape(each)}</p>" for each in texts)


_BUTTON = (
    "background:#0b6477;color:#ffffff;padding:14px 22px;border-radius:6px;text-decoration:none;"
    "display:inline-block"
)
_SMALL = "color:#56657a;font-size:14px"


def _words(clinic: Clinic, language: str) -> dict[str, str]:
    chosen = _WORDS.get(language[:2], _WORDS["en"])
    return {
        key: text if key == "code_subject" else text.format(**_values(clinic))
        for key, text in chosen.items()
    }


def _values(clinic: Clinic) -> dict[str, str]:
    return {"name": clinic.name, "phone": clinic.phone, "address": clinic.postal_address}


def _page(language: str, title: str, body: str) -> str:
    known = language[:2] if language[:2] in _WORDS else "en"
    return (
        f'<!doctype html><html lang="{known}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title></head>'
        '<body style="font:18px/1.5 Arial,Helvetica,sans-serif;color:#1c2733;margin:0">'
        f'<div style="max-width:560px;margin:0 auto;padding:24px">{body}</div></body></html>'
    )
