"""Promise: from every mail, without a log-in, a person can choose what they get, and what they
choose is what happens."""

from __future__ import annotations

from datetime import timedelta
from html import unescape
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from consent import queries as consent
from consent import services
from consent.models import Alert, PlainMailWish, Preference, Revocation, Suppression, Topic
from consent.rules import words
from consent.rules.decision import SuppressionReason, SuppressionScope
from consent.rules.purposes import Information, Purpose, Remuneration, Use
from contacts import queries as contacts
from contacts.services import erase
from contacts.services.people import replace_profiles
from delivery import queries as delivery
from delivery import tracking
from delivery.content import compile_content
from delivery.models import Event, Message
from delivery.rules import Status
from delivery.services import mailings
from delivery.services.senders import create_sender
from delivery.services.tracking import store_visits
from tenancy.current import acting_for
from tenancy.models import new_id
from tests.consent.signed import published, signed
from tests.portal.asked import ANN, BOB, BORN
from tests.post import DIAGNOSIS, HTML, Post

APPOINTMENT = Use(Purpose.APPOINTMENT, Remuneration.NONE, frozenset({Information.DEMOGRAPHIC}))
WELLNESS = Use(Purpose.GENERAL_WELLNESS, Remuneration.NONE, frozenset({Information.DEMOGRAPHIC}))
APPEAL = Use(Purpose.FUNDRAISING, Remuneration.NONE, frozenset({Information.DEMOGRAPHIC}))
ALL_ON = {"what": "save", "marketing": "on", "fundraising": "on", "track": "on"}


class Reader:
    """Somebody who got a mail and opened the page that it links to."""

    def __init__(self, post: Post, address: str = ANN, use: Use = WELLNESS) -> None:
        self.post, self.address = post, address
        post.mailing(address, use=use)
        post.send()
        self.contact: UUID = post.ids[address]
        self.message: Message = post.message(address)
        self.browser = Client(enforce_csrf_checks=True)

    def url(self, purpose: str = "preferences") -> str:
        with acting_for(self.post.organization.id):
            links = delivery.links(self.post.organization, self.message.id)
            address = str(getattr(links, purpose)())
        return address.removeprefix("https://mail.riverside.test")

    def page(self, query: str = "") -> str:
        return unescape(self.browser.get(self.url() + query).content.decode())

    def act(self, given: dict[str, object], query: str = "") -> str:
        answer = self.browser.post(self.url() + query, given)
        assert answer.status_code == 200
        assert not answer.cookies
        return unescape(answer.content.decode())

    def code(self, use: Use) -> str:
        """Whether mail of this use may go now: the verdict, or the reason against it."""
        with acting_for(self.post.organization.id):
            decision = consent.decisions(use, [self.contact], timezone.now())[self.contact]
        return decision.code if decision.verdict.value != "permit" else "permit"


@pytest.fixture
def ann(post: Post) -> Reader:
    return Reader(post)


def test_the_page_tells_nothing_about_the_person(ann: Reader) -> None:
    page = ann.page()
    assert "Your emails from Riverside Health" in page
    for secret in (ANN, "Pat0", "1950-06-07", DIAGNOSIS, "Diabetes"):
        assert secret not in page
    assert "Sus correos de Riverside Health" in ann.page("?lang=es")


def test_whoever_only_looks_changes_nothing(ann: Reader) -> None:
    for fetch in (ann.browser.get, ann.browser.head):
        assert fetch(ann.url(), {"what": "stop"}).status_code == 200
    with acting_for(ann.post.organization.id):
        assert not Preference.objects.exists()
        assert not Suppression.objects.exists()


