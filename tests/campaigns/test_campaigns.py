"""Promise 7: approval is bound to bytes, author and approver are two, launching happens once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.rules import Role
from campaigns import queries, services
from campaigns.models import Approval, Campaign, CampaignStatus
from campaigns.tasks import plan
from contacts.services import segments
from contacts.services.saving import save_many
from delivery.models import Mailing, Message, Sender
from tenancy.current import acting_for
from tests.people import Room
from tests.post import clean
from tests.records import make_records

ANSWERS = {"remuneration": "none", "gives_away": "no", "features": "no"}


@pytest.fixture
def campaign(room: Room) -> UUID:
    """A draft by the marketer."""
    return _draft(room)


def _draft(room: Room) -> UUID:
    ids = make_records(room.riverside, room.people[Role.MARKETER])
    assert isinstance(ids["campaign"], UUID)
    return ids["campaign"]


def stored(room: Room, campaign: UUID) -> Campaign:
    with acting_for(room.riverside.id):
        found: Campaign = Campaign.objects.get(id=campaign)
        return found


def page(room: Room, campaign: UUID, act: str = "") -> str:
    return room.url(f"campaigns/{campaign}/{act}")


def submit(room: Room, campaign: UUID) -> str:
    room.client(Role.MARKETER).post(page(room, campaign, "submit/"))
    row = stored(room, campaign)
    assert row.status == CampaignStatus.SUBMITTED
    return row.digest


def decide(room: Room, campaign: UUID, who: Role, digest: str, decision: str = "approve") -> str:
    answer = room.client(who).post(
        page(room, campaign, "decide/"),
        {"digest": digest, "decision": decision, "comment": "see above"},
        follow=True,
    )
    return answer.content.decode()


def approved(room: Room, campaign: UUID) -> None:
    decide(room, campaign, Role.PRIVACY_OFFICER, submit(room, campaign))
    assert stored(room, campaign).status == CampaignStatus.APPROVED


def launch(room: Room, campaign: UUID, client: Client | None = None) -> str:
    client = client or room.client(Role.MARKETER)
    return client.post(page(room, campaign, "launch/"), follow=True).content.decode()


def test_an_author_does_not_approve_what_is_their_own(room: Room) -> None:
    ids = make_records(room.riverside, room.people[Role.OWNER])
    campaign = ids["campaign"]
    assert isinstance(campaign, UUID)
    room.client(Role.OWNER).post(page(room, campaign, "submit/"))
    text = decide(room, campaign, Role.OWNER, stored(room, campaign).digest)
    assert "somebody else must approve it" in text
    assert stored(room, campaign).status == CampaignStatus.SUBMITTED


def test_a_return_needs_a_comment_and_gives_it_back(room: Room, campaign: UUID) -> None:
    digest = submit(room, campaign)
    client = room.client(Role.PRIVACY_OFFICER)
    answer = client.post(
        page(room, campaign, "decide/"), {"digest": digest, "decision": "return"}, follow=True
    )
    assert b"Say what should change." in answer.content
    decide(room, campaign, Role.PRIVACY_OFFICER, digest, "return")
    assert stored(room, campaign).status == CampaignStatus.DRAFT


def edit_template(room: Room, campaign: UUID) -> None:
    with acting_for(room.riverside.id):
        template = Campaign.objects.get(id=campaign).template
        template.subject = "Another subject"
        services.save_template(template, room.people[Role.MARKETER].id)


def edit_segment(room: Room, campaign: UUID) -> None:
    tree = '{"where": {"kind": "all", "of": [{"kind": "field", "field": "conditions",'
    tree += ' "operator": "is", "values": ["asthma"]}]}}'
    with acting_for(room.riverside.id):
        segment = Campaign.objects.get(id=campaign).segment_id
        segments.save_segment("All", tree, room.people[Role.MARKETER].id, segment)


def edit_sender(room: Room, campaign: UUID) -> None:
    with acting_for(room.riverside.id):
        Sender.objects.update(name="Somebody else")


def edit_campaign(room: Room, campaign: UUID) -> None:
    row = stored(room, campaign)
    answer = room.client(Role.MARKETER).post(
        page(room, campaign, "edit/"),
        {
            "name": row.name,
            "segment": row.segment_id,
            "template": row.template_id,
            "sender": row.sender_id,
            "purpose": "appointment",
            **ANSWERS,
        },
    )
    assert answer.status_code == 302


@pytest.mark.parametrize("edit", [edit_template, edit_segment, edit_sender, edit_campaign])
def test_any_edit_after_approval_voids_it(
    room: Room, campaign: UUID, edit: Callable[[Room, UUID], None]
) -> None:
    approved(room, campaign)
    edit(room, campaign)
    text = launch(room, campaign)
    assert "Submit it" in text
    row = stored(room, campaign)
    assert row.status != CampaignStatus.LAUNCHED
    with acting_for(room.riverside.id):
        assert not Mailing.objects.filter(reference=campaign).exists()


def test_approving_what_has_changed_meanwhile_is_refused(room: Room, campaign: UUID) -> None:
    seen = submit(room, campaign)
    edit_template(room, campaign)
    submit(room, campaign)
    assert "changed while you were reading" in decide(room, campaign, Role.PRIVACY_OFFICER, seen)


def test_what_is_launched_is_what_was_submitted(room: Room, campaign: UUID) -> None:
    approved(room, campaign)
    launch(room, campaign)
    with acting_for(room.riverside.id):
        row = Campaign.objects.get(id=campaign)
        mailing = services.plan(campaign)
        assert mailing.content_digest == queries.submitted(row).content.digest()
        assert mailing.approved_digest == row.digest
        assert mailing.audience == Message.objects.filter(mailing=mailing).count() == 1


def test_a_launch_whose_task_was_lost_is_taken_up(room: Room, campaign: UUID) -> None:
    approved(room, campaign)
    launch(room, campaign)
    assert queries.unplanned() == [], "not at once: its task is on the way"
    with acting_for(room.riverside.id):
        Campaign.objects.update(launched_at=timezone.now() - timedelta(minutes=1))
    assert queries.unplanned() == [(room.riverside.id, campaign)]
    plan(str(room.riverside.id), str(campaign))
    assert queries.unplanned() == []


def test_whoever_changed_it_can_t_approve_it(room: Room, campaign: UUID) -> None:
    row = stored(room, campaign)
    fields = ("segment", "template", "sender")
    room.client(Role.OWNER).post(
        page(room, campaign, "edit/"),
        {"name": row.name, "purpose": "appointment", **ANSWERS}
        | {name: getattr(row, f"{name}_id") for name in fields},
    )
    text = decide(room, campaign, Role.OWNER, submit(room, campaign))
    assert "somebody else must approve it" in text


def test_whoever_changed_its_segment_can_t_approve_it(room: Room, campaign: UUID) -> None:
    with acting_for(room.riverside.id):
        segment = Campaign.objects.get(id=campaign).segment_id
        tree = '{"where": {"kind": "all", "of": [{"kind": "field", "field": "conditions",'
        tree += ' "operator": "is", "values": ["asthma"]}]}}'
        segments.save_segment("All", tree, room.people[Role.OWNER].id, segment)
    text = decide(room, campaign, Role.OWNER, submit(room, campaign))
    assert "somebody else must approve it" in text


def _in_threads(*acts: Callable[[], object]) -> None:
    def closing(act: Callable[[], object]) -> object:
        try:
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        for done in [pool.submit(closing, act) for act in acts]:
            done.result()


def _act(room: Room, person: User, act: Callable[[], object]) -> Callable[[], object]:
    def run() -> object:
        try:
            with acting_for(room.riverside.id):
                return act()
        except services.NotPossible as problem:
            return problem

    return run


def test_two_people_approving_at_once_approve_once(committed_room: Room) -> None:
    room = committed_room
    campaign = _draft(room)
    digest = submit(room, campaign)
    deciders = [room.people[Role.PRIVACY_OFFICER], room.people[Role.OWNER]]

    def decision(person: User) -> Callable[[], object]:
        return _act(room, person, lambda: services.decide(campaign, digest, True, person.id))

    _in_threads(*(decision(person) for person in deciders))
    with acting_for(room.riverside.id):
        assert Approval.objects.count() == 1


def test_a_double_click_on_launch_launches_once(committed_room: Room) -> None:
    room = committed_room
    campaign = _draft(room)
    with acting_for(room.riverside.id):
        save_many([clean(n, f"p{n}@riverside-mail.test") for n in range(2, 30)])
    approved(room, campaign)
    clients = [room.client(Role.MARKETER) for _ in range(3)]
    _in_threads(*(lambda c=c: launch(room, campaign, c) for c in clients))
    organization = str(room.riverside.id)
    _in_threads(*(lambda: plan(organization, str(campaign)) for _ in range(3)))
    with acting_for(room.riverside.id):
        mailing = Mailing.objects.get(reference=campaign)
        assert Message.objects.filter(mailing=mailing).count() == mailing.audience == 29


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("<p>{{ first_name </p>", "Line"),
        ("<p>{{ frist_name }}</p>", "first_name"),
        ("{% for x in range(9999999) %}x{% endfor %}", "loop"),
        ("{{ first_name.__class__ }}", "Line 1"),
        ("<script>alert(1)</script>", "script"),
        ('<img src="https://tracker.test/x.gif">', "image"),
    ],
)
def test_a_bad_template_is_refused_in_words_and_nothing_typed_is_lost(
    room: Room, html: str, words: str
) -> None:
    answer = room.client(Role.MARKETER).post(
        room.url("templates/new/"), {"name": "T", "subject": "S", "html": html}
    )
    assert answer.status_code == 200
    errors = " ".join(answer.context["form"].errors["html"])
    assert words.casefold() in errors.casefold()
    assert answer.context["form"]["html"].value() == html


def test_a_campaign_on_patients_is_never_free_of_purpose(room: Room, campaign: UUID) -> None:
    row = stored(room, campaign)
    answer = room.client(Role.MARKETER).post(
        page(room, campaign, "edit/"),
        {
            "name": row.name,
            "segment": row.segment_id,
            "template": row.template_id,
            "sender": row.sender_id,
            "purpose": "",
            **ANSWERS,
            "remuneration": "paid",
        },
    )
    assert set(answer.context["form"].errors) == {"purpose", "sponsor"}
