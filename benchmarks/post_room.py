"""A sink to send to, an organization with patients, and a mailing to all of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks.letters import newsletter
from benchmarks.room import new_organization, vacuum


class Sink:
    """The server that takes everything, as a process. Its address is put into the environment, so
    start it before Django reads its settings."""

    def __init__(self, delay_ms: int = 0, connections: int = 60) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sink-"))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.sink", self.folder, "--delay", str(delay_ms)]
        )
        ports = self.folder / "world.json"
        while not ports.exists() or not ports.read_text():
            time.sleep(0.05)
        self.world = json.loads(ports.read_text())
        os.environ |= {
            "MAIL_RESOLVERS": f"127.0.0.1:{self.world['dns_port']}",
            "SMTP_PORT": str(self.world["smtp_port"]),
            "SMTP_CA_FILE": self.world["ca_path"],
            "MAIL_ALLOWED_NETWORKS": "127.0.1.0/24",
            "SMTP_CONNECTIONS_PER_HOST": str(connections),
        }

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        return cpu_of(f"/proc/{self._process.pid}/stat")

    def stop(self) -> dict[str, Any]:
        """What it counted."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()
        counted: dict[str, Any] = json.loads((self.folder / "counted.json").read_text())
        return counted

    def identifiers(self) -> set[str]:
        """The Message-IDs, after `stop`."""
        return set((self.folder / "identifiers.txt").read_text().split())


def cpu_of(stat: str) -> float:
    """Seconds of processor time that a `/proc/.../stat` tells of."""
    fields = Path(stat).read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def organization_with(people: int) -> UUID:
    """Made-up patients, who all signed that they may get offers. One in twenty has no address."""
    from benchmarks.bench_segment import fill

    organization = new_organization()
    fill(organization, people)
    _sign_all(organization)
    vacuum("contacts_contact", "consent_authorization")
    return organization


def _sign_all(organization: UUID) -> None:
    from itertools import islice

    from consent import services
    from consent.rules.starter import starter_form
    from contacts import queries as contacts
    from contacts.models import Contact
    from tenancy.current import acting_for
    from tenancy.models import new_id

    who = new_id()
    with acting_for(organization):
        text = starter_form("Riverside Health, Inc.", "privacy@riverside.test")
        draft = services.save_draft(None, "Offers", text.to_json(), who)
        version = services.publish(draft, text, who)
        today = contacts.today()
        ids = iter(Contact.objects.order_by("id").values_list("id", flat=True).iterator())
        while some := list(islice(ids, 10_000)):
            services.record_authorizations(
                [
                    services.Signature(each, version.id, today, "Pat Example", copy_given=True)
                    for each in some
                ],
                who,
            )


def mailing_to_all(organization: UUID, *, signed: bool = True) -> UUID:
    """A marketing newsletter to everybody with an address, planned; its permits need each person's
    authorization. Without `signed`, the domain has no keys: a relay would sign."""
    from django.utils import timezone

    from consent.rules.purposes import Information, Purpose, Remuneration, Use
    from contacts import queries as contacts
    from contacts.models import Contact
    from delivery.content import compile_content
    from delivery.models import DkimKey, SenderDomain
    from delivery.services import mailings
    from delivery.services.senders import create_sender
    from tenancy.current import acting_for
    from tenancy.models import new_id

    use = Use(
        Purpose.MARKETING,
        Remuneration.NONE,
        frozenset({Information.DEMOGRAPHIC, Information.CLINICAL}),
    )
    with acting_for(organization):
        fields = [each.key for each in contacts.fields()]
        sender = create_sender("Riverside Health", f"care-{new_id().hex}@riverside.test")
        SenderDomain.objects.update(aligned_at=timezone.now())
        if not signed:
            DkimKey.objects.all().delete()
        mailing = mailings.create_mailing(
            new_id(),
            sender.id,
            compile_content("News from your clinic", "", newsletter(), fields),
            use,
            mailings.Approved("0" * 64, new_id()),
            tracking=True,
        )
        people = Contact.objects.exclude(email_token=None).values_list("id", "mail_domain")
        mailings.plan(mailing.id, ((who.bytes, domain) for who, domain in people.iterator()))
    vacuum("delivery_message", "delivery_batch")
    return mailing.id
