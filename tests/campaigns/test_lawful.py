"""What the law asks of a campaign, from the form that an author fills in to who is left out.

The numbers are those of the acceptance checks for marketing under HIPAA that the product is held
to: authorization (1 to 12) and classification (13 to 22).
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from accounts.rules import Role
from campaigns import queries, services
from campaigns.models import Campaign, CampaignStatus
from consent import queries as consent_queries
from consent import services as consent
from consent.models import Authorization
from consent.rules.decision import Verdict
from consent.rules.forms import FormText
from consent.rules.part2 import NOTICE, Part2
from consent.rules.purposes import Information, Purpose
from consent.rules.starter import starter_form
from contacts import queries as contacts
from contacts.rules.fields import FieldClass, FieldGroup, FieldType
from contacts.rules.segments import Segment
from contacts.services import Wanted, add_field
from delivery import permits
from delivery.models import Batch, Message
from delivery.rules import Status
from delivery.services import batches, sending
from delivery.services.sending import use_of
from tenancy.current import acting_for
from tenancy.models import new_id
from tests.campaigns.desk import PLAIN, Desk
from tests.people import Room
from tests.post import Post

DIABETES = {"kind": "field", "field": "conditions", "operator": "is", "values": ["diabetes"]}
CARDIOLOGY = {"kind": "field", "field": "department", "operator": "is", "values": ["Cardiology"]}
NOBODY = "10 or fewer"
SPONSOR = {"remuneration": "paid", "sponsor": "Acme Fitness"}


@pytest.fixture
def desk(room: Room) -> Desk:
    desk = Desk(room)
    desk.people(12, department="Cardiology", state="IL", postal_code="62701")
    return desk


def everybody() -> list[UUID]:
    return [contact for contact, _ in contacts.matching(Segment(), contacts.today())]


def sign(desk: Desk, text: FormText, people: int = 12, days_ago: int = 7) -> list[Authorization]:
    """The first patients sign a form of this text."""
    with acting_for(desk.room.riverside.id):
        form = consent.save_draft(None, new_id().hex, text.to_json(), new_id())
        version = consent.publish(form, text, new_id())
        on = contacts.today() - timedelta(days=days_ago)
        return consent.record_authorizations(
            [
                consent.Signature(each, version.id, on, "Pat Example", copy_given=True)
                for each in everybody()[:people]
            ],
            None,
        )


def form(desk: Desk, sponsor: str = "", **changes: object) -> FormText:
    text = starter_form(desk.room.riverside.legal_name, "privacy@riverside.test", sponsor)
    return FormText.from_json(text.to_json() | changes)


def test_check_1_paid_marketing_needs_an_authorization_that_says_so(desk: Desk) -> None:
    sign(desk, form(desk))
    campaign = desk.campaign(purpose="marketing", **SPONSOR)
    found = desk.waterfall(campaign)
    assert found["Authorization does not mention payment"] == "12"
    assert found["Will be mailed"] == NOBODY
    rules = desk.room.client(Role.PRIVACY_OFFICER).get(desk.room.url("consent/rules/"))
    assert "lacks_remuneration_statement" in desk.reason_codes(campaign)
    assert b"164.508(a)(3)(ii)" in rules.content
    sign(desk, form(desk, "Acme Fitness"))
    assert desk.waterfall(campaign)["Will be mailed"] == "12"


def test_check_2_marketing_without_an_authorization_reaches_nobody(desk: Desk) -> None:
    campaign = desk.campaign(purpose="marketing")
    found = desk.waterfall(campaign)
    assert (found["No signed authorization"], found["Will be mailed"]) == ("12", NOBODY)
    desk.submit(campaign)
    page = desk.rule(campaign, "marketing", "allow", Role.PRIVACY_OFFICER)
    assert "not waiting for anybody's decision" in page
    assert desk.waterfall(campaign)["Will be mailed"] == NOBODY, "there is no override"


def test_check_7_a_purpose_or_field_that_was_not_signed_for_is_refused(desk: Desk) -> None:
    narrow = [Information.DEMOGRAPHIC.value]
    sign(desk, form(desk, categories=narrow, purposes=[Purpose.MARKETING.value]))
    plain = desk.campaign(purpose="marketing")
    assert desk.waterfall(plain)["Will be mailed"] == "12"
    by_field = desk.campaign(purpose="marketing", where=DIABETES)
    assert desk.waterfall(by_field)["Authorization does not cover this information"] == "12"
    merged = desk.campaign(purpose="marketing", html=PLAIN + "<p>{{ conditions }}</p>")
    assert desk.waterfall(merged)["Authorization does not cover this information"] == "12"
    other = desk.campaign(purpose="third_party_product")
    assert desk.waterfall(other)["Authorization does not cover this purpose"] == "12"


def test_check_13_nothing_is_submitted_with_an_open_question(desk: Desk) -> None:
    open_questions = {
        "remuneration": "Does anybody pay for it",
        "gives_away": "Does anybody else get the list",
        "features": "Does it show or quote a patient",
    }
    for name, question in open_questions.items():
        campaign = desk.campaign(purpose="own_health_service", **{name: "unknown"})
        assert f"Answer first: {question}" in desk.submit(campaign)
        assert desk.stored(campaign).status == CampaignStatus.DRAFT
    campaign = desk.campaign(purpose="own_health_service")
    desk.submit(campaign)
    assert "somebody else must approve" in desk.read(campaign, Role.MARKETER)
    assert desk.room.client(Role.MARKETER).post(
        desk.room.url(f"campaigns/{campaign}/decide/")
    ).status_code in (403, 404)
    desk.approve(campaign)
    assert desk.stored(campaign).status == CampaignStatus.APPROVED


@pytest.mark.parametrize(
    "answer",
    [
        {"purpose": "appointment"},
        SPONSOR,
        {"gives_away": "yes"},
        {"features": "yes"},
        {"tracking": "on"},
    ],
)
def test_check_14_a_changed_answer_voids_the_approval(desk: Desk, answer: dict[str, str]) -> None:
    campaign = desk.campaign(purpose="own_health_service")
    desk.submit(campaign)
    desk.approve(campaign)
    approved = desk.stored(campaign).digest
    desk.change(campaign, **answer)
    row = desk.stored(campaign)
    assert (row.status, row.digest) == (CampaignStatus.DRAFT, "")
    desk.submit(campaign)
    assert desk.stored(campaign).digest != approved


def test_the_approver_sees_what_changed_since_the_last_decision(desk: Desk) -> None:
    campaign = desk.campaign(purpose="own_health_service")
    desk.submit(campaign)
    assert "Changed since" not in desk.read(campaign)
    desk.approve(campaign)
    desk.change(campaign, purpose="general_wellness")
    desk.submit(campaign)
    page = desk.read(campaign)
    assert "Removed: − own health service" in page
    assert "Added: + general wellness" in page


REFILL = {"purpose": "refill_reminder", "refill_field": "next_appointment"}


def test_check_15_a_refill_reminder_paid_above_its_cost_is_marketing(desk: Desk) -> None:
    soon = (timezone.localdate() + timedelta(days=30)).isoformat()
    desk.people(15, next_appointment=soon)
    at_cost = desk.campaign(**REFILL, **SPONSOR, payment="100", cost="100", html=PLAIN, where=None)
    above = desk.campaign(**REFILL, **SPONSOR, payment="100.01", cost="100")
    assert desk.waterfall(at_cost)["Will be mailed"] == "15"
    assert "refill_paid" not in desk.reason_codes(at_cost)
    found = desk.waterfall(above)
    assert found["Will be mailed"] == NOBODY
    assert "mentions payment" in desk.submit(above)


def test_check_16_a_prescription_that_lapsed_longer_ago_is_left_out(desk: Desk) -> None:
    with acting_for(desk.room.riverside.id):
        today = contacts.today()
    lapsed, ended = (today - timedelta(days=days) for days in (90, 91))
    desk.people(13, next_appointment=lapsed.isoformat())
    desk.people(14, next_appointment=ended.isoformat())
    found = desk.waterfall(desk.campaign(**REFILL))
    assert found["Will be mailed"] == "13"
    label = "Prescription ended over 90 days ago, and no authorization"
    assert found[label] == "26", "twelve of them have no date"


def test_check_17_care_coordination_that_somebody_pays_for_is_marketing(desk: Desk) -> None:
    campaign = desk.campaign(purpose="care_coordination", where=DIABETES)
    assert desk.waterfall(campaign)["Will be mailed"] == "12"
    desk.change(campaign, **SPONSOR)
    assert desk.waterfall(campaign)["No signed authorization"] == "12"
    purposes = [Purpose.CARE_COORDINATION.value]
    sign(desk, form(desk, purposes=purposes))
    assert desk.waterfall(campaign)["Authorization does not mention payment"] == "12"
    sign(desk, form(desk, "Acme Fitness", purposes=purposes))
    assert desk.waterfall(campaign)["Will be mailed"] == "12"


def test_check_18_an_appeal_uses_no_diagnosis_and_lets_people_stop(desk: Desk) -> None:
    with acting_for(desk.room.riverside.id):
        consent.change_policy(consent.Policy(False, True, 8, 30), new_id())
    by_diagnosis = desk.campaign(purpose="fundraising", where=DIABETES)
    assert desk.waterfall(by_diagnosis)["No signed authorization"] == "12"
    by_department = desk.campaign(purpose="fundraising", where=CARDIOLOGY)
    assert desk.waterfall(by_department)["Will be mailed"] == "12"
    silent = desk.campaign(purpose="fundraising", html="<p>Give! {{ postal_address }}</p>")
    assert "a way to stop" in desk.submit(silent)
    assert desk.stored(silent).status == CampaignStatus.DRAFT


def test_an_appeal_waits_while_the_notice_does_not_mention_fundraising(desk: Desk) -> None:
    campaign = desk.campaign(purpose="fundraising")
    assert desk.waterfall(campaign)["Will be mailed"] == NOBODY
    assert "fundraising_notice" in desk.reason_codes(campaign)


def test_check_20_psychotherapy_notes_are_nowhere(desk: Desk) -> None:
    answer = desk.room.client(Role.MARKETER).post(
        desk.room.url("fields/new/"),
        {
            "label": "Psychotherapy notes",
            "type": "text",
            "group": "clinical",
            "classification": "phi",
        },
    )
    assert b"164.508(a)(2)" in answer.content
    keys = desk.room.client(Role.MARKETER).get(desk.room.url("segments/new/")).content
    assert b"psychotherapy" not in keys.lower()


def test_check_21_substance_use_records_need_their_own_consent(desk: Desk) -> None:
    with acting_for(desk.room.riverside.id):
        add_field(
            Wanted(
                "Program",
                FieldType.TEXT,
                FieldGroup.CLINICAL,
                FieldClass.PART2,
                searchable=True,
            )
        )
    desk.people(20, program="Recovery")
    program = {"kind": "field", "field": "program", "operator": "is", "values": ["Recovery"]}
    campaign = desk.campaign(purpose="marketing", where=program)
    label = "No consent for substance use records"
    assert desk.waterfall(campaign)[label] == "20"
    sign(desk, form(desk), people=32)
    assert desk.waterfall(campaign)[label] == "20"
    words = "We would use records of your treatment for alcohol or drug use, and your name."
    kinds = ["demographic", "part2"]
    specific = form(desk, information=words, categories=kinds, part2=Part2.SPECIFIC.value)
    sign(desk, specific, people=32)
    assert desk.waterfall(campaign)["Will be mailed"] == "20"
    desk.submit(campaign)
    with acting_for(desk.room.riverside.id):
        assert NOTICE in queries.submitted(desk.stored(campaign)).content.html


def test_check_22_a_state_s_rule_changes_the_outcome_and_says_why(desk: Desk) -> None:
    desk.people(15, state="TX", postal_code="77001")
    campaign = desk.campaign(purpose="own_health_service")
    assert desk.waterfall(campaign)["Will be mailed"] == "27"
    with acting_for(desk.room.riverside.id):
        consent.turn_on("tx-181", new_id())
    found = desk.waterfall(campaign)
    assert (found["No signed authorization"], found["Will be mailed"]) == ("15", "12")
    with acting_for(desk.room.riverside.id):
        consent.turn_off("tx-181", new_id())
    assert desk.waterfall(campaign)["Will be mailed"] == "27"


def test_a_held_campaign_goes_as_the_privacy_officer_rules(desk: Desk) -> None:
    campaign = desk.campaign(purpose="own_health_service", features="yes")
    assert desk.waterfall(campaign)["Will be mailed"] == NOBODY
    desk.submit(campaign)
    refused = desk.room.client(Role.MARKETER).post(desk.room.url(f"campaigns/{campaign}/rule/"))
    assert refused.status_code in (403, 404)
    page = desk.rule(campaign, "patient_story", "allow", Role.PRIVACY_OFFICER)
    assert "Your ruling is recorded" in page
    assert desk.waterfall(campaign)["Will be mailed"] == "12"
    desk.change(campaign, features="yes", purpose="general_wellness")
    assert desk.waterfall(campaign)["Will be mailed"] == NOBODY, (
        "another submission, another ruling"
    )


def test_the_form_says_what_the_answers_ask_for(desk: Desk) -> None:
    campaign = desk.stored(desk.campaign(purpose="own_health_service", where=DIABETES))
    answers = {
        "name": "x",
        "segment": campaign.segment_id,
        "template": campaign.template_id,
        "purpose": "third_party_product",
        "remuneration": "none",
        "gives_away": "no",
        "features": "no",
    }
    client = desk.room.client(Role.MARKETER)
    page = client.post(desk.room.url("campaigns/classify/"), answers).content.decode()
    assert "Goes only to people with a signed authorization" in page
    assert "164.508(a)(3)(i)" in page
    assert "Conditions" in page
    assert "protected health information" in page


def test_check_5_an_authorization_ends_at_midnight_where_the_organization_is(
    room: Room, desk: Desk
) -> None:
    signed = sign(desk, form(desk), people=1, days_ago=7)[0]
    campaign = desk.campaign(purpose="marketing")
    desk.launch(campaign)
    chicago = ZoneInfo("America/Chicago")
    last = signed.expires_at.astimezone(chicago)
    assert (last.hour, last.minute) == (0, 0), "the first moment at which it has ended"
    with acting_for(room.riverside.id):
        mailing = queries.mailing_of(desk.stored(campaign))
        assert mailing is not None
        use, regime = use_of(mailing), consent_queries.regime(campaign, mailing.approved_digest)
        before, after = (
            consent_queries.decisions(use, [signed.contact_id], moment, regime)
            for moment in (last - timedelta(seconds=1), last)
        )
        batch = Batch.objects.get()
        batches.prepare(batch, sending.composer_of(mailing), 50, last)
        message = Message.objects.get(contact=signed.contact_id)
    assert before[signed.contact_id].verdict is Verdict.PERMIT
    assert after[signed.contact_id].code == "expired"
    assert (message.status, message.reason) == (Status.SUPPRESSED, "expired")


def test_check_6_what_is_revoked_before_the_dispatch_is_not_sent(
    committed_room: Room, post: Post
) -> None:
    desk = Desk(committed_room)
    desk.people(4)
    signed = sign(desk, form(desk), people=4)
    campaign = desk.campaign(purpose="marketing")
    desk.launch(campaign)
    with acting_for(committed_room.riverside.id):
        received = consent.revoke(signed[0].id, timezone.now(), "letter", None).received_at
    post.send()
    with acting_for(committed_room.riverside.id):
        outcomes = {
            message.contact_id: (message.status, message.reason)
            for message in Message.objects.all()
        }
        permit = permits.permit_of(Message.objects.get(contact=signed[0].contact_id).id)
        assert permit is not None
        words = "\n".join(permits.in_words(permit))
        decided = permit.message.decided_at
    assert outcomes.pop(signed[0].contact_id) == (Status.SUPPRESSED, "revoked")
    assert set(outcomes.values()) == {(Status.ACCEPTED, "")}
    assert decided is not None
    assert received < decided
    assert "The authorization was revoked. [45 CFR 164.508(b)(2)(iii)]" in words


def test_what_is_held_goes_out_once_the_privacy_officer_has_ruled(
    committed_room: Room, post: Post
) -> None:
    desk = Desk(committed_room)
    desk.people(3)
    campaign = desk.campaign(purpose="own_health_service", features="yes")
    desk.launch(campaign)
    post.send()

    def outcomes() -> set[tuple[str, str]]:
        with acting_for(committed_room.riverside.id):
            return {(each.status, each.reason) for each in Message.objects.all()}

    assert outcomes() == {(Status.HELD, "patient_story")}
    page = desk.room.client(Role.PRIVACY_OFFICER).get(desk.room.url("privacy/"))
    assert f"campaigns/{campaign}/" in page.content.decode(), "it waits on the officer's page"
    desk.rule(campaign, "patient_story", "allow", Role.PRIVACY_OFFICER)
    post.send()
    assert outcomes() == {(Status.ACCEPTED, "")}
    with acting_for(committed_room.riverside.id):
        mailing = queries.mailing_of(desk.stored(campaign))
        assert mailing is not None
        found = permits.verify(mailing)
    assert (found.same, found.problems, mailing.status) == (3, [], "finished")


def test_who_is_chosen_by_an_earlier_letter_is_chosen_by_what_it_was_about(desk: Desk) -> None:
    first = desk.campaign(purpose="own_health_service", where=DIABETES)
    desk.launch(first)
    received = {
        "kind": "engagement",
        "event": "received",
        "state": "did",
        "scope": {"campaign": str(first)},
    }
    sign(desk, form(desk, categories=["demographic"], purposes=["marketing"]))
    offer = desk.stored(desk.campaign(purpose="marketing", where=received))
    with acting_for(desk.room.riverside.id):
        tree = contacts.segment_tree(offer.segment)
        use = queries.use_of(offer, queries.content_of(offer, tree), tree)
    assert Information.CLINICAL in use.information


def test_an_answer_changed_between_launch_and_plan_sends_nothing(desk: Desk) -> None:
    campaign = desk.campaign(purpose="own_health_service")
    desk.submit(campaign)
    desk.approve(campaign)
    desk.room.client(Role.MARKETER).post(desk.room.url(f"campaigns/{campaign}/launch/"))
    with acting_for(desk.room.riverside.id):
        Campaign.objects.filter(id=campaign).update(purpose="appointment")
        with pytest.raises(services.NotPossible):
            services.plan(campaign)


def test_two_forecasts_do_not_tell_of_the_person_between(desk: Desk) -> None:
    """A known patient, alone in a department: whether there is one must not show."""
    desk.people(1, department="Oncology")
    others = {**CARDIOLOGY, "operator": "is_not", "values": ["Oncology"]}
    everybody, without = (
        desk.campaign(purpose="own_health_service", where=where) for where in (None, others)
    )
    assert desk.waterfall(everybody)["Will be mailed"] == "13"
    assert desk.waterfall(without)["Will be mailed"] == "13"
