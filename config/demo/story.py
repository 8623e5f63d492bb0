"""The main job, told once: patients come in, two campaigns go out, the report adds up.

Everything goes through the services that the pages use, and through the queue. Told a second time
it finds everything done and only reads the figures.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import orjson
from django.conf import settings
from django.utils import timezone

from accounts import services as accounts
from accounts.models import User
from accounts.rules import Role
from audit.services import acting_person
from campaigns import queries as campaign_queries
from campaigns import services as campaigns
from campaigns.models import Campaign, Template
from config.demo import messages
from config.demo.patients import SEED, authorization_plan, generate, write_csv
from config.demo.world.published import as_zone, publish
from consent import services as consent
from consent.rules.purposes import Purpose, Remuneration
from consent.rules.starter import spanish_starter, starter_form
from contacts import queries as contacts
from contacts.rules.imports import suggest_mapping
from contacts.rules.segments import Segment
from contacts.services import segments, uploads
from delivery import queries as delivery
from delivery.rules import MailingStatus
from delivery.services.domains import check_domain
from delivery.services.senders import create_sender
from tenancy.current import acting_for
from tenancy.models import Organization

SLUG = "riverside"
BAD_ROWS = 25
SPONSOR = "Bluebird Fitness"
FLU, WELLNESS = "Flu shot reminder", "Wellness classes, paid offer"
STORY = "A patient's story"
TOPICS = (("Heart health", "Salud del corazón"), ("Classes and groups", "Clases y grupos"))
PEOPLE = {
    Role.OWNER: "Olivia Grant",
    Role.ADMINISTRATOR: "Adam Reyes",
    Role.PRIVACY_OFFICER: "Priya Shah",
    Role.MARKETER: "Maya Lindqvist",
    Role.ANALYST: "Andre Kim",
    Role.AUDITOR: "Alice Osei",
}
Check = Callable[[], None]


def staff_address(role: Role) -> str:
    """The demo's person of a role."""
    return f"{role.value.replace('_', '.')}@riverside-health.test"


@dataclass
class Told:
    """Each campaign's figures, with nothing hidden: the operator's view of made-up people."""

    figures: dict[str, tuple[int, delivery.Progress]] = field(default_factory=dict)

    @property
    def adds_up(self) -> bool:
        return bool(self.figures) and all(
            audience == progress.total and audience > 0 and not progress.in_flight
            for audience, progress in self.figures.values()
        )

    def summary(self) -> str:
        return "\n".join(
            line
            for name, (audience, progress) in self.figures.items()
            for line in _figures(name, audience, progress)
        )


def tell(folder: Path, patients: int, check: Check) -> Told:
    """Do what is not done yet, showing progress, and read the figures."""
    organization = Organization.objects.filter(slug=SLUG).first() or _found()
    if organization.link_origin != settings.PUBLIC_ORIGIN:  # the port was taken this time
        organization.link_origin = settings.PUBLIC_ORIGIN
        organization.save(update_fields=["link_origin"])
    _publish(organization, folder)
    cast = _Cast(organization, _people())
    with acting_for(organization.id):
        imported = contacts.any_contacts()
        launched = Campaign.objects.filter(name=WELLNESS, launched_at__isnull=False).exists()
    if not imported:
        _import(cast, folder, patients, check)
    if not launched:
        _consent(cast, patients)
        _campaigns(cast)
    return _watch(cast, check)


@dataclass(frozen=True)
class _Cast:
    organization: Organization
    people: dict[Role, User]

    def acting(self, role: Role) -> _Scene:
        return _Scene(self.organization.id, self.people[role].id)


class _Scene:
    """A transaction in which one of the staff acts."""

    def __init__(self, organization_id: UUID, user_id: UUID) -> None:
        self._organization = acting_for(organization_id)
        self._person = acting_person(user_id)
        self.user_id = user_id

    def __enter__(self) -> UUID:
        self._organization.__enter__()
        self._person.__enter__()
        return self.user_id

    def __exit__(self, *error: object) -> None:
        self._person.__exit__(*error)  # type: ignore[arg-type]
        self._organization.__exit__(*error)  # type: ignore[arg-type]


def _found() -> Organization:
    _say("Founding Riverside Health with a person for each role")
    organization = accounts.create_organization(
        slug=SLUG,
        name="Riverside Health",
        legal_name="Riverside Health, Inc.",
        postal_address="400 Orange Street, Riverside, CA 92501",
        phone="(951) 555-0100",
        time_zone="America/Los_Angeles",
        link_origin=settings.PUBLIC_ORIGIN,
        tracking=True,
    )
    for role, name in PEOPLE.items():
        user = accounts.add_member(organization, staff_address(role), name, role)
        device = accounts.start_totp(user)
        device.confirmed = True
        device.save()
    with acting_for(organization.id):
        create_sender("Riverside Health", "care@riverside-health.test")
    return organization


