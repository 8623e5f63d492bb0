"""Signatures, revocations and suppressions in the database, and attempts to bend them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consent import queries, services
from consent.models import Authorization, FormVersion, PermitEvidence, Revocation, Suppression
from consent.rules.authorization import Signer
from consent.rules.decision import SuppressionReason, SuppressionScope, Verdict
from consent.rules.forms import FormText
from consent.rules.purposes import Purpose
from tenancy.current import acting_for
from tenancy.models import new_id
from tests.consent.signed import LAST_WEEK, OFFER, people, published, signed
from tests.people import Room


@pytest.fixture
def here(room: Room) -> Iterator[Room]:
    """Inside Riverside; what is written is rolled back."""
    with acting_for(room.riverside.id):
        yield room


def test_a_signature_permits_and_a_revocation_ends_it_at_once(here: Room) -> None:
    (ann,) = people(1)
    assert _verdict(ann) == (Verdict.SUPPRESS, "no_authorization")
    authorization = signed(ann, published(here.riverside))
    assert _verdict(ann)[0] is Verdict.PERMIT
    services.revoke(authorization.id, timezone.now() - timedelta(days=3), "letter", None)
    assert _verdict(ann) == (Verdict.SUPPRESS, "revoked")
    again = services.revoke(authorization.id, timezone.now(), "email", None)
    assert again.how == "letter"
    assert Revocation.objects.count() == 1


def test_a_form_that_lacks_something_is_not_published(here: Room) -> None:
    version = published(here.riverside)
    text = replace(FormText.from_json(version.text), revocation="", redisclosure="")
    with pytest.raises(services.NotPublishable) as refusal:
        services.publish(version.form_id, text, new_id())
    assert [finding.number for finding in refusal.value.findings] == [8, 10]
    assert FormVersion.objects.count() == 1


def test_what_cannot_be_recorded_says_why(here: Room) -> None:
    (ann,) = people(1)
    version = published(here.riverside)
    good = services.Signature(ann, version.id, LAST_WEEK, "Pat Example")
    wrong = {
        "future": replace(good, signed_on=timezone.localdate() + timedelta(days=2)),
        "published": replace(good, version_id=new_id()),
        "who signed": replace(good, signer_name=" "),
        "authority": replace(good, signer=Signer.REPRESENTATIVE),
    }
    for words, signature in wrong.items():
        with pytest.raises(services.NotRecordable, match=words):
            services.record_authorization(signature, None)
    assert Authorization.objects.count() == 0
    authorization = signed(ann, version)
    with pytest.raises(services.NotRecordable, match="future"):
        services.revoke(authorization.id, timezone.now() + timedelta(days=1), "email", None)


@pytest.mark.parametrize(
    "bent",
    [
        "signed_on = signed_on - 1",
        "expires_at = expires_at + interval '10 years'",
        "signer = 'representative'",
        "method = 'electronic'",
        "contact_id = (SELECT max(id::text)::uuid FROM contacts_contact)",
        "sealed = overlay(sealed placing '\\x00'::bytea from 30)",
    ],
)
def test_a_column_changed_behind_the_applications_back_is_found(
    committed_room: Room, bent: str
) -> None:
    with acting_for(committed_room.riverside.id):
        ann, bob = sorted(people(2))
        signed(ann, published(committed_room.riverside))
        assert _verdict(ann)[0] is Verdict.PERMIT
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"UPDATE consent_authorization SET {bent}")
        assert cursor.rowcount == 1
    connections["owner"].close()
    with acting_for(committed_room.riverside.id):
        assert _verdict(bob if "contact_id" in bent else ann) == (Verdict.SUPPRESS, "not_intact")


def test_a_published_text_changed_behind_the_applications_back_is_found(
    committed_room: Room,
) -> None:
    with acting_for(committed_room.riverside.id):
        (ann,) = people(1)
        signed(ann, published(committed_room.riverside))
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE consent_formversion SET text = jsonb_set(text, '{sponsor}', '\"Acme\"')"
        )
        assert cursor.rowcount == 1
    connections["owner"].close()
    with acting_for(committed_room.riverside.id):
        assert _verdict(ann) == (Verdict.SUPPRESS, "not_intact")


def test_the_application_may_not_change_or_delete_what_was_signed(here: Room) -> None:
    (ann,) = people(1)
    authorization = signed(ann, published(here.riverside))
    services.revoke(authorization.id, timezone.now(), "letter", None)
    for statement in (
        "UPDATE consent_authorization SET expires_at = expires_at + interval '1 day'",
        "DELETE FROM consent_authorization",
        "UPDATE consent_formversion SET number = 7",
        "DELETE FROM consent_formversion",
        "UPDATE consent_revocation SET how = 'phone'",
        "DELETE FROM consent_revocation",
    ):
        refused = pytest.raises(DatabaseError, match="permission denied")
        with refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_facts_take_the_same_number_of_queries_for_one_and_for_many(here: Room) -> None:
    everybody = people(40)
    version = published(here.riverside)
    for each in everybody[::2]:
        signed(each, version)

    def queries_for(number: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            found = queries.decisions(OFFER, everybody[:number], timezone.now())
        assert len(found) == number
        return len(captured)

    queries_for(1)  # keys are fetched once
    assert queries_for(1) == queries_for(40) <= 6


def test_a_page_shows_the_last_day_in_the_organizations_zone(here: Room) -> None:
    (ann,) = people(1)
    signed(ann, published(here.riverside), on=date(2026, 2, 28))
    (standing,) = queries.standings(ann, datetime(2026, 6, 1, tzinfo=UTC))
    assert standing.allows
    assert standing.last_day == date(2027, 2, 28)
    (ended,) = queries.standings(ann, datetime(2027, 3, 1, 7, tzinfo=UTC))  # 1 am in Chicago
    assert [finding.code for finding in ended.findings] == ["expired"]
    (still,) = queries.standings(ann, datetime(2027, 3, 1, 5, tzinfo=UTC))  # 11 pm the day before
    assert still.allows


def test_many_signatures_are_recorded_at_once_or_not_at_all(here: Room) -> None:
    everybody = people(20)
    version = published(here.riverside)
    rows = [services.Signature(each, version.id, LAST_WEEK, "Pat") for each in everybody]
    with CaptureQueriesContext(connection) as captured:
        services.record_authorizations(rows, None)
    assert len(captured) < 8
    with pytest.raises(services.NotRecordable):
        services.record_authorizations([*rows, replace(rows[0], signer_name="")], None)
    assert Authorization.objects.count() == 20


def test_a_suppression_stands_once_and_covers_every_spelling(here: Room) -> None:
    (ann,) = people(1)
    unsubscribed = SuppressionScope.MARKETING, SuppressionReason.UNSUBSCRIBED
    first = services.suppress("person0@riverside-mail.test", *unsubscribed, "link")
    second = services.suppress("Person0@Riverside-Mail.test", *unsubscribed, "one_click")
    assert first.id == second.id
    assert Suppression.objects.count() == 1
    signed(ann, published(here.riverside))
    assert _verdict(ann) == (Verdict.SUPPRESS, "unsubscribed")


def test_people_of_another_organization_have_no_facts(here: Room) -> None:
    (ann,) = people(1)
    signed(ann, published(here.riverside))
    with acting_for(here.lakeside.id):
        assert queries.decisions(OFFER, [ann], timezone.now()) == {}
        assert queries.authorizations([ann]) == {}


def test_segments_may_ask_for_live_authorizations(here: Room) -> None:
    ann, bob = people(2)
    signed(ann, published(here.riverside))
    wanted = [Purpose.MARKETING.value, Purpose.FUNDRAISING.value]
    found = queries.live_purposes([ann, bob], wanted, timezone.now())
    assert found.get(ann) == {"marketing"}
    assert not found.get(bob)


def test_evidence_is_stored_once_for_each_distinct_ground(here: Room) -> None:
    decisions = queries.decisions(OFFER, people(10), timezone.now())
    stored = services.store_evidence(decisions.values())
    assert len(stored) == 1
    assert services.store_evidence(decisions.values()) == stored
    assert PermitEvidence.objects.count() == 1


def _verdict(contact: object) -> tuple[Verdict, str]:
    (decision,) = queries.decisions(OFFER, [contact], timezone.now()).values()  # type: ignore[list-item]
    return decision.verdict, decision.code
