"""Keys rotate while the system works: nothing is lost, and nobody becomes somebody else."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from io import StringIO
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from consent import queries as consent
from consent.rules.decision import SuppressionReason, SuppressionScope, Verdict
from consent.rules.purposes import Information, Purpose, Remuneration, Use
from consent.services import drop_suppression_tokens, suppress
from contacts import queries, services
from contacts.models import Contact, Segment
from contacts.rules import segments
from encryption.cipher import key_id_of
from tenancy.current import acting_for
from tenancy.keys import forget_keys, keyring
from tenancy.models import DataKey, KeyUse, Walk
from tenancy.rotation import StillNeeded, remaining, retire, rotate
from tenancy.walks import run_walk, unfinished
from tests.contacts.patients import TODAY, cleaned, patient, store
from tests.people import Room
from tests.post import Post
from tests.tenancy.test_every_table import fill_every_table

CONDITION = {"kind": "field", "field": "conditions", "operator": "is", "values": ["asthma"]}
ASTHMA = json.dumps({"where": {"kind": "all", "of": [CONDITION]}})
EMAIL = "wilhelmina.quackenbush3@oldpost.test"


@pytest.fixture
def riverside(room: Room) -> Iterator[Room]:
    with acting_for(room.riverside.id):
        store(patient(n) for n in range(20))
        yield room


def begin(use: KeyUse) -> list[Walk]:
    """Rotate, and let the time pass in which every process learns of the key."""
    walks = rotate(use)
    DataKey.objects.update(active_from=timezone.now())
    Walk.objects.update(lease_until=None)
    forget_keys()
    return walks


def finish(room: Room) -> None:
    while waiting := unfinished():
        run_walk(room.riverside.id, waiting[0].id)


def test_a_new_key_seals_nothing_before_everybody_knows_it(riverside: Room) -> None:
    before = keyring(KeyUse.PROFILE).current
    walks = rotate(KeyUse.PROFILE)
    forget_keys()
    ring = keyring(KeyUse.PROFILE)
    assert ring.current.id == before.id
    assert len(ring.keys) == 2
    assert all(walk.lease_until and walk.lease_until > timezone.now() for walk in walks)


def test_every_profile_and_segment_is_sealed_again(riverside: Room) -> None:
    services.save_segment("Lungs", ASTHMA, riverside.stranger.id)
    before = {person.id: person.profile for person in queries.page().contacts}
    begin(KeyUse.PROFILE)
    assert remaining(KeyUse.PROFILE) == 20 + 1
    with pytest.raises(StillNeeded):
        retire(KeyUse.PROFILE)
    finish(riverside)
    assert remaining(KeyUse.PROFILE) == 0
    current = keyring(KeyUse.PROFILE).current.id
    assert {key_id_of(bytes(row.profile)) for row in Contact.objects.all()} == {current}
    assert retire(KeyUse.PROFILE) == 1
    forget_keys()
    assert {person.id: person.profile for person in queries.page().contacts} == before
    assert queries.segment_tree(Segment.objects.get()).where.of


def test_a_rotation_knows_from_the_beginning_how_much_there_is(riverside: Room) -> None:
    [people] = [
        walk for walk in rotate(KeyUse.PROFILE) if walk.kind == "seal.contacts_contact.profile"
    ]
    assert (people.done, people.total) == (0, 20)


def test_between_two_index_keys_everybody_is_found_once(
    riverside: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contacts.services.rebuilding.ROWS_AT_ONCE", 5)
    tree = segments.parse(ASTHMA, queries.vocabulary())
    suppress(EMAIL, SuppressionScope.ALL, SuppressionReason.UNSUBSCRIBED, "link")
    [stopped] = [person.id for person in queries.find(EMAIL)]
    begin(KeyUse.INDEX)
    steps = 0
    while waiting := unfinished():
        _one_step(riverside, waiting[0], monkeypatch)
        steps += 1
        assert queries.count(tree, TODAY) == 20
        assert len(queries.find("Quackenbush7", by_name=True)) == 1
        assert len(queries.find("RH000007")) == 1
        assert stopped_by(stopped)
        saved = services.save_many(cleaned(patient(n) for n in range(20)))
        assert (saved.created, saved.updated, saved.unchanged) == (0, 0, 20)
    assert steps > 5
    assert retire(KeyUse.INDEX) == 1
    forget_keys()
    assert queries.count(tree, TODAY) == 20
    assert [person.id for person in queries.find(EMAIL)] == [stopped]
    assert stopped_by(stopped)


def test_between_two_index_keys_a_household_stays_one_and_grows(riverside: Room) -> None:
    """Its members may stand under either key; mail to them needs care all the while."""
    family = {"Email": "family@oldpost.test"}
    first, second = store([patient(50, **family), patient(51, **family)])
    begin(KeyUse.INDEX)
    services.correct(first, {"phone": "5550177"}, TODAY)
    assert household() == {first, second}
    [third] = store([patient(52, **family)])
    assert household() == {first, second, third}
    [alone] = [person.id for person in queries.find(EMAIL)]
    [fourth] = store([patient(53, Email=EMAIL)])
    assert household() == {first, second, third, alone, fourth}
    finish(riverside)
    store([patient(53)])
    assert household() == {first, second, third}


def household() -> set[UUID]:
    return set(Contact.objects.filter(household=True).values_list("id", flat=True))


class _Killed(Exception):
    pass


def _one_step(room: Room, walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker does that dies after one step; its lease has run out."""
    from tenancy import walks

    steps = 0
    plain = walks.acting_for

    def acting_once(organization_id: object) -> object:
        nonlocal steps
        steps += 1
        if steps > 1:
            raise _Killed
        return plain(organization_id)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(walks, "acting_for", acting_once)
        with contextlib.suppress(_Killed):
            run_walk(room.riverside.id, walk.id)
    Walk.objects.filter(finished_at=None).update(lease_until=None)


