"""Correcting one contact, merging two, and erasing one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from contacts import queries, services
from contacts.forms.people import ContactForm, EraseForm, LookUpForm
from contacts.queries import OpenedContact
from contacts.rules.imports import merged
from contacts.rules.masking import masked_name
from contacts.vetoes import erasers, unmergeable
from contacts.views.people import (
    listed_fields,
    masked_rows,
    opened_or_404,
    opened_until,
    record_seen,
    shown,
    shown_name,
    unmasking_of,
)


@require_http_methods(["GET", "POST"])
@organization_page(Permission.EDIT_CONTACTS)
def contact_correct(request: MemberRequest, contact: UUID) -> HttpResponseBase:
    """A form of every value, for somebody who has opened them."""
    person = opened_or_404(contact)
    unmasking = unmasking_of(request, contact)
    if unmasking is None:
        messages.warning(request, "Open the values first. Correcting them shows them in clear.")
        return redirect("contacts:contact", request.organization.slug, contact)
    form = ContactForm(queries.fields(), person.profile, request.POST or None)
    taken = False
    if request.method == "POST" and form.is_valid():
        try:
            changed = services.correct(contact, form.changed(), queries.today())
        except services.Wrong as wrong:
            for key, problem in wrong.problems.items():
                form.add_error(key, problem)
        except services.IdentityTaken as problem:
            form.add_error(None, str(problem))
            taken = True
        else:
            messages.success(request, _corrected(len(changed)))
            return redirect("contacts:contact", request.organization.slug, contact)
    record_seen(contact, unmasking)
    context = {"person": person, "name": shown_name(person, True), "form": form, "taken": taken}
    return render(request, "contacts/contact_correct.html", context | opened_until(unmasking))


@require_http_methods(["GET", "POST"])
@organization_page(Permission.EDIT_CONTACTS)
def contact_merge(request: MemberRequest, contact: UUID) -> HttpResponseBase:
    """Find the other record of the same person. Sent by POST, as a look-up."""
    person = opened_or_404(contact)
    by_name = request.entrance.allows(Permission.SEARCH_NAMES)
    form = LookUpForm(request.POST or None, by_name)
    found: list[OpenedContact] = []
    looked_up = request.method == "POST" and form.is_valid()
    if looked_up:
        everybody = queries.find(form.cleaned_data["text"], by_name)
        found = [each for each in everybody if each.id != contact]
        services.record_look_up(each.id for each in found)
    listed = listed_fields()
    context = {
        "person": person,
        "name": masked_name(person.profile),
        "form": form,
        "looked_up": looked_up,
        "listed": listed,
        "rows": masked_rows(found, listed),
    }
    return render(request, "contacts/contact_merge.html", context)


@require_http_methods(["GET", "POST"])
@organization_page(Permission.EDIT_CONTACTS)
def contact_compare(request: MemberRequest, contact: UUID, other: UUID) -> HttpResponseBase:
    """Two records side by side with what becomes of them; by POST one of them."""
    kept, gone = opened_or_404(contact), opened_or_404(other)
    if request.method == "POST":
        try:
            services.merge(contact, other)
        except services.Refused as problem:
            messages.error(request, str(problem))
            return redirect("contacts:contact_compare", request.organization.slug, contact, other)
        messages.success(request, "The two are one now.")
        return redirect("contacts:contact", request.organization.slug, contact)
    return render(request, "contacts/contact_compare.html", _compared(request, kept, gone))


@require_http_methods(["GET", "POST"])
@organization_page(Permission.ERASE_CONTACTS)
def contact_erase(request: MemberRequest, contact: UUID) -> HttpResponseBase:
    """Says what goes, what stays and why, or why nothing may go."""
    person = opened_or_404(contact)
    form = EraseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.erase(contact, timezone.now())
        except services.Refused as problem:
            form.add_error(None, str(problem))
        else:
            return redirect("contacts:contact", request.organization.slug, contact)
    context = {
        "person": person,
        "name": masked_name(person.profile),
        "form": form,
        "reasons": services.why_not_erased(contact),
        "goes": [each.goes for each in erasers() if each.goes],
        "stays": [each.stays for each in erasers() if each.stays],
    }
    return render(request, "contacts/contact_erase.html", context)


def _compared(request: MemberRequest, kept: OpenedContact, gone: OpenedContact) -> dict[str, Any]:
    found = {person.id: unmasking_of(request, person.id) for person in (kept, gone)}
    opened = [unmasking for unmasking in found.values() if unmasking]
    clear = len(opened) == len(found)
    for person, unmasking in found.items():
        record_seen(person, unmasking if clear else None)
    first_to_end = min(opened, key=lambda each: each.until) if clear else None
    result = merged(kept.profile, gone.profile)
    profiles = (kept.profile, gone.profile, result)
    rows = [
        (field, [shown(field, profile.get(field.key), clear) for profile in profiles])
        for field in queries.fields()
        if result.get(field.key) is not None
    ]
    return {
        "person": kept,
        "other": gone,
        "name": shown_name(kept, clear),
        "rows": rows,
        "clear": clear,
        "same": kept.id == gone.id,
        "reasons": unmergeable(gone.id),
        **opened_until(first_to_end),
    }


def _corrected(fields: int) -> str:
    if not fields:
        return "Nothing was changed."
    return f"{fields} value{' was' if fields == 1 else 's were'} corrected."
