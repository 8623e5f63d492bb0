"""What one patient asked for: restrictions, unencrypted mail, and the state of the address."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from consent import queries, services
from consent.forms.wishes import PlainMailForm, RestrictionForm
from consent.models import AddressConfirmation, Restriction
from consent.rules.purposes import Purpose
from consent.rules.words import PLAIN_MAIL_WARNING, page_language
from consent.views.suppressions import described
from contacts import queries as contacts
from contacts import services as contact_services
from contacts.queries import OpenedContact
from contacts.rules.masking import masked_email, masked_name


@require_GET
@organization_page(Permission.RECORD_CONSENT)
def wishes(request: MemberRequest, contact: UUID) -> HttpResponseBase:
    """Everything that a patient asked for. Looking is logged."""
    return _page(request, _person(contact), _blank(), PlainMailForm(auto_id="plain_%s"))


def _blank() -> RestrictionForm:
    return RestrictionForm(initial={"received_on": contacts.today()})


def _page(
    request: MemberRequest,
    person: OpenedContact,
    restriction: RestrictionForm,
    plain: PlainMailForm,
) -> HttpResponseBase:
    contact_services.record_view(person.id)
    wanted = queries.wishes_of(person.id)
    topics = {each.id: each.name for each in queries.topics(also_retired=True)}
    context = {
        "contact": person.id,
        "name": masked_name(person.profile),
        "email": masked_email(person.email) if person.email else "",
        "found": described(person.email) if person.email else [],
        "wishes": wanted,
        "declined": sorted(topics[each] for each in wanted.declined_topics if each in topics),
        "restrictions": list(map(_restriction, queries.restrictions_of(person.id))),
        "confirmation": _confirmation(person),
        "plain_wishes": queries.plain_mail_wishes_of(person.id),
        "warning": _warning(person),
        "language": page_language(person.language),
        "birth_date_locked": queries.is_birth_date_locked(person.id),
        "form": restriction,
        "plain": plain,
    }
    return render(request, "consent/wishes.html", context)


def _restriction(row: Restriction) -> tuple[Restriction, str, str]:
    """A restriction, what it covers and what was asked, in words."""
    covered = set(row.purposes)
    labels = [each.label for each in Purpose if each.value in covered]
    scope = "All messages" if covered >= set(Purpose) else "; ".join(labels).capitalize()
    return row, scope, queries.restriction_note(row)


def _confirmation(person: OpenedContact) -> AddressConfirmation | None:
    """Of the address that the patient has now."""
    if not person.email:
        return None
    tokens = contacts.address_tokens(person.email)
    asked = queries.confirmations_of(person.id)
    return next((each for each in asked if each.address_token in tokens), None)


def _warning(person: OpenedContact) -> str:
    return PLAIN_MAIL_WARNING[page_language(person.language)]


def _person(contact: UUID) -> OpenedContact:
    person = contacts.opened([contact]).get(contact)
    if person is None:
        raise Http404
    return person


def _back(request: MemberRequest, contact: UUID) -> HttpResponseBase:
    return redirect("consent:wishes", request.organization.slug, contact)


@require_POST
@organization_page(Permission.RECORD_CONSENT)
def restrict(request: MemberRequest, contact: UUID) -> HttpResponseBase:
    """Record a request to be left out (45 CFR 164.522(a))."""
    person, form = _person(contact), RestrictionForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        try:
            services.restrict(
                contact, form.wanted(), data["note"], data["received_on"], request.user.id
            )
        except services.NotWishable as problem:
            form.add_error(None, str(problem))
        else:
            messages.success(request, "Recorded. Such mail does not go from now on.")
            return _back(request, contact)
    return _page(request, person, form, PlainMailForm(auto_id="plain_%s"))


@require_POST
@organization_page(Permission.RECORD_CONSENT)
def end_restriction(request: MemberRequest, restriction: UUID) -> HttpResponseBase:
    row = get_object_or_404(Restriction, id=restriction)
    services.end_restriction(row.id, request.user.id)
    messages.success(request, "Ended. Such mail may go again.")
    return _back(request, row.contact_id)


@require_POST
@organization_page(Permission.RECORD_CONSENT)
def plain_mail(request: MemberRequest, contact: UUID) -> HttpResponseBase:
    """Record, or take back, a warned patient's wish for mail that may travel unencrypted."""
    person = _person(contact)
    if request.POST.get("act") == "withdraw":
        services.withdraw_plain_mail(contact)
        messages.success(request, "Taken back. Mail is protected again.")
        return _back(request, contact)
    form = PlainMailForm(request.POST, auto_id="plain_%s")
    if form.is_valid():
        channel = form.cleaned_data["channel"]
        try:
            services.wish_plain_mail(contact, _warning(person), channel, request.user.id)
        except services.NotWishable as problem:
            form.add_error(None, str(problem))
        else:
            messages.success(request, "Recorded, with the warning.")
            return _back(request, contact)
    return _page(request, person, _blank(), form)


@require_POST
@organization_page(Permission.RECORD_CONSENT)
def ask_to_confirm(request: MemberRequest, contact: UUID) -> HttpResponseBase:
    """Ask by a mail whether the address is the patient's."""
    _person(contact)
    try:
        services.ask_to_confirm(contact, request.user.id)
    except services.NotWishable as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, "The patient is asked by email.")
    return _back(request, contact)


@require_POST
@organization_page(Permission.RECORD_CONSENT)
def allow_birth_date(request: MemberRequest, contact: UUID) -> HttpResponseBase:
    """Let the birth date be entered again, once staff know who entered wrong ones."""
    person = _person(contact)
    services.reset_birth_date_tries(person.id, request.user.id)
    messages.success(request, "The patient can enter the date of birth again.")
    return redirect("consent:wishes", request.organization.slug, person.id)
