"""The blind index's tokens of many profiles, field by field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from contacts.rules.fields import Field, FieldType, Value
from contacts.rules.indexing import ELSEWHERE, MONTH_CHARACTERS, entries_of
from contacts.services import incoming
from encryption.blind_index import BlindIndex

REMEMBERED = 20_000
"""Values of a field whose tokens are remembered for the next rows."""


class IndexTokens:
    """The tokens of profiles under one index key. Remembers those of common values."""

    def __init__(self, definitions: Iterable[Field], index: BlindIndex) -> None:
        self._fields = {
            each.key: _Tokens(each, index)
            for each in definitions
            if each.searchable and each.key not in ELSEWHERE
        }

    def of(self, profiles: Sequence[Mapping[str, Value]]) -> list[bytes]:
        """All tokens of each profile, packed for writing."""
        present = set().union(*profiles)
        values = [profile.get for profile in profiles]
        columns = [
            tokens.of([value(key) for value in values])
            for key, tokens in self._fields.items()
            if key in present
        ]
        if not columns:
            return [b""] * len(profiles)
        return list(map(b"".join, zip(*columns, strict=True)))


@lru_cache(maxsize=4)
def index_tokens(definitions: tuple[Field, ...], index: BlindIndex) -> IndexTokens:
    """The same from batch to batch, with what it remembers."""
    return IndexTokens(definitions, index)


class _Tokens(dict[Any, bytes]):
    """A field's values with their tokens, packed for writing, made when they are first met."""

    def __init__(self, definition: Field, index: BlindIndex) -> None:
        super().__init__()
        self._definition, self._index = definition, index
        self._is_date = definition.type is FieldType.DATE
        self._is_list = definition.type in (FieldType.CHOICES, FieldType.CODES)

    def of(self, values: Sequence[Value]) -> list[bytes]:
        """The tokens of each of these values."""
        known: Sequence[Value] = values
        if self._is_date:  # whose tokens depend on the month alone
            known = [each[:MONTH_CHARACTERS] if isinstance(each, str) else each for each in values]
        try:
            return list(map(self.__getitem__, known))
        except TypeError:  # lists: several choices, or what its field held before it was changed
            return [
                b"".join(map(self.__getitem__, each)) if isinstance(each, list) else self[each]
                for each in known
            ]

    def __missing__(self, member: Any) -> bytes:
        if len(self) >= REMEMBERED:
            self.clear()
        value = [member] if self._is_list and member is not None else member
        entries = entries_of(self._definition, value)
        tokens = b"".join(incoming.pack_token(self._index.token(*entry)) for entry in entries)
        self[member] = tokens
        return tokens
