"""One message to one person: what happened to it, and why."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from contacts import queries as contacts
from contacts import services as contact_services
from contacts.rules.masking import masked_name
from delivery import permits, queries, why
from delivery.usage import names_of

EVENTS = 50


@require_GET
@organization_page(Permission.SEE_CONTACTS)
def message(request: MemberRequest, message: UUID) -> HttpResponseBase:
    """Why somebody got a message, a link, or nothing. Looking is logged.

    It names no campaign, since its name may tell a diagnosis, and leads to it only those who may
    open the patient's values.
    """
    row = queries.message(message)
    if row is None:
        raise Http404
    contact_services.record_view(row.contact_id)
    person = contacts.opened([row.contact_id]).get(row.contact_id)
    permit = permits.permit_of(row.id)
    _, campaign = names_of([row.mailing.reference]).get(row.mailing.reference, ("", ""))
    context = {
        "message": row,
        "person": person,
        "name": masked_name(person.profile) if person else "An erased patient",
        "outcome": why.outcome(row.status, row.mailing.withdrawn_at is not None),
        "route": why.route(row.status, row.route, row.reason, row.protection),
        "evidence": why.evidence(row.protection),
        "events": [
            (each.occurred_at, why.event(each.kind, each.detail, each.verdict))
            for each in queries.events_of_message(row.id, EVENTS)
        ],
        "permit": permit and permits.reasons(permit),
        "permit_lines": list(permits.in_words(permit)) if permit and _may_read(request) else [],
        "campaign_url": campaign if _may_read(request) else "",
    }
    return render(request, "delivery/message.html", context)


def _may_read(request: MemberRequest) -> bool:
    """The whole permit names the form that was signed, which may tell a diagnosis."""
    return request.entrance.allows(Permission.UNMASK_CONTACTS)
