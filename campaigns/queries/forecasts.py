"""What would happen if a campaign were sent now, and what the law asks for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from campaigns import rules
from campaigns.models import Campaign
from campaigns.queries.lists import now_here
from campaigns.queries.submissions import content_of, use_of
from consent import queries as consent
from consent.rules.decision import RulingOutcome, Verdict
from consent.rules.purposes import Use
from consent.rules.table import RULES, Prescription, Rule, rule_for, rules_that_hold
from contacts import queries as contacts
from contacts.models import Contact
from contacts.rules.fields import Relationship
from contacts.rules.segments import Segment
from delivery import queries as delivery

CHUNK = 2000


@dataclass
class Forecast:
    """What would happen if the campaign were sent now: who matches, who is left after each reason,
    what waits for a ruling, and by which way the others would get it. `domains` counts those by
    mail domain, `expected` says by which way mail to each would go, and why."""

    matched: int = 0
    permitted: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)
    domains: Counter[str] = field(default_factory=Counter)
    expected: dict[str, delivery.Expected] = field(default_factory=dict)
    basis: str = ""


def forecast(campaign: Campaign, in_place: Segment | None = None) -> Forecast:
    """Count the audience and compute every permit, without keeping anybody. `in_place` is whose
    figures are told in place of the audience's (`contacts.services.stand_in`).

    Raises `ContentError` or `SegmentProblem` if the campaign can't be compiled as it stands.
    """
    tree = contacts.segment_tree(campaign.segment)
    use = use_of(campaign, content_of(campaign, tree), tree)
    regime = consent.regime(campaign.id, campaign.digest)
    now, found = now_here(), Forecast()
    audience = list(contacts.matching(in_place or tree, now.date()))
    ways = delivery.expected_ways({domain for _, domain in audience}, now)
    found.matched = len(audience)
    for start in range(0, len(audience), CHUNK):
        domains = dict(audience[start : start + CHUNK])
        for contact, decision in consent.decisions(use, domains, now, regime).items():
            if decision.verdict is Verdict.PERMIT:
                found.permitted += 1
                found.basis = decision.reasons[0].message
                domain = domains[contact]
                way = "portal" if decision.portal_only else ways[domain].way
                found.ways[way] += 1
                found.domains[domain] += 1
            elif decision.verdict is Verdict.HOLD:
                found.held[decision.code] += 1
            else:
                found.reasons[decision.code] += 1
    found.expected = {domain: ways[domain] for domain in found.domains}
    return found


@dataclass(frozen=True)
class Need:
    """What the decision table asks for, for patients and for others, and the strictest of both."""

    rule: Rule
    outsiders: Rule

    @property
    def words(self) -> str:
        """What it comes to, for whoever writes the campaign."""
        return rules.NEEDS[self.rule.requirement]


def need_of(use: Use) -> Need:
    """The rows of the decision table that a use falls under."""
    return Need(rule_for(use, Relationship.PATIENT), rule_for(use, Relationship.PROSPECT))


def rulings_on(campaign: Campaign) -> list[tuple[Rule, RulingOutcome]]:
    """What was ruled on exactly this submission."""
    regime = consent.regime(campaign.id, campaign.digest)
    return [(RULES[code], outcome) for code, outcome in regime.rulings.items()]


def holding_rules(campaign: Campaign, use: Use) -> list[Rule]:
    """The rules that keep what was submitted waiting for a ruling, for anybody it may reach."""
    regime = consent.regime(campaign.id, campaign.digest)
    ruled, packs = regime.rulings, regime.packs
    reached = [Relationship.PATIENT, *(_OUTSIDERS if _any_outsiders() else ())]
    found = {
        rule.code: rule
        for relationship in reached
        for prescription in Prescription
        for each in (use, *(pack.tightened(use) for pack in packs))
        for rule in rules_that_hold(each, relationship, prescription)
        if rule.code not in ruled
    }
    return list(found.values())


_OUTSIDERS = (Relationship.PROSPECT, Relationship.PROFESSIONAL)


def _any_outsiders() -> bool:
    return bool(Contact.objects.filter(relationship__in=_OUTSIDERS).exists())
