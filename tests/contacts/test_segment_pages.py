"""The segment builder's pages: a live count that hides small ones, words, and saving."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from accounts.rules import Role
from audit.models import Event
from campaigns.models import Campaign
from contacts import queries, services
from contacts.models import CodeEntry, FieldDefinition, Segment
from tenancy.current import acting_for
from tests.contacts.patients import patient, store
from tests.people import Room
from tests.records import make_records

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
    assert "People whose conditions include Asthma" in listed
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


def test_a_long_segment_is_told_in_lines(room: Room, browser: Client) -> None:
    conditions = [
        {"kind": "field", "field": "birth_date", "operator": "age_at_least", "values": ["50"]},
        {"kind": "field", "field": "last_visit", "operator": "in_last", "values": ["6", "months"]},
        {"kind": "consent", "purpose": "marketing", "state": "has"},
        {"kind": "engagement", "event": "opened", "state": "did_not", "scope": {"last": 3}},
    ]
    answer = _count(room, browser, json.dumps({"where": {"kind": "none", "of": conditions}}))
    assert '<li class="depth-0">None of these:</li>' in answer
    assert '<li class="depth-1">Last visit was in the last 6 months</li>' in answer
    assert '<li class="depth-1">Did not open any of the last 3 messages</li>' in answer


def test_an_example_is_one_click_away(room: Room, browser: Client) -> None:
    page = browser.get(room.url("segments/new/")).content.decode()
    assert 'href="?start=flu"' in page
    started = browser.get(room.url("segments/new/?start=flu")).content.decode()
    assert "Flu shot due, 65 and older" in started
    assert "&quot;age_at_least&quot;" in started
    assert "?start=" not in started


def test_how_many_may_be_mailed_for_a_purpose(room: Room, browser: Client) -> None:
    with acting_for(room.riverside.id):
        store(patient(n) for n in range(3))

    def reach(tree: str, purpose: str) -> str:
        data = {"tree": tree, "purpose": purpose}
        return browser.post(room.url("segments/reach/"), data).content.decode()

    assert "10 or fewer" in reach(_asthma(), "marketing")
    with acting_for(room.riverside.id):
        store(patient(n) for n in range(3, 25))
    assert "10 or fewer of them</strong> may be mailed" in reach(_asthma(), "marketing")
    assert "all but 10 or fewer" in reach(_asthma(), "appointment")
    for tree, purpose in ((_asthma(), ""), (_asthma(), "other"), ("{", "marketing")):
        assert "may be mailed" not in reach(tree, purpose)


def test_codes_are_found_by_what_people_call_them(room: Room, browser: Client) -> None:
    with acting_for(room.riverside.id):
        for code, display in (("E11.9", "Type 2 diabetes"), ("I10", "Hypertension")):
            CodeEntry.objects.create(field="diagnoses", system="icd", code=code, display=display)
    with acting_for(room.lakeside.id):
        CodeEntry.objects.create(field="diagnoses", system="icd", code="E10", display="diabetes")
    answer = browser.post(
        room.url("segments/codes/"), {"field": "diagnoses", "text": "diabetes type"}
    )
    assert answer.json() == {"codes": [{"value": "icd|E11.9", "label": "Type 2 diabetes"}]}
    assert browser.get(room.url("segments/codes/?text=diabetes")).status_code == 405


def test_a_copy_has_a_name_of_its_own_and_the_same_people(room: Room, browser: Client) -> None:
    with acting_for(room.riverside.id):
        original = services.save_segment("Lungs", _asthma(), room.people[Role.OWNER].id)
    for name in ("Copy of Lungs", "Copy 2 of Lungs"):
        page = browser.post(room.url(f"segments/{original.id}/copy/"), follow=True)
        assert name in page.content.decode()
        with acting_for(room.riverside.id):
            copied = Segment.objects.get(name=name)
            assert queries.segment_tree(copied) == queries.segment_tree(original)
            assert copied.created_by == room.people[Role.MARKETER].id


def test_a_segment_is_deleted_after_asking(room: Room, browser: Client) -> None:
    with acting_for(room.riverside.id):
        segment = services.save_segment("Lungs", _asthma(), room.people[Role.OWNER].id)
    url = room.url(f"segments/{segment.id}/delete/")
    assert "Delete “Lungs”?" in browser.get(url).content.decode()
    with acting_for(room.riverside.id):
        assert Segment.objects.filter(id=segment.id).exists()
    assert "was deleted" in browser.post(url, follow=True).content.decode()
    with acting_for(room.riverside.id):
        assert not Segment.objects.filter(id=segment.id).exists()
        assert Event.objects.get(action="segment_deleted").object_id == segment.id


def test_a_segment_that_a_campaign_uses_stays(room: Room, browser: Client) -> None:
    ids = make_records(room.riverside, room.people[Role.OWNER])
    with acting_for(room.riverside.id):
        campaign = Campaign.objects.get()
    url = room.url(f"campaigns/{campaign.id}/")
    for path in ("segments/", f"segments/{ids['segment']}/", f"segments/{ids['segment']}/delete/"):
        assert f'href="{url}">{campaign.name}</a>' in browser.get(room.url(path)).content.decode()
    refused = browser.post(room.url(f"segments/{ids['segment']}/delete/"), follow=True)
    assert f"used in “{campaign.name}”" in refused.content.decode()
    with acting_for(room.riverside.id):
        assert Segment.objects.filter(id=ids["segment"]).exists()


def test_a_segment_whose_field_is_gone_is_listed_with_what_to_do(
    room: Room, browser: Client
) -> None:
    with acting_for(room.riverside.id):
        segment = services.save_segment("Lungs", _asthma(), room.people[Role.OWNER].id)
        FieldDefinition.objects.filter(key="conditions").delete()
    for path in ("segments/", f"segments/{segment.id}/"):
        page = browser.get(room.url(path)).content.decode()
        assert "a field that does not exist" in page
        assert "asthma" not in page.casefold()
    copied = browser.post(room.url(f"segments/{segment.id}/copy/"), follow=True)
    assert "could not be copied" in copied.content.decode()


def test_an_analyst_changes_nothing(room: Room) -> None:
    with acting_for(room.riverside.id):
        segment = services.save_segment("Lungs", _asthma(), room.people[Role.OWNER].id)
    analyst = room.client(Role.ANALYST)
    for path in ("copy", "delete"):
        assert analyst.post(room.url(f"segments/{segment.id}/{path}/")).status_code == 403
    for path in ("reach", "codes", "count"):
        assert analyst.post(room.url(f"segments/{path}/"), {}).status_code == 403
    page = analyst.get(room.url("segments/")).content.decode()
    assert "Copy" not in page
