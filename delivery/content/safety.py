"""The HTML an email may consist of: lists of what is allowed. Nothing runs, nothing is fetched."""

import re
from urllib.parse import urlsplit

import lxml.html

from delivery.content.language import ContentError

MAX_URL = 2000

_TAGS = frozenset(
    """
    html head body title meta style a abbr address article aside b big blockquote br caption
    center cite code col colgroup dd del div dl dt em figcaption figure font footer h1 h2 h3 h4
    h5 h6 header hr i img ins li main mark nav ol p pre q s section small span strike strong sub
    sup table tbody td tfoot th thead time tr tt u ul wbr
    """.split()  # noqa: SIM905
)
_ATTRIBUTES = frozenset(
    """
    align alt bgcolor border cellpadding cellspacing charset class color colspan content dir face
    height href hspace http-equiv id lang name nowrap rel role rowspan scope size span src start
    style summary target title type valign vspace width xmlns
    """.split()  # noqa: SIM905
)
_PREFIXES = ("aria-", "data-", "xmlns:")
_PICTURE = re.compile(r"data:image/(?:png|gif|jpeg|webp);base64,[A-Za-z0-9+/=\s]+", re.IGNORECASE)
_OTHER_LINK = re.compile(r"(?:mailto:|tel:|#)[^\s\x00-\x1f]*", re.IGNORECASE)
_CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
# A backslash could spell any of the others.
_CSS_REFUSED = re.compile(
    r"""@import|\\|expression\s*\(|image-set\s*\(|src\s*\(|url\s*\((?!\s*["']?data:)"""
)


def check_element(element: lxml.html.HtmlElement) -> None:
    """Raise :class:`ContentError` for an element that does not belong into an email."""
    tag, line = str(element.tag), element.sourceline
    if tag not in _TAGS:
        raise ContentError(f"<{tag}> cannot be used in an email.", line)
    for name, value in element.attrib.items():
        _check_attribute(tag, name, value, line)
    if tag == "style":
        _check_css(element.text or "", line)
    if element.get("http-equiv", "").lower() == "refresh":
        raise ContentError("A message cannot forward its reader to another page.", line)


def check_conditional_comment(text: str, line: int | None) -> None:
    """A comment for Outlook (``[if mso]``) may hold layout, and nothing that is fetched."""
    lowered = text.lower()
    if "://" in lowered or "src" in lowered or "url" in lowered or "<script" in lowered:
        raise ContentError("A comment for Outlook cannot load or link anything.", line)


def is_website(href: str, line: int | None) -> bool:
    """Whether a link leads to a website; raises for one that leads nowhere good."""
    if _OTHER_LINK.fullmatch(href):
        return False
    if re.search(r"[\s\x00-\x1f\x7f]", href) or len(href) > MAX_URL:
        raise ContentError("This link has spaces in it or is too long.", line)
    try:
        parts = urlsplit(href)
        complete = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        complete = False
    if not complete:
        raise ContentError(
            "A link needs a full address, like https://www.example.com/page, or mailto: or tel:.",
            line,
        )
    return True


def _check_attribute(tag: str, name: str, value: str, line: int | None) -> None:
    if name.startswith("on"):
        raise ContentError(f"A message cannot run scripts: remove “{name}”.", line)
    if name not in _ATTRIBUTES and not name.startswith(_PREFIXES):
        raise ContentError(f"“{name}” cannot be used in <{tag}>.", line)
    if name == "style":
        _check_css(value, line)
    if name == "src" and (tag != "img" or not _PICTURE.fullmatch(value)):
        raise ContentError(
            "A picture must be embedded in the message (data:image/...). A picture on another "
            "website would tell that website who opens the message.",
            line,
        )
    if name == "href" and tag != "a":
        raise ContentError(f"<{tag}> cannot have a link.", line)


def _check_css(css: str, line: int | None) -> None:
    # With comments too: "/*" within a string is none, and could hide what stands behind it.
    if any(_CSS_REFUSED.search(text.lower()) for text in (css, _CSS_COMMENT.sub("", css))):
        raise ContentError(
            "Styles cannot load anything from elsewhere (@import, url) or use backslashes.", line
        )
