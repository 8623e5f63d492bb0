"""What a page may show of a value: enough to recognize a person by, not enough to copy down.

The minimum necessary (45 CFR 164.502(b)): whoever looks somebody up already knows the value.
"""

from collections.abc import Mapping

from contacts.rules.fields import Field, FieldGroup, FieldType, Value
from contacts.rules.starter import EMAIL

DOTS = "•••"
_SHORT = 3
_KEPT_DIGITS = 2


def masked(field: Field, value: Value) -> str:
    """The text to show for a field's value; empty for an unknown one.

    Names, numbers and other text show their first letter or last digits, an email also its
    domain, dates their year, and demographic choices their label. Of what concerns health, care
    or money the page tells only that something is recorded.
    """
    if value is None:
        return ""
    if field.type is FieldType.DATE:
        return str(value)[:4]
    if field.group is not FieldGroup.DEMOGRAPHIC:
        return f"{len(value)} recorded" if isinstance(value, list) else "recorded"
    if isinstance(value, list):
        return ", ".join(_masked_scalar(field, member) for member in value)
    return _masked_scalar(field, value)


def masked_name(profile: Mapping[str, Value]) -> str:
    """A person's name by its first letters, such as "J••• S•••"."""
    names = [str(profile[key]) for key in ("first_name", "last_name") if profile.get(key)]
    return " ".join(f"{name[:1]}{DOTS}" for name in names) or "No name"


def masked_email(address: str) -> str:
    """`d•••@example.org`: the domain tells where mail goes, the first letter whose it may be."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}{DOTS}@{domain}"


def masked_text(text: str) -> str:
    """The first character and dots; of what is mostly digits, the last two; of a short text, dots.

    Also for text of which nobody has said yet what it is, such as a column of an uploaded file.
    """
    text = text.strip()
    if len(text) < _SHORT:
        return DOTS if text else ""
    if text.find("@") > 0:
        return masked_email(text)
    digits = [character for character in text if character.isdigit()]
    if len(digits) > len(text) // 2:
        return DOTS + "".join(digits[-_KEPT_DIGITS:])
    return f"{text[0]}{DOTS}"


def _masked_scalar(field: Field, value: str | int | float) -> str:
    if isinstance(value, bool) or field.choices:
        return field.label_of(value)
    return masked_email(str(value)) if field.key == EMAIL else masked_text(str(value))
