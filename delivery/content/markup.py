"""What is done to an author's HTML once: checked, links numbered, styles inlined.

Merge code is out of sight meanwhile, replaced by placeholders: a letter-and-digit word for a
field, a comment with such a word for a condition or loop. (premailer would percent-encode braces
in links and escape ``>`` inside tags.)
"""

import logging
import re
from collections.abc import Sequence

import lxml.html
from lxml import etree
from premailer import Premailer

from delivery.content.language import Code, ContentError
from delivery.content.safety import check_conditional_comment, check_element, is_website

# Where a field's value may stand inside a tag: texts, that neither fetch nor run anything.
_TEXT_ATTRIBUTES = frozenset({"alt", "title", "aria-label"})
_OWN_PAGE = re.compile(r"\{\{-?\s*(unsubscribe|preferences)_url\s*-?\}\}")
_HEAD = (
    '<!DOCTYPE html><html><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1"></head><body>'
)
_PREHEADER_STYLE = "display:none;font-size:1px;line-height:1px;max-height:0;overflow:hidden"


class Placeholders:
    """Words that stand for merge code, none of which occurs in the author's text."""

    def __init__(self, source: str) -> None:
        prefix = "mergecode"
        while prefix in source.lower():
            prefix += "x"
        self._prefix = prefix
        self._codes: list[str] = []
        self._word = re.compile(rf"<!--{prefix}(\d+)z-->|{prefix}(\d+)z")

    def word(self, code: str) -> str:
        """A new word for a piece of code."""
        self._codes.append(code)
        return f"{self._prefix}{len(self._codes) - 1}z"

    def found_in(self, text: str | None) -> list[str]:
        """The words in a text, in order."""
        return [match[0] for match in self._word.finditer(text or "")]

    def as_words(self, html: str) -> str:
        """The HTML with words for conditions and loops out of their comments."""
        return self._word.sub(lambda match: match[0].removeprefix("<!--").removesuffix("-->"), html)

    def restored(self, text: str) -> str:
        """The text as a template: words turned back into code, every other brace kept as text."""
        parts: list[str] = []
        end = 0
        for match in self._word.finditer(text):
            parts += (_literal(text[end : match.start()]), self._codes[int(match[1] or match[2])])
            end = match.end()
        return "".join([*parts, _literal(text[end:])])


def _literal(text: str) -> str:
    """Text that Jinja prints as it is, even if it looks like merge code (``&#123;&#123;``)."""
    return text.replace("{", '{{ "{" }}')


class Markup:
    """An author's HTML as a tree; raises :class:`ContentError` for what is not allowed in it."""

    def __init__(self, pieces: Sequence[str | Code]) -> None:
        self.links: list[str] = []
        self.placeholders = Placeholders("".join(p for p in pieces if isinstance(p, str)))
        self._codes: dict[str, Code] = {}
        html = "".join(self._hidden(piece) for piece in pieces)
        if "<html" not in html.lower():
            html = f"{_HEAD}{html}</body></html>"
        parser = lxml.html.HTMLParser(encoding="utf-8", remove_pis=True)
        self._root = lxml.html.document_fromstring(html.encode("utf-8", "replace"), parser=parser)
        self._check_elements()
        self._check_places()
        self._number_links()

    def text_source(self) -> str:
        """HTML to make plain text of, with all placeholders as words."""
        return self.placeholders.as_words(self._serialized())

    def html_template(self, preheader: str, pixel: str) -> str:
        """The template of the HTML part, styles inlined. Changes the tree: call it last."""
        try:
            Premailer(
                strip_important=False,
                allow_network=False,
                disable_validation=True,
                cache_css_parsing=False,
                cssutils_logging_level=logging.CRITICAL,
            ).transform(self._root)
        except Exception as error:  # premailer and its parsers raise whatever they like
            raise ContentError("The styles of this message cannot be read.") from error
        body = self._root.find("body")
        if preheader:
            hidden = lxml.html.Element("div", style=_PREHEADER_STYLE)
            hidden.text, hidden.tail, body.text = preheader, body.text, None
            body.insert(0, hidden)
        body.append(etree.Comment(self.placeholders.word(pixel)))
        return "<!DOCTYPE html>\n" + self.placeholders.restored(self._serialized())

    def _serialized(self) -> str:
        return str(etree.tostring(self._root, method="html", encoding="unicode"))

    def _hidden(self, piece: str | Code) -> str:
        if isinstance(piece, str):
            return piece
        word = self.placeholders.word(piece.source)
        self._codes[word] = piece
        return f"<!--{word}-->" if piece.is_block else word

    def _check_elements(self) -> None:
        for element in list(self._root.iter()):
            if element.tag is not etree.Comment:
                check_element(element)
            elif element.text.startswith(("[if", "<![endif]")):
                check_conditional_comment(element.text, element.sourceline)
            elif element.text not in self._codes:
                element.drop_tree()

    def _check_places(self) -> None:
        """Each piece of code stands where it may, and conditions and loops close where they open.

        HTML forgives and rearranges: only code that is found again, once and in order, between the
        same two tags, will render to what the author meant.
        """
        found: list[str] = []
        parents: dict[str, lxml.html.HtmlElement] = {}
        for event, element in etree.iterwalk(self._root, events=("start", "end", "comment")):
            if event == "comment" and element.text in self._codes:
                found.append(element.text)
                parents[element.text] = element.getparent()
            if event == "start":
                found += self._words_at_start(element)
            else:
                found += self.placeholders.found_in(element.tail)
        for position, (word, code) in enumerate(self._codes.items()):
            if found[position : position + 1] != [word] or (code.is_block and word not in parents):
                raise ContentError(_WRONG_PLACE, code.line)
        self._check_blocks(parents)

    def _words_at_start(self, element: lxml.html.HtmlElement) -> list[str]:
        """The words in an element's texts; those in other places are not found, and so refused."""
        attributes = [value for name, value in element.items() if name in _TEXT_ATTRIBUTES]
        if self._is_own_page(element.get("href")):
            attributes.append(element.get("href"))
        text = "" if element.tag == "style" else element.text
        return self.placeholders.found_in(" ".join([*attributes, text or ""]))

    def _check_blocks(self, parents: dict[str, lxml.html.HtmlElement]) -> None:
        open_blocks: list[lxml.html.HtmlElement] = []
        for word, code in self._codes.items():
            if not code.is_block:
                continue
            if code.keyword in ("if", "for"):
                open_blocks.append(parents[word])
            elif open_blocks[-1] is not parents[word]:
                raise ContentError(
                    "This condition or loop opens between other tags than it closes. Put whole "
                    "paragraphs or table rows between its beginning and its end.",
                    code.line,
                )
            if code.keyword in ("endif", "endfor"):
                open_blocks.pop()

    def _number_links(self) -> None:
        for link in self._root.iter("a"):
            href = link.get("href")
            if href is None or self._is_own_page(href):
                continue
            if is_website(href.strip(), link.sourceline):
                link.set("href", self.placeholders.word(f"{{{{ _links[{len(self.links)}] }}}}"))
                self.links.append(href.strip())

    def _is_own_page(self, href: str | None) -> bool:
        code = self._codes.get(href or "")
        return code is not None and _OWN_PAGE.fullmatch(code.source) is not None


_WRONG_PLACE = (
    "Merge code can stand in text, and a field in alt and title. It cannot stand in a link, inside "
    "a tag, in styles or in a comment. Only unsubscribe_url and preferences_url may be whole links."
)
