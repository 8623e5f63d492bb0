"""A marketer and a privacy officer at work in a test: campaigns through the pages they use."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from accounts.rules import Role
from campaigns import services
from campaigns.models import Campaign, CampaignStatus, Template
from contacts.services import segments
from contacts.services.saving import save_many
from tenancy.current import acting_for
from tenancy.models import new_id
from tests.people import Room
from tests.post import clean, ready_sender

PLAIN = (
    "<p>Dear {{ first_name|default('patient') }}, come and see us.</p>"
    '<p>{{ postal_address }} <a href="{{ unsubscribe_url }}">Stop</a></p>'
)
ANSWERS = {"remuneration": "none", "gives_away": "no", "features": "no", "for_others": "no"}


@dataclass
class Desk:
    """Riverside, with a dozen patients unless told otherwise."""

    room: Room
    made: int = field(default=0)

    def people(self, number: int = 12, **profile: object) -> None:
        """More patients, all alike."""
        numbers = range(self.made, self.made + number)
        self.made += number
        with acting_for(self.room.riverside.id):
            save_many([clean(n, f"p{n}@riverside-mail.test", **profile) for n in numbers])

    def campaign(
        self, where: dict[str, object] | None = None, html: str = PLAIN, **answers: Any
    ) -> UUID:
        """A draft, written on the campaign's form. `where` chooses people; all, if left out."""
        marketer, name = self.room.people[Role.MARKETER].id, new_id().hex
        tree = json.dumps({"where": {"kind": "all", "of": [where] if where else []}})
        with acting_for(self.room.riverside.id):
            segment = segments.save_segment(name, tree, marketer)
            template = services.save_template(
                Template(name=name, subject="A note", html=html, created_by=marketer), marketer
            )
            sender = ready_sender("Care", f"{name}@riverside.test")
        parts = {"segment": segment.id, "template": template.id, "sender": sender.id}
        answer = self.room.client(Role.MARKETER).post(
            self.room.url("campaigns/new/"), {"name": name, **parts, **ANSWERS, **answers}
        )
        assert answer.status_code == 302, answer.context["form"].errors
        with acting_for(self.room.riverside.id):
            found: UUID = Campaign.objects.get(name=name).id
            return found

    def change(self, campaign: UUID, **answers: Any) -> None:
        """Edit some answers on the form."""
        row = self.stored(campaign)
        data = {
            name: getattr(row, name)
            for name in ("name", "purpose", "remuneration", "sponsor", "gives_away", "features")
        }
        parts = {name: getattr(row, f"{name}_id") for name in ("segment", "template", "sender")}
        answer = self.room.client(Role.MARKETER).post(
            self._page(campaign, "edit/"), {**data, **parts, "for_others": "no", **answers}
        )
        assert answer.status_code == 302, answer.context["form"].errors

    def stored(self, campaign: UUID) -> Campaign:
        with acting_for(self.room.riverside.id):
            found: Campaign = Campaign.objects.get(id=campaign)
            return found

    def waterfall(self, campaign: UUID) -> dict[str, str]:
        """The numbers on the campaign's page, by label."""
        answer = self.room.client(Role.PRIVACY_OFFICER).get(self._page(campaign, "forecast/"))
        rows = re.findall(r"<tr.*?</tr>", answer.content.decode(), re.DOTALL)
        return dict(_cells(row) for row in rows)

    def reason_codes(self, campaign: UUID) -> set[str]:
        """The rules that the waterfall's numbers lead to."""
        answer = self.room.client(Role.PRIVACY_OFFICER).get(self._page(campaign, "forecast/"))
        return set(re.findall(r"consent/rules/#(\w+)", answer.content.decode()))

    def read(self, campaign: UUID, who: Role = Role.PRIVACY_OFFICER) -> str:
        return _text(self.room.client(who).get(self._page(campaign)).content.decode())

    def submit(self, campaign: UUID) -> str:
        """What the page says after "Submit for approval"."""
        answer = self.room.client(Role.MARKETER).post(self._page(campaign, "submit/"), follow=True)
        return _text(answer.content.decode())

    def approve(self, campaign: UUID, who: Role = Role.PRIVACY_OFFICER) -> str:
        data = {"digest": self.stored(campaign).digest, "decision": "approve"}
        answer = self.room.client(who).post(self._page(campaign, "decide/"), data, follow=True)
        return _text(answer.content.decode())

    def rule(self, campaign: UUID, code: str, outcome: str, who: Role) -> str:
        data = {"digest": self.stored(campaign).digest, "rule": code, "outcome": outcome}
        answer = self.room.client(who).post(
            self._page(campaign, "rule/"), data | {"reason": "I looked at it."}, follow=True
        )
        return _text(answer.content.decode())

    def launch(self, campaign: UUID) -> None:
        """Submit, approve and launch, and write the audience down."""
        self.submit(campaign)
        self.approve(campaign)
        self.room.client(Role.MARKETER).post(self._page(campaign, "launch/"))
        assert self.stored(campaign).status == CampaignStatus.LAUNCHED
        with acting_for(self.room.riverside.id):
            services.plan(campaign)

    def _page(self, campaign: UUID, act: str = "") -> str:
        return self.room.url(f"campaigns/{campaign}/{act}")


def _cells(row: str) -> tuple[str, str]:
    label, number = (_text(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL))
    return label.replace("− minus ", "").replace("= ", ""), number


def _text(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())
