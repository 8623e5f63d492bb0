"""From compiled content and one recipient's values to the message this recipient reads."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from itertools import islice

from jinja2 import Template, Undefined
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.sandbox import ImmutableSandboxedEnvironment

from delivery.content.compiler import CompiledContent
from delivery.content.language import ContentError

# A loop goes over so many items at most, and a part has so many characters at most.
MAX_ITEMS = 100
MAX_OUTPUT = 1_000_000
PIECES = 50
"""Of a template's output, between two looks at how long it has become."""

_DATE_FORMATS = {
    "long": "{month} {d.day}, {d.year}",
    "weekday": "{weekday}, {month} {d.day}, {d.year}",
    "short": "{d.month:02d}/{d.day:02d}/{d.year}",
    "iso": "{d.year:04d}-{d.month:02d}-{d.day:02d}",
}


@dataclass(frozen=True, slots=True)
class Rendered:
    """One recipient's message."""

    subject: str
    html: str
    text: str


def render(
    compiled: CompiledContent,
    context: Mapping[str, object],
    link_url: Callable[[int], str] | None = None,
    pixel_url: str | None = None,
) -> Rendered:
    """Fill in one recipient's values. A missing value reads as empty; a choice, given as
    ``{"code": ..., "label": ...}``, is compared by its code and reads as its label.

    ``link_url`` gives the address for a link's number (tracking); without it links lead straight
    to their destinations. ``pixel_url`` adds an invisible picture. Raises :class:`ContentError`
    when a message grows without measure or a condition compares what cannot be compared; its text
    holds no value.
    """
    html, text = _templates(compiled.html, compiled.text)
    values = values_of(compiled, context, link_url, pixel_url)
    try:
        return Rendered(compiled.subject, html.render(values), text.render(values))
    except TypeError:
        raise ContentError("A condition compares values of different kinds.") from None


def values_of(
    compiled: CompiledContent,
    context: Mapping[str, object],
    link_url: Callable[[int], str] | None,
    pixel_url: str | None,
) -> dict[str, object]:
    """What the compiled templates are filled with."""
    values = {name: _value(value) for name, value in context.items() if value is not None}
    for name in compiled.lists:
        values[name] = _items(values.get(name))
    numbers = range(len(compiled.links))
    values["_links"] = [link_url(n) for n in numbers] if link_url else compiled.links
    values["_pixel"] = pixel_url
    return values


def _items(value: object) -> list[object]:
    if isinstance(value, list | tuple):
        return list(value[:MAX_ITEMS])
    return [] if value is None or value == "" else [value]


class _Choice(str):
    """Compared by its code, read by its label."""

    __slots__ = ("label",)
    label: str


def _value(value: object) -> object:
    """Choices come as {"code": ..., "label": ...}, alone or in a list; other values as they are."""
    if isinstance(value, list):
        return [_value(item) for item in value]
    if isinstance(value, dict):
        choice = _Choice(value["code"])
        choice.label = value["label"]
        return choice
    return value


class _Missing(Undefined):
    """A field without value: empty when printed, and neither less nor more than anything."""

    def _never(self, _other: object) -> bool:
        return False

    __lt__ = __le__ = __gt__ = __ge__ = _never  # type: ignore[assignment]


class Environment(ImmutableSandboxedEnvironment):
    """Only our filters; no globals, no tests; bounded output."""

    def __init__(
        self,
        *,
        autoescape: bool,
        finalize: Callable[[object], object],
        longest: int = MAX_OUTPUT,
    ) -> None:
        self._longest = longest
        super().__init__(
            autoescape=autoescape,
            undefined=_Missing,
            finalize=finalize,
            keep_trailing_newline=True,
            cache_size=0,
        )
        self.globals = {}
        self.tests = {}
        self.filters = {
            name: _on_print(JINJA_FILTERS[name]) for name in ("upper", "lower", "title")
        }
        self.filters |= {"default": _default, "date": _date}

    def concat(self, parts: Iterable[str]) -> str:
        """Join a template's output, but not without end."""
        pieces = iter(parts)
        collected: list[str] = []
        length = 0
        while some := list(islice(pieces, PIECES)):
            collected.append("".join(some))
            length += len(collected[-1])
            if length > self._longest:
                raise ContentError("The message became too long for a recipient.")
        return "".join(collected)


def printed(value: object) -> object:
    """Lists read as "a, b, c", choices by their labels."""
    if isinstance(value, list | tuple):
        return ", ".join(str(printed(item)) for item in value[:MAX_ITEMS])
    return value.label if isinstance(value, _Choice) else value


def _on_print(change: Callable[[str], str]) -> Callable[[object], str]:
    """A filter that works on what is read."""
    return lambda value: change(str(printed(value)))


def _default(value: object, replacement: object = "") -> object:
    """The replacement for a value that is missing or empty."""
    return replacement if isinstance(value, Undefined) or value == "" else value


def _date(value: object, style: str = "long") -> object:
    """A date in words; ISO text counts as a date, other text stays as it is."""
    day = value
    if isinstance(value, str):
        try:
            day = datetime.fromisoformat(value)
        except ValueError:
            return value
    if not isinstance(day, date):
        return value
    pattern = _DATE_FORMATS.get(style, _DATE_FORMATS["long"])
    return pattern.format(d=day, month=_MONTHS[day.month - 1], weekday=_WEEKDAYS[day.weekday()])


# Spelled out: strftime would follow the server's locale.
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_HTML = Environment(autoescape=True, finalize=printed)
_TEXT = Environment(autoescape=False, finalize=printed)


@lru_cache(maxsize=64)
def _templates(html: str, text: str) -> tuple[Template, Template]:
    return _HTML.from_string(html), _TEXT.from_string(text)
