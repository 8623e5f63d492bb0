"""Consents for records of substance use disorder treatment (42 CFR Part 2)."""

from enum import StrEnum


class Part2(StrEnum):
    """Whether a form is a consent under 42 CFR Part 2, and to what."""

    NONE = "none"
    OPERATIONS = "operations"
    """For treatment, payment and health care operations, as 42 CFR 2.31(a)(5) lets one sign."""
    SPECIFIC = "specific"
    """For the purposes that the form names (42 CFR 2.31(a))."""


NOTICE = "42 CFR part 2 prohibits unauthorized use or disclosure of these records."
"""Goes with every disclosure made under a consent (42 CFR 2.32(a)(2))."""
