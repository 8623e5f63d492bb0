"""From what an author wrote to content that is ready to be rendered for each recipient."""

import dataclasses
import hashlib
import json
import re
import unicodedata
from collections.abc import Collection
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Self

import html2text

from delivery.content.language import ContentError, check, split
from delivery.content.markup import Markup

MAX_SUBJECT = 200
MAX_PREHEADER = 300

_PIXEL = '{% if _pixel %}<img src="{{ _pixel }}" width="1" height="1" alt="">{% endif %}'


# Conditions and loops alone on a line of the text part, with the empty lines they would leave.
_ALONE = re.compile(r"^((?: *\{%(?:(?!%\})[^\n])*%\})+) *\n\n?", re.MULTILINE)
_SPACES_AT_END = re.compile(r"[ \t]+\n")
_EMPTY_LINES = re.compile(r"\n{3,}")
# html2text escapes what Markdown would read as a list; nobody reads this as Markdown.
_ESCAPED = re.compile(r"\\([.+-])")


@dataclass(frozen=True)
class CompiledContent:
    """Content as it is approved, stored and rendered. ``html`` and ``text`` are Jinja templates.

    ``links`` are the destinations by number, ``fields`` the merge fields used, ``lists`` those
    that are looped over.
    """

    subject: str
    preheader: str
    html: str
    text: str
    links: tuple[str, ...]
    fields: tuple[str, ...]
    lists: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """What :meth:`to_dict` gave. Raises KeyError when something is missing."""
        named: dict[str, Any] = {
            item.name: _as_stored(values[item.name]) for item in dataclasses.fields(cls)
        }
        return cls(**named)

    def digest(self) -> str:
        """SHA-256 over canonical JSON, in hex: what an approval is bound to."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        canonical = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode("utf-8")).hexdigest()


def compile_content(
    subject: str, preheader: str, html: str, fields: Collection[str]
) -> CompiledContent:
    """Check and prepare content. ``fields`` are the merge fields the author may use.

    Raises :class:`ContentError` with what to change, in plain words. Subject and preheader are
    shown on locked screens and pass through every server's log: they take no merge fields.
    """
    subject = _plain_text(subject, "subject", MAX_SUBJECT)
    preheader = _plain_text(preheader, "preheader", MAX_PREHEADER)
    if not subject:
        raise ContentError("The subject is empty.")
    html = html.replace("\0", "")
    if not html.strip():
        raise ContentError("The message is empty.")
    usage = check(html, fields)
    markup = Markup(split(html))
    text = markup.placeholders.restored(_plain_part(markup.text_source()))
    return CompiledContent(
        subject=subject,
        preheader=preheader,
        html=markup.html_template(preheader, _PIXEL),
        text=_ALONE.sub(r"\1", text),
        links=tuple(markup.links),
        fields=tuple(sorted(usage.fields)),
        lists=tuple(sorted(usage.lists)),
    )


def _plain_text(value: str, what: str, limit: int) -> str:
    value = value.strip()
    if any(sign in value for sign in ("{{", "{%", "{#")):
        raise ContentError(f"The {what} cannot have merge fields: others may read it.")
    if "=?" in value or any(unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs") for c in value):
        raise ContentError(f"The {what} must be one line of text without control characters.")
    if len(value) > limit:
        raise ContentError(f"The {what} is longer than {limit} characters.")
    return value


def _plain_part(html: str) -> str:
    writer = html2text.HTML2Text(bodywidth=0)
    writer.images_to_alt = True
    writer.ignore_emphasis = True
    writer.ignore_tables = True
    writer.unicode_snob = True
    # Cells are joined without a space otherwise.
    text = str(writer.handle(html.replace("</td>", " </td>").replace("</th>", " </th>")))
    text = _EMPTY_LINES.sub("\n\n", _SPACES_AT_END.sub("\n", text))
    return _ESCAPED.sub(r"\1", text).strip() + "\n"


def _as_stored(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
