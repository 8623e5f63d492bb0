"""The pieces of an import's table, prepared: opened, cleaned, merged, sealed and indexed.

Those of a long table are prepared by a second process, one piece ahead of the one that is written.
The people of a piece are then looked up a step too early, before the piece ahead of it is written;
and as long as pieces bring new people only, they are not looked up at all. `Prepared.holds` finds
out if that was wrong, and the piece is prepared again.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from uuid import UUID

import structlog
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from contacts import queries
from contacts.helper import Asker, Helper, HelperFailed
from contacts.models import Import, ImportStatus
from contacts.rules.email import flags
from contacts.rules.imports import CleanContact, Cleaner, Reject
from contacts.rules.reading import Row
from contacts.services.matching import Saved, Tools
from contacts.services.saving import Prepared, merged, one_writer_at_a_time, prepare
from tenancy.current import acting_for

WORTH_IT = 40_000
"""Rows from which on a helper is asked. With fewer its start takes longer than it saves."""
PATIENCE = 20.0
"""Seconds that the helper may take for a piece, its start included. The import is locked meanwhile,
and whoever cancels it waits."""
COLLECTED = 10
"""Pieces between two runs of the collector of cycles: rows with problems leave some."""

log = structlog.get_logger()


@dataclass(slots=True)
class Piece:
    """What some rows came to. Plain values without keys, so that another process may make it."""

    size: int
    saved: Saved
    people: Prepared | None
    """None if the rows are only looked at."""
    rejects: list[Reject]
    flagged: list[Reject]
    cells: dict[int, tuple[str, ...]] = field(repr=False)
    """Of the rows that were rejected or flagged, by their number."""

    def holds(self) -> bool:
        """Whether its people would come out the same now (`Prepared.holds`)."""
        return self.people is None or self.people.holds()

    def write(self) -> None:
        """Store its people (`Prepared.write`)."""
        if self.people:
            self.people.write(timezone.now())


def write(piece: Piece, again: Callable[[], Piece]) -> Piece:
    """Store the people of a piece, prepared `again` if it would come out otherwise now. Returns
    what was stored."""
    one_writer_at_a_time()
    if piece.holds():
        with suppress(IntegrityError), transaction.atomic():
            piece.write()
            return piece
    piece = again()
    piece.write()
    return piece


@dataclass(slots=True)
class Preparer:
    """Prepares the rows of an import as its turn needs them: for a look, or to be taken."""

    import_id: UUID
    columns: dict[int, str]
    cleaner: Cleaner = field(repr=False)
    takes: bool

    @classmethod
    def of(cls, source: Import) -> Preparer:
        fields = queries.fields_by_key()
        # A field may have been removed since the columns were matched.
        columns = {int(column): key for column, key in source.mapping.items() if key in fields}
        cleaner = Cleaner(columns, fields, queries.today())
        return cls(source.id, columns, cleaner, source.status == ImportStatus.RUNNING)

    def piece(self, first: int, *, look_up: bool = True) -> Piece | None:
        """The piece of the table after `first` rows; None after the last."""
        rows = queries.rows_from(self.import_id, first)
        return self.prepared(rows, look_up=look_up) if rows else None

    def prepared(self, rows: Sequence[Row], *, look_up: bool = True) -> Piece:
        """What these rows come to. Without a look-up everybody is taken for new."""
        cleans, rejects = self.cleaner.clean_all(
            [(row.number, row.cells) for row in rows if not row.problem]
        )
        odd = [Reject(row.number, (row.problem,), (row.problem,)) for row in rows if row.problem]
        people, tools = None, Tools.now()
        if self.takes:
            people = prepare(cleans, tools, self.import_id, look_up=look_up)
        saved = people.saved if people else merged(cleans, tools).saved
        rejects = [*odd, *rejects, *saved.rejects]
        refused = {reject.number for reject in rejects}
        flagged = _flagged([clean for clean in cleans if clean.number not in refused])
        kept = refused | {each.number for each in flagged}
        cells = {row.number: row.cells for row in rows if row.number in kept} if kept else {}
        return Piece(len(rows), saved, people, rejects, flagged, cells)


def _flagged(cleans: Sequence[CleanContact]) -> list[Reject]:
    """Addresses that are well formed and yet will hardly reach the patient."""
    found = []
    for clean in cleans:
        if clean.email and (suspicious := flags(clean.email)):
            words = tuple(flag.words for flag in suspicious)
            found.append(Reject(clean.number, words, ()))
    return found


@contextmanager
def without_collector() -> Iterator[None]:
    """The collector of cycles runs between pieces alone: looking through thousands of rows time
    and again takes a quarter of it."""
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def collect(number: int) -> None:
    """After a piece, by its number: run the collector now and then."""
    if number % COLLECTED == 0:
        gc.collect(0)


class Pieces:
    """The pieces of an import's table in their order. If there are many rows left, a helper
    prepares each while the one before is written. If it fails, or takes too long, they are
    prepared here."""

    def __init__(self, organization_id: UUID, preparer: Preparer, rows_left: int) -> None:
        self._preparer = preparer
        self._helper: Helper | None = None
        self._asked_for = -1
        self._latest: Piece | None = None
        if rows_left >= WORTH_IT:
            try:
                self._helper = Helper(answer_questions)
            except HelperFailed:
                self._log_failure()
            else:
                database = connection.settings_dict["NAME"]
                self._helper.ask((organization_id, database, preparer.import_id))

    def __enter__(self) -> Pieces:
        return self

    def __exit__(self, *_: object) -> None:
        if self._helper:
            self._helper.stop()

    def next(self, first: int) -> Piece | None:
        """The piece after `first` rows; None after the last."""
        if self._helper:
            try:
                return self._helped(self._helper, first)
            except HelperFailed:
                self._helper.stop()
                self._helper = None
                self._log_failure()
        return self._preparer.piece(first)

    def _log_failure(self) -> None:
        log.error("import_helper_failed", import_id=str(self._preparer.import_id))

    def _helped(self, helper: Helper, first: int) -> Piece | None:
        if self._asked_for != first:
            helper.ask((first, True))
        piece: Piece | None = helper.answer(PATIENCE)
        if piece:
            self._asked_for = first + piece.size
            helper.ask((self._asked_for, not self._only_new_people_come()))
        self._latest = piece
        return piece

    def again(self, first: int) -> Piece:
        """The same piece prepared here and now, since contacts changed meanwhile."""
        self._latest = self._preparer.prepared(queries.rows_from(self._preparer.import_id, first))
        return self._latest

    def _only_new_people_come(self) -> bool:
        """Whether the piece that was written last had nobody else."""
        people = self._latest.people if self._latest else None
        return people is not None and not people.knows_anybody


def answer_questions(asker: Asker) -> None:
    """The helper's work: prepare pieces until nobody asks any more."""
    organization, database, import_id = asker.recv()
    connection.settings_dict["NAME"] = database
    with acting_for(organization):
        preparer = Preparer.of(Import.objects.get(id=import_id))
    with without_collector():
        for number in count(1):
            first, look_up = asker.recv()
            with acting_for(organization):
                piece = preparer.piece(first, look_up=look_up)
            asker.send(piece)  # waits until it is fetched
            collect(number)
