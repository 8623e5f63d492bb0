"""Facts about contacts that higher apps know and segments may ask for.

Contacts must not import those apps, so each registers its kind of condition in `AppConfig.ready`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from contacts.rules.segments import FactKey

Loader: TypeAlias = Callable[[Collection[UUID], Collection[str]], Mapping[UUID, Collection[str]]]
"""From contacts and subjects to the subjects that are true of each contact, right now.

Runs inside `acting_for`, with up to some ten thousand contacts; it must use a number of queries
that does not grow with them. A contact that is left out has none of the facts.
"""

Choice: TypeAlias = tuple[str, str]
"""A subject and what people read for it."""

Choices: TypeAlias = Callable[[], Sequence[Choice]]
"""What a condition can be about, right now. Runs inside `acting_for`."""


class UnknownCondition(LookupError):
    """A segment asks for a kind of fact that no app has registered."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of condition: where its facts come from and what it can be about."""

    load: Loader
    choices: Choices


_kinds: dict[str, Kind] = {}


def register_facts(kind: str, loader: Loader, choices: Sequence[Choice] | Choices) -> None:
    """Offer a kind of condition to segments.

    `choices` are its subjects in the order to show, or a function that finds an organization's.
    """
    _kinds[kind] = Kind(loader, choices if callable(choices) else lambda: choices)


def choices_of(kind: str) -> tuple[Choice, ...]:
    """What a condition of this kind can be about; empty if no app offers the kind."""
    return tuple(_kinds[kind].choices()) if kind in _kinds else ()


def facts_about(
    contact_ids: Collection[UUID], wanted: Iterable[FactKey]
) -> dict[UUID, dict[FactKey, bool]]:
    """The wanted facts of each contact. Raises `UnknownCondition` for an unregistered kind."""
    by_kind: dict[str, list[FactKey]] = {}
    for fact in wanted:
        by_kind.setdefault(fact[0], []).append(fact)
    facts: dict[UUID, dict[FactKey, bool]] = {contact: {} for contact in contact_ids}
    for kind, asked in by_kind.items():
        true_of = _kind(kind).load(contact_ids, [subject for _, subject in asked])
        for contact, known in facts.items():
            held = true_of.get(contact, ())
            known.update({fact: fact[1] in held for fact in asked})
    return facts


def _kind(name: str) -> Kind:
    try:
        return _kinds[name]
    except KeyError:
        raise UnknownCondition(f"no app offers conditions of the kind {name!r}") from None