def _publish(organization: Organization, folder: Path) -> None:
    """Do for the sender's domain what an administrator asks of whoever runs the DNS, and check."""
    with acting_for(organization.id):
        [(domain, _)] = delivery.senders_with_domains()
        records = delivery.records_of(domain, delivery.keys_in_use(domain.id))
    publish(folder, as_zone((each.kind, each.name, each.value) for each in records))
    check_domain(organization.id, domain.id)


def _people() -> dict[Role, User]:
    return {role: User.objects.get(email=staff_address(role)) for role in Role}


def _import(cast: _Cast, folder: Path, patients: int, check: Check) -> None:
    """Upload the generated CSV, match its columns, and let the queue check and import it."""
    path = folder / "patients.csv"
    write_csv(path, patients, today=_today(), bad_rows=BAD_ROWS)
    with cast.acting(Role.MARKETER) as marketer:
        source = uploads.start_upload(_pieces(path), path.name, marketer)
    _await(cast, source.id, "Reading the file of patients", check)
    with cast.acting(Role.MARKETER):
        source.refresh_from_db()
        headers = contacts.head(source).headers
        by_header = suggest_mapping(headers, contacts.fields_by_key())
        mapping = {
            number: by_header[header]
            for number, header in enumerate(headers)
            if header in by_header
        }
        uploads.confirm_mapping(source.id, mapping)
    _await(cast, source.id, "Checking patients", check)
    with cast.acting(Role.MARKETER):
        uploads.confirm_import(source.id)
    _await(cast, source.id, "Importing patients", check)
    with acting_for(cast.organization.id):
        source.refresh_from_db()
    _say(
        f"Imported {source.created_count:,} patients;"
        f" {source.rejected_count} rows were rejected and can be corrected on the import's page"
    )


def _await(cast: _Cast, source: UUID, what: str, check: Check) -> None:
    """Wait until a worker has done its turn. Raises `RuntimeError` if the import failed."""
    while True:
        check()
        with acting_for(cast.organization.id):
            found = contacts.import_by_id(source)
        if found is None or found.problem:
            raise RuntimeError(found.problem if found else "The import is gone.")
        _progress(what, found.rows_read, found.rows_total)
        if not contacts.is_working(found):
            return
        time.sleep(0.3)


def _consent(cast: _Cast, patients: int) -> None:
    """Publish a form; most patients signed it, some long ago, some took it back."""
    with cast.acting(Role.PRIVACY_OFFICER) as officer:
        name, revoke_by = cast.organization.legal_name, "privacy@riverside-health.test"
        text = starter_form(name, revoke_by, SPONSOR)
        spanish = spanish_starter(text, name, revoke_by)
        kept = [spanish.to_json()]
        form = consent.save_draft(None, "Wellness offers", text.to_json(), officer, kept)
        version = consent.publish(form, text, officer, [spanish])
        for topic, in_spanish in TOPICS:
            consent.create_topic(topic, in_spanish, officer)
        plans = {
            row["MRN"]: plan
            for row in generate(patients, today=_today())
            if (plan := authorization_plan(SEED, row))
        }
        signed = consent.record_authorizations(_signatures(plans, version.id), officer)
        revoked = {
            person.id
            for person in _everybody()
            if plans.get(str(person.profile["record_number"])) == "revoked"
        }
        for authorization in signed:
            if authorization.contact_id in revoked:
                consent.revoke(authorization.id, timezone.now(), "letter", officer)
    _say(f"Recorded {len(signed):,} signed authorizations, {len(revoked)} of them revoked since")


def _signatures(plans: Mapping[str, str], version_id: UUID) -> Iterator[consent.Signature]:
    dice = random.Random(SEED)
    for person in _everybody():
        plan = plans.get(str(person.profile["record_number"]))
        if plan is None:
            continue
        days = dice.randint(400, 700) if plan == "expired" else dice.randint(5, 300)
        names = [str(person.profile.get(key, "")) for key in ("first_name", "last_name")]
        yield consent.Signature(
            contact_id=person.id,
            version_id=version_id,
            signed_on=_today() - timedelta(days=days),
            signer_name=" ".join(names),
            copy_given=True,
        )


def _everybody() -> Iterator[contacts.OpenedContact]:
    ids = [contact for contact, _ in contacts.matching(Segment(), _today())]
    for start in range(0, len(ids), 1000):
        yield from contacts.opened(ids[start : start + 1000]).values()


