"""Storing people: found again by who they are, sealed, and indexed, thousands at a time.

Whoever is given is looked for by the medical record number, then among those with the same address
who were born on the same day (`rules.imports.same_person`). Rows travel to the server by COPY into
a temporary table, for COPY into a table under row-level security is refused, and thence by INSERT.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
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
from contacts.services.matching import Form, LookUp, Person, Saved, Stock, Tools
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
    prepared = prepare(cleans, Tools.now(), source)
    prepared.write(timezone.now())
    return prepared.saved


def rebuild(profiles: Mapping[UUID, dict[str, Value]]) -> None:
    """Seal and index known contacts again under the current keys and fields. Their values, the
    time of their last change and the marks of households stay."""
    stock = Stock((), Tools.now())
    for who, profile in profiles.items():
        stock.replace(who, profile)
    stock.households.clear()
    pack(stock).write(None)


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
    prepared = pack(stock)
    try:
        with transaction.atomic():
            if taken or len(set(stock.claimed.values())) < len(profiles):
                raise IntegrityError
            prepared.write(timezone.now())
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


@dataclass(slots=True)
class Prepared:
    """People on their way into the database. Plain values without keys, so that another process
    may prepare what this one writes."""

    saved: Saved
    looked_up: list[LookUp] = field(repr=False)
    form: Form = field(repr=False)
    rows: bytes = field(repr=False)
    """As `incoming.pack` makes them, joined."""
    households: dict[bytes, list[bytes]] = field(repr=False)
    """Addresses that several may share now: their tokens, with those under older keys."""
    codes: dict[str, set[str]] = field(repr=False)
    source: UUID | None = None
    before: list[tuple[bytes, bytes]] = field(repr=False, default_factory=list)
    """What undoing needs of people whom the import changes: ids and sealed profiles."""

    @property
    def knows_anybody(self) -> bool:
        """Whether somebody was found."""
        return any(each.states for each in self.looked_up)

    def holds(self) -> bool:
        """Whether all of it would come out the same now, unless writing it raises an
        `IntegrityError`. Ask under `one_writer_at_a_time`."""
        return self.form == Tools.now().form and all(
            incoming.states_by(column, tokens) == states
            for column, tokens, states in self.looked_up
        )

    def write(self, now: datetime | None) -> None:
        """Store them. Call `one_writer_at_a_time` first. `now` is the time of the change; None
        keeps the former one. Raises `IntegrityError` if somebody new is known meanwhile."""
        if self.source and now:
            incoming.keep_for_undo(self.source, self.before, now)
        incoming.write(self.rows, self.form.index_version, now)
        incoming.mark_households(self.households.keys(), self.households)
        for key, codes in self.codes.items():
            keep_codes(key, codes)


def prepare(
    cleans: Sequence[CleanContact],
    tools: Tools,
    source: UUID | None = None,
    *,
    look_up: bool = True,
) -> Prepared:
    """All of `save_many` but the writing. Without a look-up everybody is taken for new, and
    `Prepared.holds` finds out whether they were."""
    return pack(merged(cleans, tools, look_up=look_up), source)


def merged(cleans: Sequence[CleanContact], tools: Tools, *, look_up: bool = True) -> Stock:
    """What becomes of each row."""
    stock = Stock(cleans, tools)
    if look_up:
        stock.look_up()
    stock.load()
    stock.merge()
    return stock


def pack(stock: Stock, source: UUID | None = None) -> Prepared:
    """Seal and index who changed, ready for the database."""
    changed = stock.changed()
    profiles = [person.profile or {} for person in changed]
    origin = source.bytes if source else None
    known = (each for each in changed if not each.is_new and each.source != origin)
    return Prepared(
        stock.saved,
        stock.looked_up(),
        stock.tools.form,
        _rows(stock.tools, changed, profiles, origin),
        {each: stock.older_addresses.get(each, []) for each in stock.households},
        _codes(stock.tools.form, profiles),
        source,
        [(each.id, each.sealed) for each in known] if source else [],
    )


def _rows(
    tools: Tools,
    people: Sequence[Person],
    profiles: Sequence[dict[str, Value]],
    source: bytes | None,
) -> bytes:
    tokens = index_tokens(tools.form.fields, tools.indexes[0]).of(profiles)
    seal, pack = tools.profiles.sealer(TABLE), incoming.pack
    return b"".join(
        pack(
            person.is_new,
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
        for person, profile, found in zip(people, profiles, tokens, strict=True)
    )


def _codes(form: Form, profiles: Sequence[dict[str, Value]]) -> dict[str, set[str]]:
    """The codes in these profiles, by field."""
    codes: defaultdict[str, set[str]] = defaultdict(set)
    keys = {each.key for each in form.fields if each.type is FieldType.CODES}
    for profile in profiles if keys else ():
        for key in keys & profile.keys():
            value = profile[key]
            if isinstance(value, list):  # else its field is being converted
                codes[key].update(value)
    return dict(codes)


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
