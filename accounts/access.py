"""The one way into an organization's pages: `@organization_page(permission)`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.queries import Entrance, entrance
from accounts.rules import Permission
from audit.services import acting_person, record, record_refusal
from tenancy.current import acting_for
from tenancy.models import Organization

Arguments = ParamSpec("Arguments")

ENTERED = "entered_organizations"
"""Where a session keeps the organizations whose log has its entrance."""


class MemberRequest(HttpRequest):
    """A request of a signed-in, verified member, inside the organization's transaction."""

    user: User
    entrance: Entrance
    organization: Organization


View = Callable[Concatenate[MemberRequest, Arguments], HttpResponseBase]


def organization_page(
    permission: Permission,
) -> Callable[[View[Arguments]], Callable[..., HttpResponseBase]]:
    """Guard a view under `/o/<organization>/`.

    A stranger gets the 404 of a missing page; a colleague whose role does not allow it gets 403
    with words. Both are logged, and so is the first page of a session. The view runs in one
    transaction of that organization.
    """

    def decorate(view: View[Arguments]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, organization: str, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect(f"{reverse('account_login')}?next={request.path}")
            member = _enter(request, organization)
            with acting_person(member.user.id):
                _record_entrance(member)
                _demand(member, permission)
                try:
                    zone = ZoneInfo(member.organization.time_zone)
                    with acting_for(member.organization.id), timezone.override(zone):
                        return cast(Any, view)(member, **kwargs)  # type: ignore[no-any-return]
                except Http404:
                    _refused(member, "not_found")
                    raise

        guarded.permission = permission  # type: ignore[attr-defined]
        return guarded

    return decorate


def _enter(request: HttpRequest, slug: str) -> MemberRequest:
    member = cast(MemberRequest, request)
    place = entrance(member.user.id, slug)
    if place is None or not member.user.is_verified():  # type: ignore[attr-defined]
        _refuse_stranger(member, slug)
        raise Http404
    member.entrance, member.organization = place, place.organization
    return member


def _record_entrance(member: MemberRequest) -> None:
    """Once per session and organization, in a transaction of its own: the page may yet fail."""
    entered: list[str] = member.session.get(ENTERED, [])
    organization_id = member.organization.id
    if str(organization_id) in entered:
        return
    with acting_for(organization_id):
        record(
            "organization_entered",
            object_type="organization",
            object_id=organization_id,
            role=member.entrance.role.value,
        )
    member.session[ENTERED] = [*entered, str(organization_id)]


def _refuse_stranger(member: MemberRequest, slug: str) -> None:
    organization = Organization.objects.filter(slug=slug).first()
    if organization is not None:
        with acting_person(member.user.id):
            record_refusal(organization.id, "page_refused", reason="not a member")


def _demand(member: MemberRequest, permission: Permission) -> None:
    if not member.entrance.allows(permission):
        _refused(member, "role")
        raise PermissionDenied(permission.value)


def _refused(member: MemberRequest, reason: str) -> None:
    match = member.resolver_match
    record_refusal(
        member.organization.id,
        "page_refused",
        reason=reason,
        page=match.view_name if match else "",
        role=member.entrance.role.value,
    )
