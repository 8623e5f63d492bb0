"""A word that a patient's record holds goes through the whole system and is then looked for.

It must be where the patient reads it, and nowhere else: no dump, queue, cache, log or header.
"""

from __future__ import annotations

import logging
import subprocess
from email import policy
from email.parser import BytesParser

import pytest
import redis
from django.conf import settings
from django.db import connections
from django.test import Client

from accounts.rules import Role
from audit.tasks import seal
from campaigns import services as campaigns
from campaigns.models import Template
from config.embedded.servers import postgres_binaries
from consent.rules.purposes import Purpose, Remuneration
from contacts import queries as contacts
from contacts.rules.imports import suggest_mapping
from contacts.services import importing, segments, uploads
from delivery import queries as delivery
from delivery.models import Message
from delivery.services.senders import create_sender
from delivery.tokens import LinkPurpose
from tenancy.current import acting_for
from tests.people import Room
from tests.post import Post, publish

CANARY = "Zebrafinchosis"
NAME = "Quetzalina"
TLS, PORTAL = "canary.ann@riverside-mail.test", "canary.bob@plainmail.test"
CSV = (
    "MRN,First Name,Email,DOB,Department\n"
    f"R1,{NAME},{TLS},1950-06-07,{CANARY}\n"
    f"R2,{NAME},{PORTAL},1950-06-07,{CANARY}\n"
    f"R3,{NAME},not an address {CANARY},1950-02-31,{CANARY}\n"
)
HTML = "<p>Dear {{ first_name }}, about {{ department }}: <a href='https://x.test/'>more</a></p>"


def the_whole_way(room: Room, post: Post) -> dict[str, str]:
    """Import, segment, campaign, approval, sending, portal. Returns each patient's link."""
    marketer, officer = room.people[Role.MARKETER].id, room.people[Role.PRIVACY_OFFICER].id
    organization = room.riverside.id
    with acting_for(organization):
        source = uploads.start_upload([CSV.encode()], "patients.csv", marketer)
    importing.run_import(organization, source.id)
    with acting_for(organization):
        source.refresh_from_db()
        headers = contacts.head(source).headers
        mapped = suggest_mapping(headers, contacts.fields_by_key())
        uploads.confirm_mapping(
            source.id, {n: mapped[header] for n, header in enumerate(headers) if header in mapped}
        )
    importing.run_import(organization, source.id)
    with acting_for(organization):
        uploads.confirm_import(source.id)
    importing.run_import(organization, source.id)
    with acting_for(organization):
        sender = create_sender("Care", "care@riverside.test")
    publish(room.riverside, post.world)
    with acting_for(organization):
        tree = '{"where": {"kind": "all", "of": [{"kind": "field", "field": "department",'
        tree += f' "operator": "is", "values": ["{CANARY}"]}}]}}}}'
        segment = segments.save_segment("A segment", tree, marketer)
        template = campaigns.save_template(
            Template(name="T", subject="A note", html=HTML, created_by=marketer), marketer
        )
        draft = campaigns.Draft(
            "C",
            segment.id,
            template.id,
            sender.id,
            Purpose.TREATMENT_REMINDER.value,
            Remuneration.NONE.value,
            "",
            tracking=True,
            gives_away="no",
            features="no",
        )
        campaign = campaigns.save_campaign(draft, marketer)
        campaigns.submit(campaign.id, marketer)
        campaign.refresh_from_db()
        campaigns.decide(campaign.id, campaign.digest, True, officer)
        campaigns.launch(campaign.id)
        campaigns.plan(campaign.id)
    post.send()
    seal()
    with acting_for(organization):
        opened = contacts.opened(list(Message.objects.values_list("contact_id", flat=True)))
        return {
            opened[message.contact_id].email or "": delivery.links(
                room.riverside, message.id
            ).address(LinkPurpose.PICKUP)
            for message in Message.objects.all()
        }


def visit_pages(room: Room, links: dict[str, str]) -> list[str]:
    """What browsers of staff and patients ask for; returns the addresses."""
    staff = room.client(Role.OWNER)
    asked = [room.url(path) for path in ("", "contacts/", "segments/", "campaigns/", "audit/")]
    for address in asked:
        assert staff.get(address).status_code == 200
    for link in links.values():
        assert Client().get(link.removeprefix(room.riverside.link_origin)).status_code == 200
    assert staff.post(room.url("contacts/"), {"text": "R1"}).status_code == 200
    return asked + list(links.values())


def dump(database: str) -> str:
    """The whole database as its owner sees it, who bypasses row-level security."""
    owner = connections["owner"].settings_dict
    host = f"{owner['HOST']}:{owner['PORT']}"
    address = f"postgres://{owner['USER']}:{owner['PASSWORD']}@{host}/{database}"
    return subprocess.run(
        [postgres_binaries() / "pg_dump", f"--dbname={address}"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def everything_in_redis() -> bytes:
    found = b""
    with redis.Redis.from_url(settings.REDIS_URL) as server:
        for key in server.scan_iter(count=1000):
            found += key + (server.dump(key) or b"")
            if server.type(key) == b"list":
                found += b"".join(server.lrange(key, 0, -1))
    return found


def hidden_in(text: str) -> list[str]:
    """Which of the patient's values stand in a text, as they are or as bytea writes them."""
    values = (CANARY, NAME, TLS, PORTAL, "canary.ann")
    folded = text.casefold()
    return [
        value for value in values if value.casefold() in folded or value.encode().hex() in folded
    ]


def test_a_diagnosis_is_where_the_patient_reads_it_and_nowhere_else(
    committed_room: Room, post: Post, own_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("mail.log", "asyncio"):  # the test's own mail servers, which stand for others'
        logging.getLogger(name).setLevel(logging.CRITICAL)
    caplog.set_level(logging.DEBUG)
    links = the_whole_way(committed_room, post)
    asked = visit_pages(committed_room, links)

    (arrived,) = post.world.store.messages_for(TLS)
    message = BytesParser(policy=policy.default).parsebytes(arrived.raw)
    body = message.get_body(("html",))
    assert body is not None
    assert CANARY in body.get_content(), "the canary did go through"
    assert f"Dear {NAME}" in body.get_content()

    text = dump(own_database)
    assert "COPY public.contacts_contact " in text
    assert str(post.message_id(TLS)) in text, "the dump holds rows"
    assert hidden_in(text) == []
    assert b"contacts.run_import" in everything_in_redis(), "the queue was used"
    assert hidden_in(everything_in_redis().decode("latin-1")) == []
    assert hidden_in(caplog.text) == []
    assert hidden_in(" ".join(asked)) == []
    to_others = [f"{name}: {value}" for name, value in message.items() if name != "To"]
    assert hidden_in(" ".join(to_others)) == []
    (notice,) = post.world.store.messages_for(PORTAL)
    without_address = notice.raw.replace(b"=\r\n", b"").replace(PORTAL.encode(), b"")
    assert hidden_in(without_address.decode()) == []
