"""A marketing authorization that passes every check, to begin from, in English and Spanish."""

from dataclasses import replace

from consent.rules.forms import ExpiresAfter, FormText
from consent.rules.purposes import Information, Purpose


def starter_form(legal_name: str, revoke_by: str, sponsor: str = "") -> FormText:
    """An English form for wellness mail. `revoke_by` is an email or postal address.

    With a sponsor, the form says that it pays.
    """
    return FormText(
        title="May we send you health and wellness offers by email?",
        language="en",
        introduction=(
            "We would like to use some of your health information to choose email that may help"
            " you. It is your choice. You do not have to sign."
        ),
        information=(
            "We would use your name, your contact details, your age and your language. We would"
            " also use your health conditions, and the dates and places of your visits."
        ),
        categories=frozenset({Information.DEMOGRAPHIC, Information.CLINICAL, Information.JOURNEY}),
        discloser=f"{legal_name} would use it. So would the email service that works for us.",
        recipient="We send the email to you, at the address you gave us.",
        purpose_text=(
            "We would tell you about health, our own services, wellness programs and offers, and"
            " things that other companies sell."
        ),
        purposes=frozenset(
            {
                Purpose.GENERAL_WELLNESS,
                Purpose.OWN_HEALTH_SERVICE,
                Purpose.MARKETING,
                Purpose.THIRD_PARTY_PRODUCT,
            }
        ),
        expiry=ExpiresAfter(months=12),
        revocation=(
            "You can change your mind at any time. Tell us in writing that you revoke this form."
            " It does not change what we did before we heard from you."
        ),
        how_to_revoke=f"Use the link in any of our emails, or write to {revoke_by}.",
        no_conditioning=(
            "Your care does not depend on this form. We will treat you in the same way if you do"
            " not sign. What you pay, the plans you can enroll in and the benefits you are eligible"
            " for stay the same too."
        ),
        redisclosure=(
            "A person who gets this information could share it with others. The privacy law may"
            " then no longer protect it."
        ),
        remuneration=f"{sponsor} pays us to send some of these emails." if sponsor else "",
        sponsor=sponsor,
    )


def spanish_starter(original: FormText, legal_name: str, revoke_by: str) -> FormText:
    """The same form in Spanish: what it allows is the original's, the words are its own.

    Have somebody who speaks the language read it before you publish it (45 CFR 92.201(c)(3)).
    """
    return replace(
        original,
        title="¿Podemos enviarle ofertas de salud y bienestar por correo electrónico?",
        language="es",
        introduction=(
            "Queremos usar parte de su información de salud para elegir mensajes que le puedan"
            " servir. Usted decide. No tiene que firmar."
        ),
        information=(
            "Usaríamos su nombre, sus datos de contacto, su edad y su idioma. También usaríamos"
            " sus problemas de salud, y las fechas y los lugares de sus visitas."
        ),
        discloser=(
            f"La usaría {legal_name}. También el servicio de correo que trabaja para nosotros."
        ),
        recipient="Enviamos el mensaje a usted, a la dirección que nos dio.",
        purpose_text=(
            "Le escribiríamos sobre salud, nuestros propios servicios, programas de bienestar y"
            " ofertas, y cosas que venden otras empresas."
        ),
        revocation=(
            "Puede cambiar de opinión en cualquier momento. Díganos por escrito que revoca este"
            " formulario. Eso no cambia lo que hicimos antes de saberlo."
        ),
        how_to_revoke=f"Use el enlace de cualquiera de nuestros mensajes, o escriba a {revoke_by}.",
        no_conditioning=(
            "Su atención no depende de este formulario. Le trataremos igual si no firma. Lo que"
            " usted paga, los planes en los que puede inscribirse y los beneficios a los que tiene"
            " derecho tampoco cambian."
        ),
        redisclosure=(
            "Quien reciba esta información podría compartirla con otros. Entonces la ley de"
            " privacidad quizá ya no la proteja."
        ),
        remuneration=(
            f"{original.sponsor} nos paga por enviar algunos de estos mensajes."
            if original.covers_remuneration
            else ""
        ),
    )