def test_topics_frequency_pause_and_counting_are_saved_and_shown(ann: Reader) -> None:
    with acting_for(ann.post.organization.id):
        heart = services.create_topic("Heart health", "Salud del corazón", new_id())
        sleep = services.create_topic("Sleep", "", new_id())
        old = services.create_topic("Old", "", new_id())
        services.retire_topic(old.id)
    assert "Heart health" in ann.page()
    assert "Salud del corazón" in ann.page("?lang=es")
    assert "Old" not in ann.page()
    page = ann.act({**ALL_ON, "topics": [str(sleep.id)], "often": "2", "pause": "3", "track": ""})
    assert "Saved" in page
    with acting_for(ann.post.organization.id):
        row = Preference.objects.get()
        assert (row.declined_topics, row.most_per_month, row.track) == ([heart.id], 2, False)
        assert row.paused_until is not None
        assert 89 <= (row.paused_until - contacts.today()).days <= 92
    page = ann.page()
    assert "Paused until" in page
    assert '<option value="2" selected>' in page
    ann.act({**ALL_ON, "topics": [str(heart.id), str(sleep.id)], "pause": "0"})
    with acting_for(ann.post.organization.id):
        row.refresh_from_db()
        assert (row.declined_topics, row.most_per_month, row.paused_until) == ([], None, None)


def test_a_pause_stops_what_is_promotional_and_nothing_else(ann: Reader) -> None:
    assert ann.code(WELLNESS) == "permit"
    ann.act({**ALL_ON, "pause": "1"})
    assert ann.code(WELLNESS) == "paused"
    assert ann.code(APPOINTMENT) == "permit"


def test_how_often_counts_what_arrived(ann: Reader) -> None:
    ann.act({**ALL_ON, "often": "2"})
    assert ann.code(WELLNESS) == "permit", "one arrived"
    ann.act({**ALL_ON, "often": "1"})
    assert ann.code(WELLNESS) == "often_enough"
    assert ann.code(APPOINTMENT) == "permit"


def test_promotional_mail_goes_off_and_on_again(ann: Reader) -> None:
    ann.act({**ALL_ON, "marketing": ""})
    assert ann.code(WELLNESS) == "unsubscribed"
    assert ann.code(APPOINTMENT) == "permit"
    with acting_for(ann.post.organization.id):
        assert Event.objects.filter(kind="unsubscribed").count() == 1
    ann.act(ALL_ON)
    assert ann.code(WELLNESS) == "permit"
    with acting_for(ann.post.organization.id):
        row = Suppression.objects.get()
        assert row.lifted_at is not None
        assert row.lifted_by is None


def test_check_19_the_fundraising_opt_out_blocks_every_appeal_and_no_reminder(ann: Reader) -> None:
    with acting_for(ann.post.organization.id):
        policy = services.Policy(False, True, 8.0, 30)
        services.change_policy(policy, new_id())
    assert ann.code(APPEAL) == "permit"
    ann.act({**ALL_ON, "fundraising": ""})
    assert ann.code(APPEAL) == "fundraising_opt_out"
    assert ann.code(APPOINTMENT) == "permit"
    assert ann.code(WELLNESS) == "permit"
    ann.act(ALL_ON)
    assert ann.code(APPEAL) == "permit"


def test_everything_off_and_on_again_by_the_person_alone(ann: Reader) -> None:
    assert "no more emails" in ann.act({"what": "stop"})
    assert ann.code(APPOINTMENT) == "unsubscribed"
    with acting_for(ann.post.organization.id):
        row = Suppression.objects.get()
        with pytest.raises(services.NotLiftable):
            services.lift(row.id, "they called", new_id())
    assert "You get no emails from us at all" in ann.page()
    ann.act({"what": "allow"})
    assert ann.code(APPOINTMENT) == "permit"


def test_what_we_stopped_the_page_does_not_open(ann: Reader) -> None:
    with acting_for(ann.post.organization.id):
        services.suppress(ANN, SuppressionScope.ALL, SuppressionReason.BOUNCED, "bounce")
    assert "stopped by Riverside Health" in ann.page()
    ann.act({"what": "allow"})
    assert ann.code(APPOINTMENT) == "bounced"


