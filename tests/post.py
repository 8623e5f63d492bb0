"""A mailing to people on mail servers of every temper."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from django.utils import timezone
from pytest_django import Settings

from config.demo.world.dns_server import Zone
from config.demo.world.published import as_zone
from config.demo.world.servers import DNS_ADDRESS, NETWORK, MailWorld
from consent.rules.purposes import Information, Purpose, Remuneration, Use
from contacts import queries as contacts
from contacts.rules.email import EmailAddress
from contacts.rules.imports import CleanContact
from contacts.rules.segments import Segment
from contacts.services.saving import save_many
from delivery import queries
from delivery.content import compile_content
from delivery.models import Batch, Mailing, Message, Sender, SenderDomain
from delivery.services import mailings, sending
from delivery.services.domains import check_domain
from delivery.services.senders import create_sender
from tenancy.current import acting_for
from tenancy.models import Organization, new_id
from tests.people import Room

DIAGNOSIS = "diabetes"
HTML = (
    "<p>Dear {{ first_name|default('patient') }}, about your {{ conditions }}:</p>"
    '<p><a href="https://www.riverside.test/flu">Flu shots</a></p>'
    '<p>{{ postal_address }} <a href="{{ unsubscribe_url }}">Stop</a></p>'
)
TREATMENT = Use(Purpose.TREATMENT_REMINDER, Remuneration.NONE, frozenset({Information.CLINICAL}))


def clean(number: int, address: str, **more: object) -> CleanContact:
    """A person with this address."""
    profile = {
        "record_number": f"R{number}",
        "first_name": f"Pat{number}",
        "email": address,
        "birth_date": "1950-06-07",
        "conditions": [DIAGNOSIS],
        **more,
    }
    return CleanContact(number, f"record:r{number}", profile, EmailAddress.parse(address))


def zone_of(organization: Organization) -> Zone:
    """The records of the organization's senders' domains, as a zone of the world's DNS."""
    with acting_for(organization.id):
        return as_zone(
            (each.kind, each.name, each.value)
            for domain, _ in queries.senders_with_domains()
            for each in queries.records_of(domain, queries.keys_in_use(domain.id))
        )


def publish(organization: Organization, world: MailWorld) -> None:
    """Put those records into the world's DNS, and have them checked: from then on mail can be sent
    from these domains."""
    world.zone.update(zone_of(organization))
    with acting_for(organization.id):
        found = [domain.id for domain, _ in queries.senders_with_domains()]
    for domain in found:
        check_domain(organization.id, domain)


def ready_sender(name: str, address: str) -> Sender:
    """A sender as it is once its domain's records are published and were checked."""
    sender = create_sender(name, address)
    SenderDomain.objects.filter(id=sender.domain_id).update(aligned_at=timezone.now())
    return sender


@dataclass
class Post:
    """An organization's post room in a test."""

    organization: Organization
    world: MailWorld
    ids: dict[str, UUID] = field(default_factory=dict)

    def people(self, *addresses: str) -> list[UUID]:
        """Contacts with these addresses, in this order."""
        with acting_for(self.organization.id):
            save_many([clean(len(self.ids) + n, each) for n, each in enumerate(addresses)])
            ids = [each for each, _ in contacts.matching(Segment(), contacts.today())]
            everybody = contacts.opened(ids)
            self.ids = {each.email or "": each.id for each in everybody.values()}
        return [self.ids[address] for address in addresses]

    def mailing(self, *addresses: str, use: Use = TREATMENT, tracking: bool = True) -> Mailing:
        """A planned mailing to people with these addresses."""
        ids = self.people(*addresses)
        with acting_for(self.organization.id):
            sender = create_sender("Riverside Health", f"care-{new_id().hex}@riverside.test")
        publish(self.organization, self.world)
        with acting_for(self.organization.id):
            fields = [each.key for each in contacts.fields()]
            mailing = mailings.create_mailing(
                new_id(),
                sender.id,
                compile_content("A note from your clinic", "", HTML, fields),
                use,
                mailings.Approved("0" * 64, new_id()),
                tracking,
            )
            domains = [address.rpartition("@")[2] for address in addresses]
            return mailings.plan(
                mailing.id, zip([each.bytes for each in ids], domains, strict=True)
            )

    def send(self) -> int:
        """What workers do when everything that is due is handed out, once."""
        return sum(sending.send_batch(*due) for due in queries.due_batches(100))

    def due_now(self) -> None:
        """Let time pass until every next attempt is due."""
        with acting_for(self.organization.id):
            Batch.objects.update(due_at=timezone.now())
            Message.objects.exclude(next_attempt_at=None).update(next_attempt_at=timezone.now())

    def message(self, address: str) -> Message:
        with acting_for(self.organization.id):
            found: Message = Message.objects.select_related("mailing").get(
                contact_id=self.ids[address]
            )
            return found

    def message_id(self, address: str) -> UUID:
        """Of the only message to an address."""
        with acting_for(self.organization.id):
            for message in Message.objects.all():
                person = contacts.opened([message.contact_id])[message.contact_id]
                if person.email == address:
                    found: UUID = message.id
                    return found
        raise LookupError("nobody was written to")

    def statuses(self) -> dict[str, str]:
        return {address: self.message(address).status for address in self.ids}


@pytest.fixture
def post_settings(settings: Settings, mail_world: MailWorld) -> None:
    settings.SMTP_PORT = mail_world.smtp_port
    settings.SMTP_CA_FILE = str(mail_world.ca_path)
    settings.MAIL_RESOLVERS = [f"{DNS_ADDRESS}:{mail_world.dns_port}"]
    settings.MAIL_ALLOWED_NETWORKS = [NETWORK]
    mail_world.store.clear()


@pytest.fixture
def post(committed_room: Room, mail_world: MailWorld, post_settings: None) -> Iterator[Post]:
    """Riverside's post room. What is committed is real."""
    organization = committed_room.riverside
    organization.link_origin = "https://mail.riverside.test"
    organization.save()
    yield Post(organization, mail_world)
    sending.dispatcher().close_idle()
