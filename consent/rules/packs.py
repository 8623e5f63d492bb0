"""Stricter laws of single states, as packs that an organization turns on. They only ever tighten.

A pack holds for people who live in its state, and for people whose state is not known. It can ask
for an authorization where the table asks for none, and for more of an authorization; nothing in it
can ask for less. Each is versioned, so that evidence says which reading of a law was in force.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from consent.rules.authorization import Authorization
from consent.rules.findings import Finding
from consent.rules.forms import ExpiresAfter, FormText
from consent.rules.purposes import Remuneration, Use
from consent.rules.table import Requirement, Rule, When


@dataclass(frozen=True, slots=True)
class Pack:
    """One state's stricter rules.

    `asks_for` are the codes of rules below which an authorization is needed after all.
    `valid_days` ends an authorization so many days after it was signed. `type_points` is the least
    size of type in which it must have been set. `counts_in_kind` makes gifts count as payment.
    """

    key: str
    version: int
    state: str
    jurisdiction: str
    title: str
    citation: str
    points: tuple[str, ...]
    asks_for: frozenset[str] = field(default=frozenset())
    valid_days: int | None = None
    type_points: int | None = None
    counts_in_kind: bool = False

    @property
    def name(self) -> str:
        """Key and version, as evidence names it."""
        return f"{self.key}@{self.version}"

    def holds_for(self, state: str) -> bool:
        """Whether it holds for somebody who lives there; an empty state is not known."""
        return state in ("", self.state)

    def tightened(self, use: Use) -> Use:
        """The use as this state sees it."""
        if self.counts_in_kind and use.remuneration is Remuneration.IN_KIND:
            return replace(use, remuneration=Remuneration.PAID)
        return use

    def rule(self, rule: Rule) -> Rule:
        """The rule in this state: itself, or one that asks for an authorization as well."""
        if rule.code not in self.asks_for:
            return rule
        return Rule(
            self.key,
            Requirement.AUTHORIZATION,
            self.citation,
            f"{self.jurisdiction} asks for a signed authorization here.",
            When(),
            rule.opt_out,
        )

    def findings(self, authorization: Authorization, now: datetime) -> list[Finding]:
        """What an authorization lacks in this state. `now` is in the organization's zone."""
        return [*self._too_small(authorization.type_points), *self._too_old(authorization, now)]

    def form_findings(self, form: FormText) -> list[Finding]:
        """What a form lacks for people of this state."""
        return [*self._too_small(form.type_points), *self._too_long(form)]

    def _too_small(self, points: int) -> Iterator[Finding]:
        if points < (self.type_points or 0):
            message = f"{self.jurisdiction} asks for at least {self.type_points}-point type."
            yield Finding(6, "type_too_small", self.citation, "type_points", message)

    def _too_old(self, authorization: Authorization, now: datetime) -> Iterator[Finding]:
        last = authorization.signed_on + timedelta(days=self.valid_days or 0)
        if self.valid_days and now.date() > last:
            message = f"{self.jurisdiction} lets an authorization stand for {self.valid_days} days."
            yield Finding(15, "expired_by_state", self.citation, "signed_on", message)

    def _too_long(self, form: FormText) -> Iterator[Finding]:
        """Told to whoever writes the form: people should read the end that will hold for them."""
        if not self.valid_days or not isinstance(form.expiry, ExpiresAfter):
            return
        if form.expiry.months * 30 + form.expiry.days > self.valid_days:
            message = f"In {self.jurisdiction} it can stand for {self.valid_days} days at most."
            yield Finding(5, "longer_than_state_allows", self.citation, "months", message)


CALIFORNIA = Pack(
    "ca-cmia",
    1,
    "CA",
    "California",
    "Confidentiality of Medical Information Act",
    "Cal. Civ. Code 56.05, 56.11",
    (
        "The authorization is set in at least 14-point type, apart from any other text.",
        "The signature serves no other purpose.",
        "It ends one year after it was signed, at the latest.",
        "Gifts, fees and subsidies count as payment, not money alone.",
    ),
    valid_days=365,
    type_points=14,
    counts_in_kind=True,
)
WASHINGTON = Pack(
    "wa-mhmda",
    1,
    "WA",
    "Washington",
    "My Health My Data Act",
    "RCW 19.373.030, 19.373.070",
    (
        "An authorization ends one year after it was signed.",
        "People who are not patients are written to only with their signed authorization.",
    ),
    asks_for=frozenset({"outside_records"}),
    valid_days=365,
)
TEXAS = Pack(
    "tx-181",
    1,
    "TX",
    "Texas",
    "Medical Records Privacy",
    "Tex. Health & Safety Code 181.152",
    ("Any marketing needs clear permission, your own services and general wellness included.",),
    asks_for=frozenset({"own_service", "general_wellness", "outside_records"}),
)

PACKS = {pack.key: pack for pack in (CALIFORNIA, WASHINGTON, TEXAS)}
