"""What comes back of mail: bounces, delays, complaints. Pure: bytes in, findings out."""

from delivery.bounces.kinds import Kind
from delivery.bounces.reading import (
    Bounced,
    Complained,
    Delayed,
    Finding,
    Nothing,
    NotUnderstood,
    ReturnedMail,
    read,
)

__all__ = [
    "Bounced",
    "Complained",
    "Delayed",
    "Finding",
    "Kind",
    "NotUnderstood",
    "Nothing",
    "ReturnedMail",
    "read",
]
