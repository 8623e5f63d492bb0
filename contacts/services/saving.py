"""Storing people: found again by who they are, sealed, and indexed, thousands at a time.

Whoever is given is looked for by the medical record number, then among those with the same address
who were born on the same day (`rules.imports.same_person`). Rows travel to the server by COPY into
a temporary table, for COPY into a table under row-level security is refused, and thence by INSERT.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import orjson
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from contacts.models import CodeEntry, Contact, Relationship
from contacts.queries.people import TABLE
from contacts.rules.fields import FieldType, Value, code_display
from contacts.rules.imports import CleanContact
from contacts.rules.starter import DECEASED, EMAIL, LANGUAGE, RELATIONSHIP
from contacts.services import incoming
from contacts.services.matching import Person, Saved, Stock, Tools
from contacts.services.tokens import index_tokens
from tenancy.current import current_organization_id
from tenancy.keys import blind_indexes

FALLBACK_LANGUAGE = "en"
# The relationship with the strictest rules.
UNKNOWN_RELATIONSHIP = Relationship.PATIENT.value


def save_contact(clean: CleanContact) -> UUID:
    """Store one person; returns the contact's id."""
    save_many([clean])
    identity = blind_indexes()[0].wide_token("identity", clean.identity)
    contact: UUID = Contact.objects.values_list("id", flat=True).get(identity=identity)
    return contact


def save_many(cleans: Sequence[CleanContact], source: UUID | None = None) -> Saved:
    """Store people, new or known, with a constant number of queries.

    What is known and not given again stays: a blank cell is no news. Somebody given twice is
    merged in the given order. Erased people stay erased, and a profile that cannot be opened stays
    as it is, so that nothing overwrites what happened to it. For an import (`source`) it keeps what
    it needs to be undone.
    """
    one_writer_at_a_time()
    batch = Batch(cleans, Tools.now(), source)
    batch.prepare()
    batch.write()
    return batch.saved


def preview_many(cleans: Sequence[CleanContact]) -> Saved:
    """What `save_many` would do now. Stores nothing."""
    batch = Batch(cleans, Tools.now())
    batch.look_up()
    batch.merge()
    return batch.saved


def save_prepared(batch: Batch) -> Saved:
    """`save_many` of a batch that was prepared before, while others wrote. It is prepared again if
    it would come out otherwise now."""
    one_writer_at_a_time()
    tools = Tools.now()
    if not batch.holds(tools):
        batch.start_over(tools)
        batch.prepare()
    batch.write()
    return batch.saved


def rebuild(profiles: Mapping[UUID, dict[str, Value]]) -> None:
    """Seal and index known contacts again under the current keys and fields. Their values, the
    time of their last change and the marks of households stay."""
    stock = Stock((), Tools.now())
    for who, profile in profiles.items():
        stock.replace(who, profile)
    stock.households.clear()
    writer = _Writer(stock, None)
    writer.pack()
    writer.write(None)


class IdentityTaken(ValueError):
    """Another contact has this medical record number, or this email and birth date."""


def replace_profiles(profiles: Mapping[UUID, dict[str, Value]]) -> None:
    """Give contacts these values and no others, by id. Call `one_writer_at_a_time` first.

    Raises `IdentityTaken`, and then changes nothing.
    """
    stock = Stock((), Tools.now())
    addresses = Contact.objects.filter(id__in=profiles).values_list("email_token", flat=True)
    stock.households.update(token.bytes for token in addresses if token)
    for who, profile in profiles.items():
        stock.replace(who, profile)
    # Not left to the unique constraint alone: the other may stand under the older index key.
    holders = incoming.known_by("identity", list(stock.claimed))
    taken = any(stock.claimed[each.identity] != each.id for each in holders)
    writer = _Writer(stock, None)
    writer.pack()
    try:
        with transaction.atomic():
            if taken or len(set(stock.claimed.values())) < len(profiles):
                raise IntegrityError
            writer.write(timezone.now())
    except IntegrityError:
        raise IdentityTaken(
            "Another contact has this medical record number, or this email and birth date."
            " Merge the two instead."
        ) from None