def test_the_command_begins_tells_and_retires(room: Room) -> None:
    def run(*arguments: str) -> str:
        out = StringIO()
        call_command("rotate_keys", "--organization", "riverside", *arguments, stdout=out)
        return out.getvalue()

    assert "nothing was ever rotated" in run("--status")
    assert "profile, " in run("--use", "profile")
    assert "0 of " in run("--status")
    with pytest.raises(CommandError, match="not finished"):
        run("--retire", "--use", "profile")
    with acting_for(room.riverside.id):
        Walk.objects.update(lease_until=None)
        DataKey.objects.update(active_from=timezone.now())
        forget_keys()
        finish(room)
    forget_keys()
    assert "older keys destroyed: 1" in run("--retire", "--use", "profile")
    with pytest.raises(CommandError, match="no such organization"):
        call_command("rotate_keys", "--organization", "nobody")


def test_the_old_index_key_stays_as_long_as_somebody_erased_is_known_by_it(
    riverside: Room,
) -> None:
    [gone] = [person.id for person in queries.find("RH000007")]
    services.erase(gone, timezone.now())
    begin(KeyUse.INDEX)
    finish(riverside)
    with pytest.raises(StillNeeded):
        retire(KeyUse.INDEX)
    forget_keys()
    saved = services.save_many(cleaned([patient(7)]))
    assert (saved.created, saved.unchanged) == (0, 1)


def test_between_two_index_keys_a_record_number_is_still_one_person_s(riverside: Room) -> None:
    [second] = [person.id for person in queries.find("RH000008")]
    begin(KeyUse.INDEX)
    with pytest.raises(services.IdentityTaken):
        services.correct(second, {"record_number": "RH000007"}, TODAY)


def stopped_by(contact: UUID) -> str:
    """Why this person gets no reminder."""
    use = Use(Purpose.TREATMENT_REMINDER, Remuneration.NONE, frozenset({Information.DEMOGRAPHIC}))
    decision = consent.decisions(use, [contact], timezone.now())[contact]
    return decision.code if decision.verdict is Verdict.SUPPRESS else ""


def test_a_suppression_outlives_a_walk_that_did_not_reach_everybody(riverside: Room) -> None:
    suppress(EMAIL, SuppressionScope.ALL, SuppressionReason.UNSUBSCRIBED, "link")
    [stopped] = [person.id for person in queries.find(EMAIL)]
    begin(KeyUse.INDEX)
    drop_suppression_tokens("", None)
    assert stopped_by(stopped)


def test_every_kind_of_sealed_value_can_take_a_new_key(committed_room: Room, post: Post) -> None:
    """The application's role must be allowed to write each of them again."""
    fill_every_table(committed_room, post)
    for use in (KeyUse.PROFILE, KeyUse.MESSAGE, KeyUse.AUTHORIZATION, KeyUse.SENDER):
        with acting_for(committed_room.riverside.id):
            begin(use)
            waiting = unfinished()
        for walk in waiting:
            run_walk(committed_room.riverside.id, walk.id)
        with acting_for(committed_room.riverside.id):
            assert unfinished() == []