def test_permissions_can_be_taken_back_here_one_by_one(ann: Reader) -> None:
    with acting_for(ann.post.organization.id):
        version = published(ann.post.organization)
        one, other = signed(ann.contact, version), signed(ann.contact, version)
    assert ann.page().count("Take it back") == 2
    page = ann.act({"what": "revoke", "authorization": str(one.id)})
    assert page.count("Take it back") == 1
    with acting_for(ann.post.organization.id):
        assert [each.authorization_id for each in Revocation.objects.all()] == [one.id]
        assert consent.opened_signature(other)
    ann.act({"what": "revoke", "authorization": "nonsense"})


def test_nobody_takes_back_what_somebody_else_signed(post: Post) -> None:
    post.mailing(ANN, BOB, use=WELLNESS)
    post.send()
    ann = Reader.__new__(Reader)
    ann.post, ann.address, ann.browser = post, ANN, Client()
    ann.contact, ann.message = post.ids[ANN], post.message(ANN)
    with acting_for(post.organization.id):
        theirs = signed(post.ids[BOB], published(post.organization))
    ann.act({"what": "revoke", "authorization": str(theirs.id)})
    with acting_for(post.organization.id):
        assert not Revocation.objects.exists()


def test_check_34_the_wish_needs_the_warning_and_the_date_of_birth(ann: Reader) -> None:
    warning = words.PLAIN_MAIL_WARNING["en"]
    assert warning in ann.page()
    assert "Not saved" in ann.act({"what": "plain", **BORN})
    assert "does not match" in ann.act({"what": "plain", "agree": "on", **BORN, "day": "8"})
    with acting_for(ann.post.organization.id):
        assert not PlainMailWish.objects.exists()
    assert "Saved" in ann.act({"what": "plain", "agree": "on", **BORN})
    with acting_for(ann.post.organization.id):
        row = PlainMailWish.objects.get()
        assert (row.contact_id, row.warning, row.channel) == (ann.contact, warning, "page")
        assert row.address_token == contacts.address_token(ANN)
    assert "Saved" in ann.act({"what": "protected"})
    with acting_for(ann.post.organization.id):
        row.refresh_from_db()
        assert row.withdrawn_at is not None


def test_guessing_dates_of_birth_locks_the_wish(ann: Reader) -> None:
    for _ in range(5):
        page = ann.act({"what": "plain", "agree": "on", **BORN, "day": "8"})
    assert "too many wrong tries" in page
    assert "too many wrong tries" in ann.act({"what": "plain", "agree": "on", **BORN})
    with acting_for(ann.post.organization.id):
        assert not PlainMailWish.objects.exists()


def test_nothing_is_kept_of_somebody_erased(ann: Reader) -> None:
    with acting_for(ann.post.organization.id):
        erase(ann.contact, timezone.now())
    assert ann.browser.get(ann.url()).status_code == 200
    for act in (ALL_ON, {"what": "stop"}, {"what": "plain", "agree": "on", **BORN}):
        ann.act(act)
    with acting_for(ann.post.organization.id):
        for model in (Preference, Suppression, PlainMailWish):
            assert not model.objects.exists()


def test_the_page_is_kept_by_no_cache_and_names_no_referrer(ann: Reader) -> None:
    answer = ann.browser.get(ann.url())
    assert answer["Cache-Control"] == "no-store"
    assert answer["Referrer-Policy"] in ("no-referrer", "same-origin")
    assert "default-src 'none'" in answer["Content-Security-Policy"]


