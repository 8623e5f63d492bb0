"""Compiled content that renders straight into quoted-printable, as it stands in a mail.

Encoding 20 KB for each recipient takes longer than everything else about a message but its
signature. So the fixed text is encoded once for a mailing, and each value as it is filled in. What
a reader decodes is exactly what `render` gives.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from jinja2 import Template, nodes
from markupsafe import escape

from delivery.content.compiler import CompiledContent
from delivery.content.language import ContentError
from delivery.content.rendering import MAX_OUTPUT, Environment, printed, values_of

# RFC 2045 6.7: characters in an encoded line, with the "=" of a soft line break.
_LINE = 76
MOST_OCTETS = 13
"""That a character takes when it is encoded, soft line breaks included."""
_LINK = "\0"
"""Stands where the prefix of links goes: no encoded text has it."""
_SHORT = re.compile(r"[!-<>-~]+(?: [!-<>-~]+)*")


class WireContent:
    """One mailing's content. Safe to use from several threads."""

    def __init__(self, compiled: CompiledContent) -> None:
        self.subject = compiled.subject
        self._compiled = compiled

    def fill(
        self,
        context: Mapping[str, object],
        link_prefix: str | None = None,
        pixel_url: str | None = None,
    ) -> tuple[bytes, bytes]:
        """The text and the HTML of one recipient, encoded.

        The address of link 3 is `link_prefix` and "3" (tracking); the rest is as for `render`,
        `ContentError` too.
        """
        values = values_of(self._compiled, context, None, pixel_url)
        templates = self._templates[link_prefix is not None]
        try:
            text, html = (template.render(values) for template in templates)
        except TypeError:
            raise ContentError("A condition compares values of different kinds.") from None
        prefix = encoded(link_prefix or "")
        return (
            text.replace(_LINK, prefix).encode("ascii"),
            html.replace(_LINK, prefix).encode("ascii"),
        )

    @cached_property
    def _templates(self) -> dict[bool, tuple[Template, Template]]:
        """Text and HTML, by whether links lead to their destinations by way of us."""
        compiled = self._compiled
        return {
            counted: (
                _template(compiled.text, str, None if counted else compiled.links),
                _template(compiled.html, _escaped, None if counted else compiled.links),
            )
            for counted in (False, True)
        }


def _escaped(text: str) -> str:
    return str(escape(text))


def encoded(text: str) -> str:
    """Text as quoted-printable lines that begin and end in the first column.

    So pieces may follow each other in any order. There is no run of spaces and no space at a line's
    end: that is what DKIM's relaxed form (RFC 6376 3.4.4) would have to look for.
    """
    if _SHORT.fullmatch(text):
        if len(text) < _LINE:
            return f"{text}=\r\n"
        return "".join(
            f"{text[start : start + _LINE - 1]}=\r\n" for start in range(0, len(text), _LINE - 1)
        )
    *lines, rest = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    done = "".join(f"{_encoded_line(line)}\r\n" for line in lines)
    return f"{done}{_encoded_line(rest)}=\r\n" if rest else done


def _encoded_line(line: str) -> str:
    """One line's text with soft line breaks in it; no line end of its own."""
    pieces: list[str] = []
    column, after_space = 0, True
    octets = line.encode("utf-8", "surrogatepass")
    for at, octet in enumerate(octets):
        if octet == 0x20 and not after_space and at + 1 < len(octets):
            piece = " "
        else:
            piece = chr(octet) if 33 <= octet <= 126 and octet != 61 else f"={octet:02X}"
        if column + len(piece) > _LINE - 1:
            pieces.append("=\r\n")
            column = 0
        pieces.append(piece)
        column += len(piece)
        after_space = piece == " "
    return "".join(pieces)


def _template(source: str, escaped: Callable[[str], str], links: Sequence[str] | None) -> Template:
    """The source with its fixed text encoded, and every value encoded as it is printed. So are
    the links' destinations, or without them their numbers."""

    def shown(value: object) -> str:
        text = str(printed(value))
        if text.isalnum() and text.isascii() and len(text) < _LINE:
            return f"{text}=\r\n"
        return encoded(escaped(text)) if text else ""

    longest = MOST_OCTETS * MAX_OUTPUT
    environment = Environment(autoescape=False, finalize=shown, longest=longest)
    tree = environment.parse(source.replace("\r\n", "\n"))
    for data in tree.find_all(nodes.TemplateData):
        data.data = encoded(data.data)
    for output in tree.find_all(nodes.Output):
        output.nodes = [new for old in output.nodes for new in _linked(old, escaped, links)]
    return Template.from_code(environment, environment.compile(tree), environment.make_globals({}))


def _linked(
    node: nodes.Expr, escaped: Callable[[str], str], links: Sequence[str] | None
) -> list[nodes.Expr]:
    """What is printed in place of `_links[3]`; anything else as it is."""
    if not isinstance(node, nodes.Getitem) or not isinstance(node.arg, nodes.Const):
        return [node]
    number: int = node.arg.value
    if links is not None:
        return [nodes.TemplateData(encoded(escaped(links[number])))]
    return [nodes.TemplateData(_LINK + encoded(str(number)))]
