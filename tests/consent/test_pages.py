"""The builder, the register of signatures, and who may see them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from accounts.rules import Role
from consent.forms.texts import PARTS, FormTextForm
from consent.models import Authorization, AuthorizationForm, FormVersion, Revocation
from consent.rules.forms import ExpiresAtEvent, FormText
from consent.rules.starter import starter_form
from tenancy.current import acting_for
from tests.consent.signed import LAST_WEEK, people, published, signed
from tests.people import Room

OFFICER = Role.PRIVACY_OFFICER


def filled(room: Room, **changes: Any) -> dict[str, Any]:
    """The builder's fields with the text to begin from."""
    text = starter_form(room.riverside.legal_name, "privacy@riverside.test")
    values = FormTextForm.initial_of("Offers", text) | changes
    return {key: value for key, value in values.items() if value not in (None, False)}


def test_the_builder_has_a_part_for_every_field_and_no_other() -> None:
    shown = [name for part in PARTS for name in part.fields]
    assert sorted(shown) == sorted(FormTextForm.base_fields)


def test_a_text_survives_the_builder(room: Room) -> None:
    text = starter_form("Riverside Health, Inc.", "a street", sponsor="Acme Fitness")
    for each in (text, _with_event(text)):
        assert FormTextForm(FormTextForm.initial_of("Offers", each)).text() == each


def _with_event(text: FormText) -> FormText:
    data = text.to_json() | {"combined_with": ["Terms", "Bill"]}
    event = ExpiresAtEvent("You leave our wellness program.", LAST_WEEK)
    return FormText.from_json(data | {"expiry": event})


def test_begin_from_the_starter_and_publish(room: Room) -> None:
    browser = room.client(OFFICER)
    assert "No authorization forms yet" in browser.get(room.url("consent/")).content.decode()
    new = browser.get(room.url("consent/forms/new/")).content.decode()
    assert "45 CFR 164.508(c)(1)(i)" in new
    assert "Complete" in new
    answer = browser.post(room.url("consent/forms/new/"), filled(room) | {"act": "publish"})
    with acting_for(room.riverside.id):
        version = FormVersion.objects.get()
    assert answer.headers["Location"] == room.url(f"consent/versions/{version.id}/")
    page = browser.get(answer.headers["Location"]).content.decode()
    assert version.digest in page
    assert "Version 1" in browser.get(room.url("consent/")).content.decode()


def test_an_incomplete_text_is_kept_and_not_published(room: Room) -> None:
    browser = room.client(OFFICER)
    lacking = filled(room, revocation="", purposes=[]) | {"act": "publish"}
    answer = browser.post(room.url("consent/forms/new/"), lacking, follow=True)
    page = answer.content.decode()
    assert "Not published" in page
    assert "164.508(c)(2)(i)" in page
    assert "disabled>Save and publish" in page
    with acting_for(room.riverside.id):
        assert FormVersion.objects.count() == 0
        assert AuthorizationForm.objects.get().draft["revocation"] == ""


def test_the_check_answers_while_somebody_types(room: Room) -> None:
    browser, url = room.client(OFFICER), room.url("consent/forms/check/")
    assert "Complete" in browser.post(url, filled(room)).content.decode()
    lacking = browser.post(url, filled(room, redisclosure="", name="")).content.decode()
    assert "1 to correct" in lacking
    assert "164.508(c)(2)(iii)" in lacking
    with acting_for(room.riverside.id):
        assert AuthorizationForm.objects.count() == 0


def test_two_forms_cannot_have_one_name(room: Room) -> None:
    browser = room.client(OFFICER)
    for _ in range(2):
        answer = browser.post(room.url("consent/forms/new/"), filled(room))
    assert answer.status_code == 200
    assert "There is a form of this name" in answer.content.decode()


