"""Storing opens and clicks, judged by what is known of their messages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from consent import queries as consent
from delivery import tracking
from delivery.tracking import Visit
from delivery.visits import judge
from tenancy import bulk
from tenancy.current import acting_for, current_organization_id

AT_ONCE = 50
"""Entries of the stream, of up to a hundred visits each."""


def store_visits() -> int:
    """Store all that waits; returns how many were taken. Runs outside any transaction."""
    number = 0
    while taken := tracking.take(AT_ONCE):
        by_organization: defaultdict[UUID, list[Visit]] = defaultdict(list)
        for _, visits in taken:
            for visit in visits:
                by_organization[visit.organization_id].append(visit)
        for organization_id, some in by_organization.items():
            with acting_for(organization_id):
                store(some)
        tracking.done([name for name, _ in taken])
        number += sum(len(visits) for _, visits in taken)
    return number


def store(visits: Sequence[Visit]) -> None:
    """Write visits of one organization down, each once. What is not to be counted, by the mailing
    or by the person, is dropped, as is what is about no message."""
    known = {
        message: (mailing, contact, settled)
        for message, mailing, contact, settled in bulk.rows(
            _MESSAGES, ids=bulk.uuid_array([each.message_id.bytes for each in visits])
        )
    }
    untracked = consent.untracked([contact for _, contact, _ in known.values()])
    rows = []
    for visit in visits:
        mailing, contact, settled = known.get(visit.message_id, (None, None, None))
        if mailing is None or contact in untracked:
            continue
        verdict, reason = judge(visit.visitor, visit.at - settled if settled else None)
        rows.append((visit, mailing, verdict.value, reason))
    if rows:
        bulk.rows(
            _STORE,
            organization=current_organization_id(),
            ids=[visit.id for visit, *_ in rows],
            moments=[visit.at for visit, *_ in rows],
            mailings=[mailing for _, mailing, *_ in rows],
            messages=[visit.message_id for visit, *_ in rows],
            kinds=[visit.kind for visit, *_ in rows],
            links=[visit.link for visit, *_ in rows],
            verdicts=[verdict for *_, verdict, _ in rows],
            reasons=[reason for *_, reason in rows],
        )


_MESSAGES = """
    SELECT m.id, m.mailing_id, m.contact_id, m.settled_at
    FROM delivery_message m JOIN delivery_mailing mailing ON mailing.id = m.mailing_id
    WHERE m.id = ANY(%(ids)s) AND mailing.tracking
"""
_STORE = """
    INSERT INTO delivery_event (id, organization_id, occurred_at, mailing_id, message_id, kind,
        link, verdict, detail)
    SELECT id, %(organization)s, at, mailing, message, kind, link, verdict, reason
    FROM unnest(%(ids)b::uuid[], %(moments)b::timestamptz[], %(mailings)b::uuid[],
            %(messages)b::uuid[], %(kinds)b::text[], %(links)b::int2[], %(verdicts)b::text[],
            %(reasons)b::text[])
        AS each (id, at, mailing, message, kind, link, verdict, reason)
    ON CONFLICT DO NOTHING
    RETURNING 1
"""
