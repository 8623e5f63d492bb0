"""Authorization forms, signatures, wishes, suppressions, and what decisions rest on."""

from consent.models.decisions import Alert, IntegrityCheck, PermitEvidence, Ruling
from consent.models.forms import AuthorizationForm, ConsentPolicy, FormVersion, PackChoice
from consent.models.signatures import (
    Authorization,
    Dispute,
    Revocation,
    Scan,
    SigningRequest,
)
from consent.models.wishes import (
    AddressConfirmation,
    PlainMailWish,
    Preference,
    Restriction,
    Suppression,
    Topic,
)

__all__ = [
    "AddressConfirmation",
    "Alert",
    "Authorization",
    "AuthorizationForm",
    "ConsentPolicy",
    "Dispute",
    "FormVersion",
    "IntegrityCheck",
    "PackChoice",
    "PermitEvidence",
    "PlainMailWish",
    "Preference",
    "Restriction",
    "Revocation",
    "Ruling",
    "Scan",
    "SigningRequest",
    "Suppression",
    "Topic",
]
