"""The list of contacts, and the page of one: masked, or in clear for a while."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from contacts import queries, services
from contacts.forms.fields import GROUPS
from contacts.forms.people import FilterForm, LookUpForm, ReasonForm
from contacts.models import Unmasking
from contacts.queries import OpenedContact
from contacts.rules.fields import Field, FieldGroup, Value
from contacts.rules.masking import masked, masked_name
from contacts.rules.starter import BIRTH_DATE, EMAIL, FIRST_NAME, LANGUAGE, LAST_NAME, RECORD_NUMBER

LISTED = (RECORD_NUMBER, EMAIL, BIRTH_DATE)


@require_http_methods(["GET", "POST"])
@organization_page(Permission.SEE_CONTACTS)
def contacts(request: MemberRequest) -> HttpResponseBase:
    """Pages of contacts, or by POST those who are called exactly so. Both are logged."""
    fields = queries.fields_by_key()
    by_name = request.entrance.allows(Permission.SEARCH_NAMES)
    form = LookUpForm(request.POST or None, by_name)
    filters = FilterForm(request.GET, fields[LANGUAGE].choices)
    if request.method == "POST" and form.is_valid():
        found, page = queries.find(form.cleaned_data["text"], by_name), None
        services.record_look_up(person.id for person in found)
    else:
        after, before = _id(request, "after"), _id(request, "before")
        page = queries.page(after, before, filters.filters())
        found = page.contacts
        services.record_listing(person.id for person in found)
    chosen = {key: value for key, value in request.GET.items() if key in filters.fields and value}
    listed = [fields[key] for key in LISTED]
    context = {
        "form": form,
        "filters": filters,
        "chosen": urlencode(chosen),
        "looked_up": page is None,
        "page": page,
        "total": queries.total(),
        "listed": listed,
        "rows": masked_rows(found, listed),
    }
    return render(request, "contacts/contacts.html", context)


@require_GET
@organization_page(Permission.SEE_CONTACTS)
def contact(request: MemberRequest, contact: UUID) -> HttpResponseBase:
    """One contact's values by group, and what happened to it. Looking is logged.

    The values are masked but for somebody who has opened them, until the time is over.
    """
    person = queries.opened([contact]).get(contact)
    if person is None:
        return _tombstone(request, contact)
    if "HX-Request" in request.headers:  # a page whose time is over; see contact_opened.html
        return HttpResponse(headers={"HX-Redirect": request.path})
    return _page(request, person, ReasonForm())


@require_POST
@organization_page(Permission.UNMASK_CONTACTS)
def contact_unmask(request: MemberRequest, contact: UUID) -> HttpResponseBase:
    """Open the values to who asks, with a reason and for a while."""
    person = opened_or_404(contact)
    form = ReasonForm(request.POST)
    if form.is_valid():
        try:
            services.unmask(contact, request.user.id, form.cleaned_data["reason"], timezone.now())
        except services.Refused as problem:
            form.add_error("reason", str(problem))
        else:
            return redirect("contacts:contact", request.organization.slug, contact)
    return _page(request, person, form)


@require_POST
@organization_page(Permission.UNMASK_CONTACTS)
def contact_mask(request: MemberRequest, contact: UUID) -> HttpResponseBase:
    """Hide the values again before the time is over."""
    opened_or_404(contact)
    if unmasking := unmasking_of(request, contact):
        services.mask_again(unmasking.id, request.user.id, timezone.now())
    return redirect("contacts:contact", request.organization.slug, contact)


def unmasking_of(request: MemberRequest, contact: UUID) -> Unmasking | None:
    """The grant by which who asks may see a contact's values in clear right now."""
    if not request.entrance.allows(Permission.UNMASK_CONTACTS):
        return None
    return queries.unmasked(contact, request.user.id, timezone.now())


def opened_or_404(contact: UUID) -> OpenedContact:
    person = queries.opened([contact]).get(contact)
    if person is None:
        raise Http404
    return person


def record_seen(contact: UUID, unmasking: Unmasking | None) -> None:
    """Log that somebody was shown a contact, masked or not."""
    if unmasking:
        services.record_values_seen(unmasking)
    else:
        services.record_view(contact)


def opened_until(unmasking: Unmasking | None) -> dict[str, Any]:
    """What the banner over open values needs, if they are open."""
    if unmasking is None:
        return {}
    left = (unmasking.until - timezone.now()).total_seconds()
    return {
        "unmasking": unmasking,
        "reason": queries.unmasking_reason(unmasking),
        "seconds": int(left) + 1,
    }


def shown(field: Field, value: Value, clear: bool) -> str:
    """The text to show for a value."""
    if not clear:
        return masked(field, value)
    if isinstance(value, list):
        return ", ".join(field.label_of(each) for each in value)
    return "" if value is None else field.label_of(value)


def shown_name(person: OpenedContact, clear: bool) -> str:
    if not clear:
        return masked_name(person.profile)
    names = (person.profile.get(key) for key in (FIRST_NAME, LAST_NAME))
    return " ".join(str(name) for name in names if name) or "No name"


def masked_rows(people: Iterable[OpenedContact], listed: list[Field]) -> list[Any]:
    """(contact, name, values) of each, for a table."""
    return [
        (
            person,
            masked_name(person.profile),
            [(field, masked(field, person.profile.get(field.key))) for field in listed],
        )
        for person in people
    ]


def listed_fields() -> list[Field]:
    return [field for field in queries.fields() if field.key in LISTED]


def _page(request: MemberRequest, person: OpenedContact, form: ReasonForm) -> HttpResponseBase:
    unmasking = unmasking_of(request, person.id)
    record_seen(person.id, unmasking)
    clear = unmasking is not None
    fields = sorted(queries.fields(), key=_group_order)
    context: dict[str, Any] = {
        "person": person,
        "name": shown_name(person, clear),
        "groups": [
            (
                GROUPS[group],
                [(field, shown(field, person.profile.get(field.key), clear)) for field in members],
            )
            for group, members in groupby(fields, key=lambda field: field.group)
        ],
        "timeline": queries.timeline(person.id),
        "form": form,
    }
    return render(request, "contacts/contact.html", context | opened_until(unmasking))


def _tombstone(request: MemberRequest, contact: UUID) -> HttpResponseBase:
    left = queries.tombstone(contact)
    if left is None:
        raise Http404
    services.record_view(contact)
    return render(request, "contacts/contact_gone.html", {"left": left})


def _group_order(field: Field) -> int:
    return list(FieldGroup).index(field.group)


def _id(request: MemberRequest, name: str) -> UUID | None:
    """An id out of the address; a malformed one is a page that does not exist."""
    text = request.GET.get(name)
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Http404 from None