def one_writer_at_a_time() -> None:
    """Until the transaction ends nobody else adds or changes contacts of this organization.

    Else two imports could both add the same new person, or miss that they put one address to two
    people.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('contacts ' || %s, 0))",
            [str(current_organization_id())],
        )


class Batch:
    """People of some rows on their way into the database.

    Call `look_up`, `merge`, `pack` and `write` in this order. `merge` and `pack` do not need the
    database, so another thread may do them; nor does making a batch.
    """

    def __init__(
        self, cleans: Sequence[CleanContact], tools: Tools, source: UUID | None = None
    ) -> None:
        self._cleans, self._source = cleans, source
        self.start_over(tools)

    def start_over(self, tools: Tools) -> None:
        """Forget what was prepared."""
        self._stock = Stock(self._cleans, tools)
        self._writer = _Writer(self._stock, self._source)

    def prepare(self) -> None:
        """All but `write`."""
        self.look_up()
        self.merge()
        self.pack()

    @property
    def saved(self) -> Saved:
        """What became of the people, once they are merged."""
        return self._stock.saved

    @property
    def knows_anybody(self) -> bool:
        """Whether somebody was found."""
        return self._stock.knows_anybody

    @property
    def rows(self) -> list[bytes]:
        """The people as they will be written, once they are packed."""
        return self._writer.rows

    def look_up(self) -> None:
        """Find who is known. Without it everybody is taken for new."""
        self._stock.look_up()

    def merge(self) -> None:
        """Decide what becomes of each row."""
        self._stock.load()
        self._stock.merge()

    def pack(self) -> None:
        """Seal and index who changed."""
        self._writer.pack()

    def holds(self, tools: Tools) -> bool:
        """Whether all of it would come out the same now. Ask under `one_writer_at_a_time`."""
        return self._stock.tools == tools and self._stock.holds()

    def write(self) -> None:
        """Store who changed. Call `one_writer_at_a_time` first."""
        self._writer.write(timezone.now())


class _Writer:
    """Writes what of a stock has changed."""

    def __init__(self, stock: Stock, source: UUID | None) -> None:
        self.stock, self.source = stock, source
        self.changed: list[Person] = []
        self.rows: list[bytes] = []

    def pack(self) -> None:
        """Seal and index, ready for the database."""
        tools, self.changed = self.stock.tools, self.stock.changed()
        profiles = [person.profile or {} for person in self.changed]
        tokens = index_tokens(tools.fields, tools.indexes[0]).of(profiles)
        seal, pack = tools.profiles.sealer(TABLE), incoming.pack
        source = self.source.bytes if self.source else None
        self.rows = [
            pack(
                not person.sealed,
                person.id,
                seal(orjson.dumps(profile), person.id),
                person.identity,
                found,
                person.address,
                incoming.Columns(
                    str(profile.get(EMAIL, "")).rpartition("@")[2],
                    str(profile.get(LANGUAGE) or FALLBACK_LANGUAGE),
                    str(profile.get(RELATIONSHIP) or UNKNOWN_RELATIONSHIP),
                    profile.get(DECEASED) is True,
                    source,
                ),
            )
            for person, profile, found in zip(self.changed, profiles, tokens, strict=True)
        ]

    def write(self, now: datetime | None) -> None:
        """Store them. `now` is the time of the change; None keeps the former one."""
        if self.source and now:
            origin = self.source.bytes
            known = [each for each in self.changed if not each.is_new and each.source != origin]
            incoming.keep_for_undo(self.source, ((each.id, each.sealed) for each in known), now)
        incoming.write(self.rows, self.stock.tools.index_version, now)
        incoming.mark_households(self.stock.households)
        self._keep_codes()

    def _keep_codes(self) -> None:
        keys = {each.key for each in self.stock.tools.fields if each.type is FieldType.CODES}
        codes: defaultdict[str, set[str]] = defaultdict(set)
        for person in self.changed if keys else ():
            profile = person.profile or {}
            for key in keys & profile.keys():
                value = profile[key]
                if isinstance(value, list):  # else its field is being converted
                    codes[key].update(value)
        for key, found in codes.items():
            keep_codes(key, found)


def keep_codes(field_key: str, codes: Collection[str]) -> None:
    """Remember codes (`system|code|display`) for searching by their display."""
    CodeEntry.objects.bulk_create(
        [
            CodeEntry(field=field_key, system=system, code=code, display=code_display(each))
            for each in sorted(codes)
            if "|" in each
            for system, code, *_ in [each.split("|")]
        ],
        ignore_conflicts=True,
        batch_size=1_000,
    )
