"""The segment builder's pages: a live count that hides small ones, words, and saving."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from accounts.rules import Role
from audit.models import Event
from contacts import queries, services
from contacts.models import Segment
from tenancy.current import acting_for
from tests.contacts.patients import patient, store
from tests.people import Room

EVERYBODY = '{"where":{"kind":"all","of":[]}}'


def _asthma() -> str:
    condition = {"kind": "field", "field": "conditions", "operator": "is", "values": ["asthma"]}
    return json.dumps({"where": {"kind": "any", "of": [condition]}})


@pytest.fixture
def browser(room: Room) -> Client:
    return room.client(Role.MARKETER)


def _count(room: Room, browser: Client, tree: str) -> str:
    return browser.post(room.url("segments/count/"), {"tree": tree}).content.decode()


@pytest.mark.parametrize(("people", "shown"), [(0, "10 or fewer"), (1, "10 or fewer"), (11, "11")])
def test_the_live_count_hides_small_ones(
    room: Room, browser: Client, people: int, shown: str
) -> None:
    with acting_for(room.riverside.id):
        store(patient(n) for n in range(people))
        store([patient(99, Conditions="COPD")])
    answer = _count(room, browser, _asthma())
    assert f'<div class="figure">{shown}</div>' in answer
    assert "People whose conditions include Asthma" in answer
    assert "The field Conditions tells something about health" in answer


def test_an_incomplete_tree_says_what_is_missing(room: Room, browser: Client) -> None:
    answer = _count(room, browser, '{"where":{"kind":"all","of":[{"kind":"any","of":[]}]}}')
    assert "no condition yet" in answer
    assert "could not be read" in _count(room, browser, "{")


def test_a_segment_is_saved_and_opens_in_the_builder(room: Room, browser: Client) -> None:
    response = browser.post(room.url("segments/new/"), {"name": "Lungs", "tree": _asthma()})
    assert response.status_code == 302
    with acting_for(room.riverside.id):
        segment = Segment.objects.get()
        assert Event.objects.get(action="segment_saved").object_id == segment.id
    page = browser.get(room.url(f"segments/{segment.id}/")).content.decode()
    assert "&quot;asthma&quot;" in page
    listed = browser.get(room.url("segments/")).content.decode()
    assert "Lungs" in listed
    assert "asthma" not in listed.casefold()
    changed = {"name": "All", "tree": EVERYBODY}
    browser.post(room.url(f"segments/{segment.id}/save/"), changed)
    with acting_for(room.riverside.id):
        segment.refresh_from_db()
        assert segment.name == "All"
        assert not queries.segment_tree(segment).where.of


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"name": "", "tree": EVERYBODY}, "required"),
        ({"name": "Taken", "tree": EVERYBODY}, "Another segment has this name"),
        ({"name": "Broken", "tree": '{"where": 1}'}, "not complete"),
    ],
)
def test_a_segment_that_cannot_be_saved_is_explained(
    room: Room, browser: Client, data: dict[str, str], words: str
) -> None:
    browser.post(room.url("segments/new/"), {"name": "Taken", "tree": EVERYBODY})
    response = browser.post(room.url("segments/new/"), data)
    assert response.status_code == 200
    assert words in response.content.decode()


def test_an_analyst_reads_the_segment_but_gets_no_builder(room: Room) -> None:
    with acting_for(room.riverside.id):
        store(patient(n) for n in range(20))
        segment = services.save_segment("Lungs", _asthma(), room.people[Role.OWNER].id)
    page = room.client(Role.ANALYST).get(room.url(f"segments/{segment.id}/")).content.decode()
    assert "People whose conditions include Asthma" in page
    assert '<div class="figure">20</div>' in page
    assert "segment-root" not in page


def test_the_builder_offers_no_field_that_names_one_person(room: Room, browser: Client) -> None:
    page = browser.get(room.url("segments/new/")).content.decode()
    palette = page.split('<script id="segment-palette"')[1].split("</script>")[0]
    assert '"conditions"' in palette
    assert '"record_number"' not in palette
    assert '"email"' not in palette
