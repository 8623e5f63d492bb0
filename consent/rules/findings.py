"""What a check of an authorization found wrong."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """A DEFECT makes an authorization invalid (45 CFR 164.508(b)(2)).

    A DUTY is owed by the organization: plain language, a copy for the signer. Both stop mail.
    """

    DEFECT = "defect"
    DUTY = "duty"


@dataclass(frozen=True, slots=True)
class Finding:
    """One failed check of the sixteen.

    `code` is stable and counts in reports; `field` is the form field or fact to correct, `message`
    says how, without any patient value.
    """

    number: int
    code: str
    citation: str
    field: str
    message: str
    kind: Kind = Kind.DEFECT