def test_a_new_version_leaves_the_old_one_as_it_was_signed(room: Room) -> None:
    browser = room.client(OFFICER)
    browser.post(room.url("consent/forms/new/"), filled(room) | {"act": "publish"})
    with acting_for(room.riverside.id):
        first = FormVersion.objects.get()
    edit = room.url(f"consent/forms/{first.form_id}/")
    browser.post(edit, filled(room, title="Another heading") | {"act": "publish"})
    with acting_for(room.riverside.id):
        assert [each.number for each in FormVersion.objects.order_by("number")] == [1, 2]
    old = browser.get(room.url(f"consent/versions/{first.id}/")).content.decode()
    assert "Another heading" not in old


@pytest.fixture
def ann(room: Room) -> UUID:
    with acting_for(room.riverside.id):
        return people(1)[0]


def signature(version: FormVersion, **changes: str) -> dict[str, str]:
    fields = {
        "version": str(version.id),
        "signed_on": LAST_WEEK.isoformat(),
        "signer": "self",
        "signer_name": "Pat Example",
        "method": "paper",
    }
    return fields | changes


def test_record_hand_over_a_copy_and_revoke(room: Room, ann: UUID) -> None:
    browser, url = room.client(OFFICER), room.url(f"contacts/{ann}/authorization/")
    assert "No form is published" in browser.get(url).content.decode()
    with acting_for(room.riverside.id):
        version = published(room.riverside)
    assert browser.post(url, signature(version)).status_code == 302
    page = browser.get(url).content.decode()
    assert "Not valid" in page
    assert "has not been given a copy" in page
    assert "Pat Example" not in page
    with acting_for(room.riverside.id):
        row = Authorization.objects.get()
    browser.post(room.url(f"consent/authorizations/{row.id}/copy/"))
    assert "bg-green-lt" in browser.get(url).content.decode()

    revoke = room.url(f"consent/authorizations/{row.id}/revoke/")
    assert "Nobody can undo it" in browser.get(revoke).content.decode()
    tomorrow = (timezone.localdate() + timedelta(days=2)).isoformat()
    late = browser.post(revoke, {"received_on": tomorrow, "how": "letter"})
    assert "future" in late.content.decode()
    browser.post(revoke, {"received_on": LAST_WEEK.isoformat(), "how": "letter"})
    assert "The authorization was revoked." in browser.get(url).content.decode()
    with acting_for(room.riverside.id):
        assert Revocation.objects.get().recorded_by == room.people[OFFICER].id


def test_a_representative_needs_authority(room: Room, ann: UUID) -> None:
    with acting_for(room.riverside.id):
        version = published(room.riverside)
    url = room.url(f"contacts/{ann}/authorization/")
    answer = room.client(OFFICER).post(url, signature(version, signer="representative"))
    assert "164.508(c)(1)(vi)" in answer.content.decode()
    with acting_for(room.riverside.id):
        assert Authorization.objects.count() == 0


def test_strangers_find_nothing_and_colleagues_only_what_their_role_allows(
    room: Room, ann: UUID
) -> None:
    with acting_for(room.riverside.id):
        version = published(room.riverside)
        row = signed(ann, version)
    paths = {
        "consent/": Role.AUDITOR,
        f"consent/versions/{version.id}/": Role.MARKETER,
        "consent/forms/new/": None,
        f"consent/forms/{version.form_id}/": None,
        f"contacts/{ann}/authorization/": None,
        f"consent/authorizations/{row.id}/revoke/": None,
    }
    stranger, marketer = room.client(room.stranger), room.client(Role.MARKETER)
    for path, allowed in paths.items():
        assert stranger.get(room.url(path)).status_code == 404
        assert room.client(OFFICER).get(room.url(path)).status_code == 200
        assert marketer.get(room.url(path)).status_code == (200 if allowed else 403)
    elsewhere = f"/o/{room.lakeside.slug}/"
    for path in paths:
        if path not in ("consent/", "consent/forms/new/"):
            assert stranger.get(elsewhere + path).status_code == 404
