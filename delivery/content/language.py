"""The part of Jinja2 that authors may use, as a list of what is allowed.

Allowed: text, ``{{ field }}`` with named filters, conditions that compare fields with constants,
and one level of ``for`` over a field. Everything else (calls, attributes, arithmetic, macros,
imports) is refused by its syntax tree before anything runs: a sandbox alone bounds neither time
nor memory.
"""

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from jinja2 import Environment, TemplateSyntaxError, nodes

RESERVED_FIELDS = ("unsubscribe_url", "preferences_url", "postal_address", "organization_name")
FILTERS = ("default", "upper", "lower", "title", "date")

MAX_SOURCE = 500_000
MAX_NESTING = 10
MAX_CONDITION_DEPTH = 20

_PARSER = Environment(autoescape=True, keep_trailing_newline=True)  # it only parses
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class ContentError(ValueError):
    """Content that cannot be used. ``message`` tells the author what to change; ``line`` where."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message if line is None else f"Line {line}: {message}")
        self.message = message
        self.line = line


@dataclass(frozen=True, slots=True)
class Code:
    """One piece of merge code as it stands in the source."""

    source: str
    line: int
    is_block: bool

    @property
    def keyword(self) -> str:
        """The first word: ``if`` of ``{% if x %}``."""
        return self.source.strip("{}%- \t\n").partition(" ")[0]


@dataclass(slots=True)
class Usage:
    """The fields a text uses, and those of them that it loops over."""

    fields: set[str] = field(default_factory=set)
    lists: set[str] = field(default_factory=set)


def split(source: str) -> list[str | Code]:
    """The source as text and merge code in turn, comments left out."""
    pieces: list[str | Code] = []
    code: list[str] = []
    start = 0
    for line, token, value in _PARSER.lex(source):
        if token == "data":  # noqa: S105 (a kind of token of a template)
            pieces.append(value)
        elif token == "raw_begin":  # noqa: S105
            raise ContentError("{% raw %} cannot be used.", line)
        elif token in ("variable_begin", "block_begin"):
            code, start = [value], line
        elif token in ("variable_end", "block_end"):
            is_block = token == "block_end"  # noqa: S105
            pieces.append(Code("".join([*code, value]), start, is_block))
        elif not token.startswith("comment"):
            code.append(value)
    return pieces


def check(source: str, fields: Collection[str]) -> Usage:
    """Which fields the source uses; raises :class:`ContentError` for what is not allowed."""
    if len(source) > MAX_SOURCE:
        raise ContentError(f"The message is longer than {MAX_SOURCE:,} characters.")
    try:
        template = _PARSER.parse(source)
    except TemplateSyntaxError as error:
        raise ContentError(_plain(error.message or ""), error.lineno) from None
    except RecursionError:
        raise ContentError("The merge code is nested too deeply.") from None
    checker = _Checker({*fields, *RESERVED_FIELDS})
    checker.body(template.body, depth=0)
    return checker.usage


class _Checker:
    """Walks the syntax tree. Depth is bounded at each step, so the walk is too."""

    def __init__(self, known: set[str]) -> None:
        self.usage = Usage()
        self._known = known
        self._loop_variable: str | None = None

    def body(self, statements: Sequence[nodes.Node], depth: int) -> None:
        if depth > MAX_NESTING:
            raise ContentError(
                f"Conditions are nested more than {MAX_NESTING} deep.", statements[0].lineno
            )
        for node in statements:
            match node:
                case nodes.Output():
                    for part in node.nodes:
                        self._value(part)
                case nodes.If():
                    self._if(node, depth)
                case nodes.For():
                    self._for(node, depth)
                case _:
                    raise _refused(node)

    def _if(self, node: nodes.If, depth: int) -> None:
        for branch in (node, *node.elif_):
            self._condition(branch.test, 0)
            self.body(branch.body, depth + 1)
        self.body(node.else_, depth + 1)

    def _for(self, node: nodes.For, depth: int) -> None:
        if self._loop_variable is not None:
            raise ContentError("A loop cannot stand inside another loop.", node.lineno)
        if node.recursive or node.test is not None or not isinstance(node.target, nodes.Name):
            raise ContentError("A loop is written {% for item in field %}.", node.lineno)
        if not isinstance(node.iter, nodes.Name):
            raise ContentError(
                "A loop can only go over a merge field: {% for item in field %}.", node.lineno
            )
        variable = node.target.name
        if variable in self._known or not _NAME.fullmatch(variable) or variable == "loop":
            raise ContentError("Choose another name for the loop's item.", node.lineno)
        self._name(node.iter)
        self.usage.lists.add(node.iter.name)
        self._loop_variable = variable
        self.body(node.body, depth + 1)
        self._loop_variable = None
        self.body(node.else_, depth + 1)

    def _value(self, node: nodes.Node) -> None:
        """What may be printed: text, a field, a constant, with filters."""
        while isinstance(node, nodes.Filter) and node.node is not None:
            self._filter(node)
            node = node.node
        match node:
            case nodes.TemplateData() | nodes.Const():
                pass
            case nodes.Name():
                self._name(node)
            case _:
                raise _refused(node)

    def _filter(self, node: nodes.Filter) -> None:
        if node.name not in FILTERS:
            raise ContentError(
                f"There is no filter called “{node.name}”. You can use {', '.join(FILTERS)}.",
                node.lineno,
            )
        plain = all(isinstance(argument, nodes.Const) for argument in node.args)
        if not plain or len(node.args) > 1 or node.kwargs or node.dyn_args or node.dyn_kwargs:
            raise ContentError(
                f"The filter “{node.name}” takes one text in quotation marks at most.", node.lineno
            )

    def _condition(self, node: nodes.Node, depth: int) -> None:
        if depth > MAX_CONDITION_DEPTH:
            raise ContentError("This condition is too long.", node.lineno)
        match node:
            case nodes.And() | nodes.Or():
                self._condition(node.left, depth + 1)
                self._condition(node.right, depth + 1)
            case nodes.Not():
                self._condition(node.node, depth + 1)
            case nodes.Compare():
                self._value(node.expr)
                for operand in node.ops:
                    self._comparand(operand.expr)
            case _:
                self._value(node)

    def _comparand(self, node: nodes.Node) -> None:
        if not isinstance(node, nodes.List | nodes.Tuple):
            self._value(node)
        elif not all(isinstance(item, nodes.Const) for item in node.items):
            raise ContentError("A list in a condition can only hold fixed values.", node.lineno)

    def _name(self, node: nodes.Name) -> None:
        if node.name == self._loop_variable:
            return
        if node.name not in self._known:
            close = difflib.get_close_matches(node.name, sorted(self._known), 1)
            hint = f" Did you mean “{close[0]}”?" if close else ""
            raise ContentError(f"There is no merge field called “{node.name}”.{hint}", node.lineno)
        self.usage.fields.add(node.name)


_REFUSALS: dict[type[nodes.Node], str] = {
    nodes.Getattr: "A dot behind a merge field cannot be used. Write the field's name alone.",
    nodes.Getitem: "Square brackets behind a merge field cannot be used.",
    nodes.Call: "Functions, and so round brackets behind a name, cannot be used.",
    nodes.Assign: "{% set %} cannot be used.",
    nodes.Include: "{% include %} cannot be used.",
    nodes.Import: "{% import %} cannot be used.",
    nodes.FromImport: "{% import %} cannot be used.",
    nodes.Extends: "{% extends %} cannot be used.",
    nodes.Block: "{% block %} cannot be used.",
    nodes.Macro: "{% macro %} cannot be used.",
    nodes.BinExpr: "Arithmetic cannot be used.",
    nodes.Concat: "The sign ~ cannot be used.",
    nodes.Test: "The word “is” cannot be used. Write {% if field %} to ask whether it is filled.",
}


def _refused(node: nodes.Node) -> ContentError:
    for kind, message in _REFUSALS.items():
        if isinstance(node, kind):
            return ContentError(message, node.lineno)
    return ContentError(
        "Only merge fields with filters, {% if %} and {% for %} can be used.", node.lineno
    )


def _plain(message: str) -> str:
    """Jinja's message for a syntax error in an author's words."""
    for sign, words in _SYNTAX:
        if sign in message:
            return words
    return "This merge code is not complete. A merge field is written {{ first_name }}."


_SYNTAX = (
    ("innermost block that needs to be closed is 'if'", "An {% if %} has no {% endif %}."),
    ("innermost block that needs to be closed is 'for'", "A {% for %} has no {% endfor %}."),
    ("unknown tag 'end", "A block is closed here that was not opened."),
    ("unknown tag 'el", "{% else %} and {% elif %} belong between {% if %} and {% endif %}."),
    ("unknown tag", "Only {% if %} and {% for %} can be used here."),
    ("end of comment", "A comment that begins with {# has no end: #}."),
    ("end of print statement", "Between {{ and }} stands one merge field, like {{ first_name }}."),
    ("end of statement block", "This {% ... %} is not complete."),
)