def _campaigns(cast: _Cast) -> None:
    """A marketer writes and submits, the privacy officer approves, the marketer launches."""
    flu = _campaign(cast, FLU, _FLU_SEGMENT, Purpose.TREATMENT_REMINDER, "", messages.FLU)
    wellness = _campaign(
        cast, WELLNESS, _WELLNESS_SEGMENT, Purpose.MARKETING, SPONSOR, messages.WELLNESS
    )
    for campaign in (flu, wellness):
        with cast.acting(Role.PRIVACY_OFFICER) as officer:
            campaigns.decide(campaign.id, campaign.digest, True, officer)
        with cast.acting(Role.MARKETER):
            campaigns.launch(campaign.id)
    _say("Both campaigns were approved by the privacy officer and launched by the marketer")
    _campaign(cast, STORY, _WELLNESS_SEGMENT, Purpose.GENERAL_WELLNESS, "", messages.STORY)
    _say("A third one quotes a patient: it waits for the privacy officer")


_FLU_SEGMENT = {
    "kind": "any",
    "of": [
        {
            "kind": "field",
            "field": "conditions",
            "operator": "one_of",
            "values": ["asthma", "copd", "diabetes", "heart_disease", "kidney_disease"],
        },
        {"kind": "field", "field": "birth_date", "operator": "age_at_least", "values": [65]},
    ],
}
_WELLNESS_SEGMENT = {
    "kind": "all",
    "of": [{"kind": "field", "field": "birth_date", "operator": "age_at_least", "values": [18]}],
}
_SUBJECTS = {
    FLU: "It is time for your yearly visit",
    WELLNESS: "An offer for our patients",
    STORY: "Something that may help you",
}
_SEGMENT_NAMES = {FLU: "At risk from flu", WELLNESS: "Adults", STORY: "Everybody over 18"}


def _campaign(
    cast: _Cast, name: str, where: object, purpose: Purpose, sponsor: str, html: str
) -> Campaign:
    with cast.acting(Role.MARKETER) as marketer:
        segment = segments.save_segment(
            _SEGMENT_NAMES[name], orjson.dumps({"where": where}).decode(), marketer
        )
        template = campaigns.save_template(
            Template(name=name, subject=_SUBJECTS[name], html=html, created_by=marketer), marketer
        )
        campaign = campaigns.save_campaign(
            campaigns.Draft(
                name=name,
                segment_id=segment.id,
                template_id=template.id,
                sender_id=delivery.senders()[0].id,
                purpose=purpose.value,
                remuneration=(Remuneration.PAID if sponsor else Remuneration.NONE).value,
                sponsor=sponsor,
                tracking=True,
                gives_away="no",
                features="yes" if name == STORY else "no",
            ),
            marketer,
        )
        return campaigns.submit(campaign.id, marketer)


def _watch(cast: _Cast, check: Check) -> Told:
    """Wait until every recipient is decided."""
    while True:
        check()
        told, finished = _read(cast)
        settled = sum(progress.settled for _, progress in told.figures.values())
        audience = sum(audience for audience, _ in told.figures.values())
        _progress("Sending", settled, audience)
        if finished:
            return told
        time.sleep(0.5)


def _read(cast: _Cast) -> tuple[Told, bool]:
    told, finished = Told(), True
    with acting_for(cast.organization.id):
        for name in (FLU, WELLNESS):
            mailing = campaign_queries.mailing_of(Campaign.objects.get(name=name))
            if mailing is None:
                finished = False
                continue
            told.figures[name] = mailing.audience, delivery.progress(mailing.id)
            finished = finished and mailing.status == MailingStatus.FINISHED
    return told, finished


def _figures(name: str, audience: int, progress: delivery.Progress) -> Iterator[str]:
    yield f"\n{name}"
    yield f"  audience                         {audience:>6,}"
    parts = (("accepted", "by verified TLS"), ("in_portal", "in portal"))
    for status, label in parts:
        yield f"  {label:<33}{progress.by_status[status]:>6,}"
    for status in ("suppressed", "failed", "held", "stopped", "uncertain"):
        for reason, number in sorted(progress.reasons.get(status, {}).items()):
            yield f"  {status + ': ' + reason.replace('_', ' '):<33}{number:>6,}"
    yield f"  in flight                        {progress.in_flight:>6,}"
    verdict = "adds up" if progress.total == audience else "DOES NOT ADD UP"
    yield f"  sum                              {progress.total:>6,}   {verdict}"


def _today() -> date:
    return timezone.localdate()


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as source:
        while piece := source.read(65_536):
            yield piece


def _say(text: str) -> None:
    print(f"{text}.", flush=True)


def _progress(what: str, done: int, of: int) -> None:
    """One line that moves, on a terminal; elsewhere nothing, so that logs stay short."""
    if sys.stdout.isatty():
        end = "\n" if of and done >= of else ""
        print(f"\r{what}: {done:,} of {of:,}   ", end=end, flush=True)