def test_the_unsubscribe_page_offers_the_topic_alone_and_the_choice(post: Post) -> None:
    with acting_for(post.organization.id):
        heart: Topic = services.create_topic("Heart health", "", new_id())
    use = Use(
        Purpose.GENERAL_WELLNESS,
        Remuneration.NONE,
        frozenset({Information.DEMOGRAPHIC}),
        topic=heart.id,
    )
    ann = Reader(post, use=use)
    url = ann.url("unsubscribe")
    page = unescape(ann.browser.get(url).content.decode())
    assert "Stop only the topic of this email" in page
    assert "Heart health" not in page, "the page does not say what the mail was about"
    assert ann.url() in page
    ann.browser.post(url, {"what": "topic"})
    assert ann.code(use) == "topic_declined"
    assert ann.code(WELLNESS) == "permit"


def test_check_38_one_click_still_takes_the_narrow_scope_without_cookies(ann: Reader) -> None:
    answer = ann.browser.post(ann.url("unsubscribe"), {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert not answer.cookies
    with acting_for(ann.post.organization.id):
        row = Suppression.objects.get()
        assert (row.scope, row.source) == ("marketing", "one_click")


def test_who_is_not_to_be_counted_gets_no_pixel_and_straight_links(post: Post) -> None:
    post.mailing(ANN)
    with acting_for(post.organization.id):
        nobody: frozenset[UUID] = frozenset()
        wanted = services.Wanted(nobody, None, None, track=False)
        services.change_preferences(post.ids[ANN], wanted)
    post.send()
    raw = post.world.store.messages_for(ANN)[-1].raw.replace(b"=\r\n", b"")
    assert b"https://www.riverside.test/flu" in raw
    assert b"/click/" not in raw
    assert b"/open/" not in raw
    message = post.message(ANN)
    assert message.status == Status.ACCEPTED
    with acting_for(post.organization.id):
        pixel = delivery.links(post.organization, message.id).pixel()
    Client().get(pixel.removeprefix("https://mail.riverside.test"))
    tracking.hand_over()
    store_visits()
    with acting_for(post.organization.id):
        assert not Event.objects.filter(kind="opened").exists()


# A link in old mail, and what is not in force right now.


@pytest.fixture
def moved(ann: Reader) -> Reader:
    """Ann has another address since; somebody else may read what she got."""
    with acting_for(ann.post.organization.id):
        profile = {"record_number": "R0", "email": BOB, "birth_date": "1950-06-07"}
        replace_profiles({ann.contact: profile})
    return ann


def test_a_link_in_old_mail_stops_mail_at_both_addresses(moved: Reader) -> None:
    assert "no more emails" in moved.act({"what": "stop"})
    with acting_for(moved.post.organization.id):
        tokens = set(Suppression.objects.values_list("address_token", flat=True))
        assert tokens == {contacts.address_token(ANN), contacts.address_token(BOB)}


@pytest.mark.parametrize(
    "given",
    [
        {**ALL_ON, "often": "4", "pause": ""},
        {**ALL_ON, "often": "2", "pause": "0"},
        {**ALL_ON, "often": "2", "topics": ["sleep"]},
        {"what": "plain", "agree": "on", **BORN},
        {"what": "allow"},
    ],
)
def test_a_link_in_old_mail_allows_nothing(moved: Reader, given: dict[str, object]) -> None:
    with acting_for(moved.post.organization.id):
        sleep = services.create_topic("Sleep", "", new_id())
        until = contacts.today() + timedelta(days=40)
        services.change_preferences(
            moved.contact, services.Wanted(frozenset({sleep.id}), 2, until, True)
        )
        services.suppress(BOB, SuppressionScope.ALL, SuppressionReason.UNSUBSCRIBED, "link")
        if "topics" in given:
            given = {**given, "topics": [str(sleep.id)]}
    assert "earlier address" in moved.act(given)
    with acting_for(moved.post.organization.id):
        row = Preference.objects.get()
        assert (row.declined_topics, row.most_per_month) == ([sleep.id], 2)
        assert row.paused_until == until
        assert Suppression.objects.get().lifted_at is None
        assert not PlainMailWish.objects.exists()


def test_a_link_in_old_mail_still_lets_people_get_less(moved: Reader) -> None:
    assert "Saved" in moved.act({"what": "save", "often": "1", "pause": "1"})
    with acting_for(moved.post.organization.id):
        row = Preference.objects.get()
        assert (row.most_per_month, row.track) == (1, False)
    assert moved.code(WELLNESS) == "unsubscribed"


def test_revoking_by_the_link_ends_what_is_not_in_force_right_now(ann: Reader) -> None:
    with acting_for(ann.post.organization.id):
        version = published(ann.post.organization)
        disputed, good = signed(ann.contact, version), signed(ann.contact, version)
        services.dispute(disputed.id, "other", None)
    assert ann.page().count("Take it back") == 2
    page = ann.browser.post(ann.url("unsubscribe"), {"what": "revoke"}).content.decode()
    assert "Your permission has ended" in page
    with acting_for(ann.post.organization.id):
        revoked = {each.authorization_id for each in Revocation.objects.all()}
        assert revoked == {disputed.id, good.id}


def test_a_name_that_changed_keeps_nobody_from_revoking(ann: Reader) -> None:
    with acting_for(ann.post.organization.id):
        authorization = signed(ann.contact, published(ann.post.organization))
    ann.post.organization.legal_name = "Another Name, Inc."
    ann.post.organization.save()
    ann.browser.post(ann.url("unsubscribe"), {"what": "revoke"})
    with acting_for(ann.post.organization.id):
        assert Revocation.objects.get().authorization_id == authorization.id


def test_where_nothing_was_signed_the_page_does_not_say_it_ended(ann: Reader) -> None:
    page = ann.browser.post(ann.url("unsubscribe"), {"what": "revoke"}).content.decode()
    assert "has ended" not in page
    assert "Stop these emails?" in page


def test_guessing_over_several_messages_locks_for_good(ann: Reader) -> None:
    for day in range(8, 12):
        ann.act({"what": "plain", "agree": "on", **BORN, "day": str(day)})
    for _ in range(2):
        other = later(ann)
        for day in range(12, 15):
            other.act({"what": "plain", "agree": "on", **BORN, "day": str(day)})
    page = later(ann).act({"what": "plain", "agree": "on", **BORN})
    assert "please call or write" in page
    with acting_for(ann.post.organization.id):
        assert not PlainMailWish.objects.exists()
        assert Alert.objects.get().kind == "birth_date_guessed"
        services.reset_birth_date_tries(ann.contact, new_id())
    assert "Saved" in later(ann).act({"what": "plain", "agree": "on", **BORN})


def later(reader: Reader) -> Reader:
    """The same person with the next message."""
    post, known = reader.post, {reader.message.id}
    with acting_for(post.organization.id):
        known = set(Message.objects.values_list("id", flat=True))
        mailing = mailings.create_mailing(
            new_id(),
            create_sender("Riverside Health", f"care-{new_id().hex}@riverside.test").id,
            compile_content("Hello", "", HTML, ["first_name", "conditions"]),
            APPOINTMENT,
            mailings.Approved("0" * 64, new_id()),
            False,
        )
        mailings.plan(mailing.id, [(reader.contact.bytes, "riverside-mail.test")])
    post.send()
    new = Reader.__new__(Reader)
    new.post, new.address, new.contact = post, reader.address, reader.contact
    new.browser = Client(enforce_csrf_checks=True)
    with acting_for(post.organization.id):
        new.message = Message.objects.exclude(id__in=known).get()
    return new


def test_without_an_address_there_is_no_wish_and_no_error(ann: Reader) -> None:
    with acting_for(ann.post.organization.id):
        replace_profiles({ann.contact: {"record_number": "R0", "birth_date": "1950-06-07"}})
    assert "Send me ordinary email" not in ann.page()
    ann.act({"what": "plain", "agree": "on", **BORN})
    with acting_for(ann.post.organization.id):
        assert not PlainMailWish.objects.exists()
