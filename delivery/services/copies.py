"""The copy that a signer gets of what was signed (45 CFR 164.508(c)(4)).

It takes the way of every message: a permit at dispatch, verified TLS or the portal, evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from uuid import UUID

from consent import queries as consent
from consent import services as consent_services
from consent.queries import SignedForm
from consent.rules import shown
from consent.rules.authorization import Signer
from consent.rules.forms import FormText
from consent.rules.purposes import Information, Purpose, Remuneration, Use
from consent.rules.words import page_language
from contacts import queries as contacts
from delivery import queries
from delivery.content import compile_content
from delivery.models import Message
from delivery.rules import SETTLED, Status
from delivery.services.mailings import Approved, create_mailing, plan

ARRIVED = (Status.ACCEPTED, Status.IN_PORTAL)


def send_copy(authorization_id: UUID) -> bool:
    """Put the signed copy on its way, once; False, with an alert, if there is no way."""
    signed = consent.signed_form(authorization_id)
    person = contacts.opened([signed.contact_id]).get(signed.contact_id)
    sender = queries.first_sender()
    if person is None or person.email is None or sender is None:
        consent_services.raise_alert("copy_failed", "authorization", authorization_id)
        return False
    words = _WORDS[page_language(signed.form.language)]
    mailing = create_mailing(
        authorization_id,
        sender.id,
        compile_content(words["subject"], "", _html(signed, words), ()),
        use_of(signed.form),
        Approved(signed.digest, signed.published_by),
        tracking=False,
        kind="copy",
    )
    plan(mailing.id, [(person.id.bytes, person.mail_domain)])
    return True


def use_of(form: FormText) -> Use:
    """A signer's own copy is due to them: part of operations, not promotional. It tells what the
    form is about, as a message of that information would: where others read the mailbox, it waits
    in the portal. Of records under special protection it names none, only that there is a form."""
    special = {Information.PART2, Information.PSYCHOTHERAPY_NOTES}
    told = (form.categories - special) | {Information.DEMOGRAPHIC}
    if form.categories & special:
        told |= {Information.CLINICAL}
    return Use(Purpose.APPOINTMENT, Remuneration.NONE, frozenset(told))


def note_settled(messages: Sequence[Message]) -> None:
    """What became of copies: the signer has it, or somebody must see to it."""
    for message in messages:
        mailing = message.mailing
        if mailing.kind != "copy":
            continue
        if message.status in ARRIVED:
            consent_services.give_copy(mailing.reference)
        elif message.status in SETTLED:
            consent_services.raise_alert("copy_failed", "authorization", mailing.reference)


def _html(signed: SignedForm, words: dict[str, str]) -> str:
    """The form as it was shown and signed. Its texts are data: escaped, braces too."""
    language = escape(page_language(signed.form.language))
    pieces = [f"<h1>{_text(signed.form.title)}</h1>"]
    for part in shown.parts(signed.form):
        heading = f"<h2>{_text(part.heading)}</h2>" if part.heading else ""
        pieces.append(f"{heading}<p>{_text(part.text)}</p>")
    represented = signed.signer is Signer.REPRESENTATIVE
    by = words["by_representative" if represented else "by_self"]
    day = signed.signed_on.isoformat()
    said = by.format(name=signed.signer_name, authority=signed.authority, day=day)
    return (
        f'<html lang="{language}"><head><title>{_text(words["subject"])}</title>'
        f'<style>{_STYLE}</style></head><body><div class="page">'
        f"<p>{_text(words['lead'])}</p><hr>{''.join(pieces)}<hr>"
        f"<h2>{_text(words['signed'])}</h2><p>{_text(said)}</p>"
        f"<h2>{_text(words['back'])}</h2><p>{_text(words['how_back'])}</p>"
        f'<p><a href="{{{{ preferences_url }}}}">{_text(words["page"])}</a></p>'
        '<p class="small">{{ organization_name }}, {{ postal_address }}</p>'
        "</div></body></html>"
    )


def _text(text: str) -> str:
    return escape(text).replace("{", "&#123;").replace("\n", "<br>")


_STYLE = (
    "body { font: 17px/1.5 Arial, Helvetica, sans-serif; color: #1c2733; margin: 0; }"
    ".page { max-width: 600px; margin: 0 auto; padding: 24px; }"
    "h1 { font-size: 24px; line-height: 1.3; } h2 { font-size: 18px; margin-bottom: 4px; }"
    "p { margin-top: 4px; } .small { color: #56657a; font-size: 14px; }"
)
_WORDS = {
    "en": {
        "subject": "Your copy",
        "lead": "Here is your copy of the form that was signed. Please keep it.",
        "signed": "Signature",
        "by_self": "Signed by {name} on {day} (year-month-day).",
        "by_representative": (
            "Signed by {name} on {day} (year-month-day) for the patient, as: {authority}."
        ),
        "back": "Taking it back",
        "how_back": (
            "You can take this permission back at any time: on the page below, without a password,"
            " or in writing to the address at the end."
        ),
        "page": "Take it back, or choose what we send you",
    },
    "es": {
        "subject": "Su copia",
        "lead": "Esta es su copia del formulario que se firmó. Por favor, guárdela.",
        "signed": "Firma",
        "by_self": "Firmado por {name} el {day} (año-mes-día).",
        "by_representative": (
            "Firmado por {name} el {day} (año-mes-día) en nombre del paciente, como: {authority}."
        ),
        "back": "Cómo retirarla",
        "how_back": (
            "Puede retirar esta autorización en cualquier momento: en la página siguiente, sin"
            " contraseña, o por escrito a la dirección del final."
        ),
        "page": "Retirarla, o elegir qué le enviamos",
    },
}
