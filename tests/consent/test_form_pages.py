"""The builder's sixteen checks over HTTP, its translations, and what is published."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.rules import Role
from consent import services
from consent.forms.texts import WORDS, FormTextForm
from consent.models import AuthorizationForm, FormVersion
from consent.rules.forms import FormText
from consent.rules.starter import spanish_starter, starter_form
from tenancy.current import acting_for
from tests.consent.signed import published
from tests.consent.test_pages import filled
from tests.people import Room

OFFICER = Role.PRIVACY_OFFICER
MISSING = [
    ({"information": ""}, "164.508(c)(1)(i)"),
    ({"discloser": "Somebody"}, "164.508(c)(1)(ii)"),
    ({"recipient": ""}, "164.508(c)(1)(iii)"),
    ({"purpose_text": ""}, "164.508(c)(1)(iv)"),
    ({"purposes": []}, "164.508(c)(1)(iv)"),
    ({"months": "0", "days": "0"}, "164.508(c)(1)(v)"),
    ({"revocation": ""}, "164.508(c)(2)(i)"),
    ({"how_to_revoke": ""}, "164.508(c)(2)(i)"),
    ({"no_conditioning": ""}, "164.508(c)(2)(ii)"),
    ({"redisclosure": ""}, "164.508(c)(2)(iii)"),
    ({"sponsor": "Acme"}, "164.508(a)(3)(ii)"),
    ({"sale": "We give the list away."}, "164.508(a)(4)(ii)"),
    ({"part2": "specific"}, "42 CFR 2.31(a)"),
]


@pytest.mark.parametrize(("lacking", "paragraph"), MISSING)
def test_check_3_what_lacks_an_element_is_not_published_and_the_paragraph_is_named(
    room: Room, lacking: dict[str, Any], paragraph: str
) -> None:
    browser = room.client(OFFICER)
    sent = filled(room, **lacking) | {"act": "publish"}
    answer = browser.post(room.url("consent/forms/new/"), sent, follow=True)
    shown = unescape(answer.content.decode())
    assert "Not published" in shown
    at = shown.index("ti-alert-triangle text-orange")
    assert paragraph in shown[at:]
    with acting_for(room.riverside.id):
        assert not FormVersion.objects.exists()


@pytest.mark.parametrize("event", ["none", "Never.", "no expiration date", ""])
def test_check_4_an_end_that_is_none_is_refused(room: Room, event: str) -> None:
    sent = filled(room, expiry="event", event=event, review_on="2030-01-01", act="publish")
    answer = room.client(OFFICER).post(room.url("consent/forms/new/"), sent, follow=True)
    assert "is not an end" in answer.content.decode()
    with acting_for(room.riverside.id):
        assert not FormVersion.objects.exists()


def test_the_panel_shows_all_sixteen_and_which_come_later(room: Room) -> None:
    shown = room.client(OFFICER).get(room.url("consent/forms/new/")).content.decode()
    assert shown.count("ti-check text-green") == 12
    assert shown.count("ti-clock") == 4
    assert "of at most 8" in shown


def test_the_reading_grade_has_the_organization_s_limit(room: Room) -> None:
    browser, url = room.client(OFFICER), room.url("consent/forms/check/")
    with acting_for(room.riverside.id):
        wanted = services.Policy(False, False, 4.0, 30)
        services.change_policy(wanted, room.people[OFFICER].id)
    hard = "Authorization facilitates individualized communication regarding opportunities."
    shown = browser.post(url, filled(room, introduction=hard * 9)).content.decode()
    assert "of at most 4" in shown
    assert "write it for grade 4" in shown


def test_check_22_california_asks_for_larger_type_in_the_builder(room: Room) -> None:
    browser, url = room.client(OFFICER), room.url("consent/forms/check/")
    with acting_for(room.riverside.id):
        services.turn_on("ca-cmia", room.people[OFFICER].id)
    small = browser.post(url, filled(room)).content.decode()
    assert 'href="#id_type_points">California asks for at least 14-point type.' in small
    assert "Complete" in browser.post(url, filled(room, type_points="14")).content.decode()


def _draft(room: Room) -> AuthorizationForm:
    room.client(OFFICER).post(room.url("consent/forms/new/"), filled(room) | {"act": "save"})
    with acting_for(room.riverside.id):
        found: AuthorizationForm = AuthorizationForm.objects.get()
        return found


def _spanish(room: Room) -> dict[str, str]:
    english = starter_form(room.riverside.legal_name, "privacy@riverside.test")
    text = spanish_starter(english, room.riverside.legal_name, "privacy@riverside.test")
    return {name: getattr(text, name) for name in WORDS}


def test_a_translation_is_written_checked_published_and_shown(room: Room) -> None:
    browser, draft = room.client(OFFICER), _draft(room)
    page, form = room.url(f"consent/forms/{draft.id}/es/"), room.url(f"consent/forms/{draft.id}/")
    assert "May we send you" in browser.get(page).content.decode()
    assert browser.get(room.url(f"consent/forms/{draft.id}/en/")).status_code == 404
    browser.post(page, _spanish(room) | {"redisclosure": ""})
    lacking = unescape(browser.get(form).content.decode())
    assert f'href="{page}#id_redisclosure">Spanish: Say that whoever' in lacking
    refused = browser.post(form, filled(room) | {"act": "publish"}, follow=True).content.decode()
    assert "Not published: 1" in refused
    browser.post(page, _spanish(room))
    browser.post(form, filled(room, months="6") | {"act": "publish"})
    with acting_for(room.riverside.id):
        version = FormVersion.objects.get()
    spanish = FormText.from_json(version.translations[0])
    assert spanish.expiry == FormText.from_json(version.text).expiry
    shown = browser.get(room.url(f"consent/versions/{version.id}/")).content.decode()
    assert 'lang="es"' in shown
    assert "Spanish" in browser.get(room.url("consent/")).content.decode()
    paper = browser.get(room.url(f"consent/versions/{version.id}/print/es/")).content.decode()
    assert "Firma, y fecha de la firma" in paper
    assert "type-12" in paper
    assert browser.get(room.url(f"consent/versions/{version.id}/print/ko/")).status_code == 404


def test_a_translation_can_be_removed_from_the_draft(room: Room) -> None:
    browser, draft = room.client(OFFICER), _draft(room)
    page = room.url(f"consent/forms/{draft.id}/es/")
    browser.post(page, _spanish(room))
    same = browser.post(room.url(f"consent/forms/{draft.id}/"), filled(room, language="es"))
    assert "Remove that first" in same.content.decode()
    browser.post(page, {"act": "remove"})
    with acting_for(room.riverside.id):
        assert AuthorizationForm.objects.get().translations == []


def test_new_parts_survive_the_builder(room: Room) -> None:
    text = starter_form("Riverside Health, Inc.", "a street")
    data = text.to_json() | {"sale": "We are paid for it.", "type_points": 16, "part2": "specific"}
    read = FormText.from_json(data)
    assert FormTextForm(FormTextForm.initial_of("Offers", read)).text() == read


def test_the_list_of_forms_takes_the_same_queries_however_many(room: Room) -> None:
    browser, taken = room.client(OFFICER), []
    for name in ("One", "Two", "Three"):
        with acting_for(room.riverside.id):
            published(room.riverside, name)
        browser.get(room.url("consent/"))
        with CaptureQueriesContext(connection) as asked:
            browser.get(room.url("consent/"))
        taken.append(len(asked))
    assert len(set(taken)) == 1
