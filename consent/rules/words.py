"""What people agree to on a page, word for word, in the languages of the pages.

Each is kept with the agreement. A changed wording is what later people agree to; what was agreed
before stays as it was.
"""

from collections.abc import Mapping

LANGUAGES = ("en", "es")

ACT: Mapping[str, str] = {
    "en": "I have read this form and I sign it.",
    "es": "He leído este formulario y lo firmo.",
}
"""Beside the box that the signer ticks."""

STATEMENT: Mapping[str, str] = {
    "en": (
        "Signing on this page counts the same as signing on paper with ink. You do not have to"
        " sign here: you can ask us for a paper form. You will get a copy of what you sign:"
        " by email, or on paper if we have no email address for you. To read it in an email you"
        " need a device that can open email and web pages."
    ),
    "es": (
        "Firmar en esta página vale lo mismo que firmar con tinta en papel. No tiene que firmar"
        " aquí: puede pedirnos un formulario en papel. Recibirá una copia de lo que firme: por"
        " correo electrónico, o en papel si no tenemos su dirección de correo. Para leerla en un"
        " correo necesita un dispositivo que abra correos y páginas web."
    ),
}
"""About signing electronically (15 U.S.C. 7001(c))."""

PLAIN_MAIL_WARNING: Mapping[str, str] = {
    "en": (
        "Your mail service may not protect email on its way. Then other people could read or copy"
        " what we write to you, also about your health. The protected page is the safe way, and it"
        " is there for you anyway. It is your choice, and your care does not depend on it. You can"
        " change it here at any time."
    ),
    "es": (
        "Es posible que su servicio de correo no proteja los mensajes en el camino. Entonces otras"
        " personas podrían leer o copiar lo que le escribimos, también sobre su salud. La página"
        " protegida es la forma segura, y siempre la tiene a su disposición. Usted decide, y su"
        " atención médica no depende de ello. Puede cambiarlo aquí en cualquier momento."
    ),
}
"""What is read before mail may travel unencrypted (78 FR 5634)."""

CONFIRMATION: Mapping[str, str] = {
    "en": "This is my email address. {name} may write to me here.",
    "es": "Esta es mi dirección de correo. {name} puede escribirme aquí.",
}
"""What the owner of an address says of it; `name` is the organization's."""


def page_language(language: str) -> str:
    """The language of pages for people who speak this one: English unless there are pages in it."""
    return language[:2] if language[:2] in LANGUAGES else LANGUAGES[0]
