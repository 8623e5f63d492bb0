"""A marketing authorization that passes every check, to begin from."""

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
