"""What a campaign would send, and what was submitted and decided."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import orjson

from campaigns import rules
from campaigns.models import Approval, Campaign, Template
from consent import queries as consent
from consent.rules import part2
from consent.rules.purposes import Answer, Information, Purpose, Use, information_of
from contacts import queries as contacts
from contacts.rules import segments
from contacts.rules.fields import Field
from delivery import queries as delivery
from delivery.content import CompiledContent, compile_content
from tenancy.keys import keyring
from tenancy.models import KeyUse

CONTENT, TREE = "campaigns_campaign.content", "campaigns_campaign.tree"


DECIDED = "campaigns_campaign.decided"
"""The places of a campaign's sealed values: one does not open as the other."""


def merge_fields() -> list[str]:
    """Keys that a template may use."""
    return [each.key for each in contacts.fields()]


def compiled(template: Template) -> CompiledContent:
    """Raises `ContentError` in words for the author."""
    return compile_content(template.subject, template.preheader, template.html, merge_fields())


def content_of(campaign: Campaign, tree: segments.Segment) -> CompiledContent:
    """What the campaign would send: its template, and the notice that goes with records of
    substance use disorder treatment (42 CFR 2.32). Raises `ContentError`."""
    template = campaign.template
    content = compiled(template)
    used = {information_of(each) for each in fields_used(content, tree)}
    if Information.PART2 not in used:
        return content
    html = rules.with_notice(template.html, part2.NOTICE)
    return compile_content(template.subject, template.preheader, html, merge_fields())


def use_of(campaign: Campaign, content: CompiledContent, tree: segments.Segment) -> Use:
    """What the campaign does with information: the fields that choose people or fill the text."""
    information = {information_of(each) for each in fields_used(content, tree)}
    information |= _information_behind(tree)
    if campaign.refill_field:
        information.add(Information.CLINICAL)
    return consent.with_policy(
        Use(
            purpose=Purpose(campaign.purpose),
            remuneration=rules.remuneration(
                campaign.remuneration, campaign.purpose, campaign.payment, campaign.cost
            ),
            information=frozenset(information or {Information.DEMOGRAPHIC}),
            sponsor=campaign.sponsor,
            gives_away=Answer(campaign.gives_away),
            features=Answer(campaign.features),
            for_others=Answer(campaign.for_others),
            topic=campaign.topic_id,
            prescription_field=campaign.refill_field,
        )
    )


def _information_behind(tree: segments.Segment) -> set[Information]:
    """What an earlier mailing used, if people are chosen by having got or opened it: who got the
    letter about diabetes has it. "Any of the last" may be any mailing."""
    asked = [subject for kind, subject in segments.facts_used(tree) if kind == "engagement"]
    references = {subject.split(":")[2] for subject in asked if ":campaign:" in subject}
    anything = any(":campaign:" not in subject for subject in asked)
    uses = delivery.uses_of_mailings(None if anything else references) if asked else []
    return {kind for use in uses for kind in use.information}


def fields_used(content: CompiledContent, tree: segments.Segment) -> list[Field]:
    """The fields of patients that choose people or fill the text, by label."""
    known = {each.key: each for each in contacts.fields()}
    used = {*content.fields, *segments.fields_used(tree)}
    return sorted((known[key] for key in used if key in known), key=lambda each: each.label)


def digest_of(campaign: Campaign, content: CompiledContent, tree_json: str) -> str:
    """What an approval of the campaign, as it is now, is bound to."""
    last_day = {"last_day": campaign.last_day.isoformat()} if campaign.last_day else {}
    return rules.approval_digest(
        {
            "content": content.digest(),
            "segment": orjson.loads(tree_json),
            "sender": [str(campaign.sender_id), campaign.sender.name, campaign.sender.address],
            **{name: _plain(getattr(campaign, name)) for name in ANSWERS},
            **last_day,  # approvals from before it could be chosen keep their digest
        }
    )


ANSWERS = (
    "purpose",
    "remuneration",
    "sponsor",
    "payment",
    "cost",
    "refill_field",
    "gives_away",
    "features",
    "for_others",
    "topic_id",
    "tracking",
)
"""What an author says of a campaign besides its parts. A changed answer is another campaign."""


def _plain(answer: object) -> object:
    return answer if isinstance(answer, str | bool) or answer is None else str(answer)


def tree_json_of(campaign: Campaign) -> str:
    """The segment as it is now, in canonical form."""
    return segments.to_json(contacts.segment_tree(campaign.segment))


def current_digest(campaign: Campaign) -> str:
    """What the campaign comes to with its template, segment and sender as they are now.

    Differs from the approved digest as soon as anybody edited any of them.
    """
    content = content_of(campaign, contacts.segment_tree(campaign.segment))
    return digest_of(campaign, content, tree_json_of(campaign))


@dataclass(frozen=True)
class Submitted:
    """A campaign's content and segment as they were submitted."""

    content: CompiledContent
    tree_json: str


def submitted(campaign: Campaign) -> Submitted:
    """Opens what the submission stored; launch never compiles again."""
    ring = keyring(KeyUse.MESSAGE)
    content = ring.open(bytes(campaign.sealed_content or b""), CONTENT, campaign.id)
    tree = ring.open(bytes(campaign.sealed_tree or b""), TREE, campaign.id)
    return Submitted(CompiledContent.from_dict(orjson.loads(content)), tree.decode())


def as_read(campaign: Campaign) -> dict[str, str]:
    """What was submitted, as people read it, by the name of each part."""
    stored = submitted(campaign)
    tree = segments.parse(stored.tree_json, contacts.vocabulary())
    topic = campaign.topic.name if campaign.topic else ""
    return {
        "Subject": stored.content.subject,
        "Preview line": stored.content.preheader,
        "Message": stored.content.text,
        "Where links lead": "\n".join(stored.content.links),
        "Who gets it": contacts.description(tree),
        "From": str(campaign.sender),
        "Topic": topic,
        **{rules.ANSWER_LABELS[name]: _plain_words(campaign, name) for name in ANSWERS[:-2]},
        "Opens and clicks": "recorded" if campaign.tracking else "not recorded",
        "Last day to send it": campaign.last_day.isoformat() if campaign.last_day else "",
    }


def _plain_words(campaign: Campaign, name: str) -> str:
    answer = getattr(campaign, name)
    return "" if answer is None else str(answer).replace("_", " ")


def changes_since_decision(campaign: Campaign) -> list[rules.Change] | None:
    """What differs from what was decided on last; None if nothing was decided on before."""
    if not campaign.sealed_decided:
        return None
    ring = keyring(KeyUse.MESSAGE)
    before = orjson.loads(ring.open(bytes(campaign.sealed_decided), DECIDED, campaign.id))
    return rules.changes(before, as_read(campaign))


def authors_of(campaign: Campaign) -> set[UUID]:
    """Everybody who wrote, changed or submitted it, its template or its segment."""
    people: set[UUID] = set()
    for row in (campaign, campaign.template, campaign.segment):
        people |= {row.created_by, *row.authors}
    return people | ({campaign.submitted_by} if campaign.submitted_by else set())


def approval_of(campaign: Campaign) -> Approval | None:
    """The approval of exactly what was submitted."""
    found: Approval | None = Approval.objects.filter(
        campaign=campaign, submission=campaign.submission, digest=campaign.digest, approved=True
    ).first()
    return found


def decisions_on(campaign: Campaign) -> list[Approval]:
    return list(Approval.objects.filter(campaign=campaign).order_by("-decided_at"))
