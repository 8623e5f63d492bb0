"""People are stored sealed, found again by who they are, and marked when they share an address."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from django.utils import timezone

from contacts import queries, services
from contacts.models import Contact
from contacts.services.matching import Tools
from contacts.services.saving import merged
from tenancy.current import acting_for
from tenancy.keys import blind_index
from tests.contacts.patients import TODAY, cleaned, patient, store
from tests.people import Room


@pytest.fixture
def riverside(room: Room) -> Iterator[Room]:
    with acting_for(room.riverside.id):
        yield room


def test_every_column_hides_what_the_profile_holds(riverside: Room) -> None:
    [contact] = store([patient(1)])
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(c)::text, profile FROM contacts_contact c")
        text, profile = cursor.fetchone()
    for secret in ("Quackenbush", "RH000001", "wilhelmina", "1951", "asthma", "Cardiology"):
        assert secret.casefold() not in text.casefold()
        assert secret.casefold().encode() not in bytes(profile).lower()
    assert queries.opened([contact])[contact].profile["last_name"] == "Quackenbush1"


def test_opened_says_everything_but_shows_nothing(riverside: Room) -> None:
    [contact] = store([patient(1)])
    person = queries.opened([contact])[contact]
    assert person.email == "wilhelmina.quackenbush1@oldpost.test"
    assert (person.mail_domain, person.language, person.relationship) == (
        "oldpost.test",
        "en",
        "patient",
    )
    assert "Quackenbush" not in repr(person)
    assert "quackenbush" not in repr(person)


def test_the_same_person_again_is_updated_and_the_same_values_change_nothing(
    riverside: Room,
) -> None:
    assert services.save_many(cleaned([patient(1), patient(2)])).created == 2
    again = services.save_many(cleaned([patient(1), patient(2, Department="Neurology")]))
    assert (again.created, again.updated, again.unchanged) == (0, 1, 1)
    assert queries.total() == 2


def test_somebody_twice_in_one_batch_is_one_person(riverside: Room) -> None:
    saved = services.save_many(cleaned([patient(1), patient(1, Department="Neurology")]))
    assert (saved.created, saved.updated) == (1, 1)
    [person] = queries.page().contacts
    assert person.profile["department"] == "Neurology"


def test_a_blank_cell_leaves_what_is_known(riverside: Room) -> None:
    [contact] = store([patient(1)])
    store([patient(1, Conditions="", Email="")])
    assert queries.opened([contact])[contact].profile["conditions"] == ["asthma"]
    assert queries.opened([contact])[contact].email is not None


def test_a_shared_address_marks_everybody_who_has_it_and_unmarks_who_leaves(
    riverside: Room,
) -> None:
    shared = {"Email": "Family@oldpost.test"}
    first, second, third = store(
        [patient(1, **shared), patient(2, Email="family@OLDPOST.test"), patient(3)]
    )
    households = {key: person.household for key, person in _all().items()}
    assert households == {first: True, second: True, third: False}
    store([patient(2)])
    assert not any(person.household for person in _all().values())


def test_an_address_has_one_token_whatever_its_case(riverside: Room) -> None:
    store([patient(1, Email="Ann.Lee@OldPost.test")])
    token = queries.address_token("ann.lee@oldpost.TEST")
    assert Contact.objects.get().email_token == token
    assert token == blind_index().wide_token("email", "ann.lee@oldpost.test")


def test_the_erased_stay_erased(riverside: Room) -> None:
    [contact] = store([patient(1)])
    Contact.objects.update(erased_at=timezone.now(), profile=b"", tokens=[])
    saved = services.save_many(cleaned([patient(1)]))
    assert (saved.created, saved.updated, saved.unchanged) == (0, 0, 1)
    assert queries.opened([contact]) == {}


def test_saving_takes_the_same_number_of_queries_for_many(
    riverside: Room, django_assert_num_queries: object
) -> None:
    store([patient(0)])
    few, many = cleaned([patient(1)]), cleaned(patient(n) for n in range(2, 60))
    with django_assert_num_queries(9):  # type: ignore[operator]
        services.save_many(few)
    with django_assert_num_queries(9):  # type: ignore[operator]
        services.save_many(many)


def test_a_record_number_joins_somebody_known_by_address_and_birth_date(
    riverside: Room,
) -> None:
    store([patient(1, MRN="")])
    saved = services.save_many(cleaned([patient(1, Department="Neurology")]))
    assert (saved.created, saved.updated) == (0, 1)
    [person] = queries.page().contacts
    assert person.profile["record_number"] == "RH000001"
    saved = services.save_many(cleaned([patient(1, MRN="", Department="Oncology")]))
    assert (saved.created, saved.updated) == (0, 1)


def test_twins_with_one_address_stay_two(riverside: Room) -> None:
    shared = {"Email": "family@oldpost.test"}
    store([patient(1, **shared), patient(2, **shared, **{"First Name": "Wolfgang"})])
    assert len(_all()) == 2
    nameless = patient(3, MRN="", **shared, **{"First Name": ""})
    saved = services.save_many(cleaned([nameless]))
    [reject] = saved.rejects
    assert "two patients have this email and birth date" in reject.public_reasons[0]
    named = patient(4, MRN="", **shared, **{"First Name": "wolfgang"}, Department="Oncology")
    saved = services.save_many(cleaned([named]))
    assert (saved.created, saved.updated, saved.rejects) == (0, 1, [])


def test_twins_without_record_numbers_are_not_made_one(riverside: Room) -> None:
    shared = {"Email": "family@oldpost.test", "MRN": ""}
    store([patient(1, **shared)])
    twin = patient(2, **shared, **{"First Name": "Wolfgang"}, Conditions="Migraine")
    saved = services.save_many(cleaned([twin]))
    [reject] = saved.rejects
    assert "another first name" in reject.public_reasons[0]
    [person] = _all().values()
    assert person.profile["conditions"] == ["asthma"]


def test_an_address_that_comes_later_marks_the_household(riverside: Room) -> None:
    first, second = store([patient(1), patient(2, Email="")])
    store([patient(2, Email=patient(1)["Email"])])
    assert {key: person.household for key, person in _all().items()} == {first: True, second: True}


def test_whoever_was_merged_away_does_not_come_back(riverside: Room) -> None:
    kept, gone = store([patient(1), patient(2)])
    services.merge(kept, gone)
    saved = services.save_many(cleaned([patient(2)]))
    assert (saved.created, saved.unchanged) == (0, 1)
    assert list(_all()) == [kept]


def test_a_record_number_of_a_merged_contact_finds_who_took_it_over(riverside: Room) -> None:
    kept, gone = store([patient(1, MRN=""), patient(2)])
    services.merge(kept, gone)
    store([patient(2, Department="Neurology")])
    assert list(_all()) == [kept]
    assert _all()[kept].profile["department"] == "Neurology"


def test_nobody_takes_another_contact_s_record_number(riverside: Room) -> None:
    _, second = store([patient(1), patient(2)])
    with pytest.raises(services.IdentityTaken):
        services.correct(second, {"record_number": "rh000001"}, TODAY)
    assert len(queries.find("RH000001")) == 1


def test_a_preview_says_what_saving_does_and_stores_nothing(riverside: Room) -> None:
    store([patient(1), patient(2)])
    rows = [patient(1), patient(2, Department="Neurology"), patient(3), patient(3)]
    found = merged(cleaned(rows), Tools.now()).saved
    assert len(_all()) == 2
    saved = services.save_many(cleaned(rows))
    assert (found.created, found.updated, found.unchanged) == (1, 1, 2)
    assert (saved.created, saved.updated, saved.unchanged) == (1, 1, 2)


def _all() -> dict[object, queries.OpenedContact]:
    return {person.id: person for person in queries.page().contacts}
