"""The list of contacts and the page of one, both masked."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from uuid import UUID

from django.http import Http404, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from contacts import queries, services
from contacts.forms import LookUpForm
from contacts.queries import OpenedContact
from contacts.rules.fields import Field, FieldGroup
from contacts.rules.masking import masked, masked_name
from contacts.rules.starter import BIRTH_DATE, EMAIL, RECORD_NUMBER

LISTED = (RECORD_NUMBER, EMAIL, BIRTH_DATE)


@require_http_methods(["GET", "POST"])
@organization_page(Permission.SEE_CONTACTS)
def contacts(request: MemberRequest) -> HttpResponseBase:
    """Pages of contacts, or by POST those who are called exactly so. Both are logged."""
    form = LookUpForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        found, page = queries.find(form.cleaned_data["text"]), None
        services.record_look_up(person.id for person in found)
    else:
        page = queries.page(after=_id(request, "after"), before=_id(request, "before"))
        found = page.contacts
        services.record_listing(person.id for person in found)
    listed = [field for field in queries.fields() if field.key in LISTED]
    context = {
        "form": form,
        "looked_up": page is None,
        "page": page,
        "total": queries.total(),
        "listed": listed,
        "rows": [
            (person, masked_name(person.profile), _masked(listed, person)) for person in found
        ],
    }
    return render(request, "contacts/contacts.html", context)


@require_GET
@organization_page(Permission.SEE_CONTACTS)
def contact(request: MemberRequest, contact: UUID) -> HttpResponseBase:
    """One contact's masked values by group. Looking is logged."""
    person = queries.opened([contact]).get(contact)
    if person is None:
        raise Http404
    services.record_view(contact)
    fields = sorted(queries.fields(), key=_group_order)
    groups = [
        (group.value.capitalize(), _masked(members, person))
        for group, members in groupby(fields, key=lambda field: field.group)
    ]
    context = {"person": person, "name": masked_name(person.profile), "groups": groups}
    return render(request, "contacts/contact.html", context)


def _masked(fields: Iterable[Field], person: OpenedContact) -> list[tuple[Field, str]]:
    """Fields with what may be shown of them."""
    return [(field, masked(field, person.profile.get(field.key))) for field in fields]


def _group_order(field: Field) -> int:
    return list(FieldGroup).index(field.group)


def _id(request: MemberRequest, name: str) -> UUID | None:
    """An id out of the address; a malformed one is a page that does not exist."""
    text = request.GET.get(name)
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Http404 from None
