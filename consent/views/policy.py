"""What an organization decides for all of its mail, and the stricter states."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from consent import queries, services
from consent.forms.policy import PolicyForm
from consent.models import FormVersion
from consent.rules.forms import FormText
from consent.rules.packs import PACKS, Pack


@require_http_methods(["GET", "POST"])
@organization_page(Permission.MANAGE_CONSENT)
def policy(request: MemberRequest) -> HttpResponseBase:
    """The organization's answers, and the state packs that it can turn on."""
    form = PolicyForm(request.POST or None, initial=PolicyForm.initial_of(queries.policy()))
    if request.method == "POST" and form.is_valid():
        services.change_policy(form.policy(), request.user.id)
        messages.success(request, "Saved. It counts from the next decision on.")
        return redirect("consent:policy", request.organization.slug)
    since = {each.pack: each for each in queries.pack_choices() if each.turned_off_at is None}
    packs = [(pack, since.get(key)) for key, pack in PACKS.items()]
    return render(request, "consent/policy.html", {"form": form, "packs": packs})


@require_http_methods(["GET", "POST"])
@organization_page(Permission.MANAGE_CONSENT)
def pack(request: MemberRequest, pack: str) -> HttpResponseBase:
    """Turn a state's rules on or off, after saying what that means."""
    if pack not in PACKS:
        raise Http404
    found, slug = PACKS[pack], request.organization.slug
    in_force = found in queries.packs()
    if request.method == "POST":
        if request.POST.get("act") == "on":
            services.turn_on(pack, request.user.id)
            messages.success(request, f"The rules of {found.jurisdiction} are in force.")
        elif request.POST.get("act") == "off":
            services.turn_off(pack, request.user.id)
            messages.success(request, f"The rules of {found.jurisdiction} are no longer in force.")
        return redirect("consent:policy", slug)
    context = {"pack": found, "in_force": in_force, "short": _falling_short(found)}
    return render(request, "consent/pack.html", context)


def _falling_short(pack: Pack) -> list[tuple[FormVersion, list[str]]]:
    """The newest published forms that lack something in this state, and what."""
    found = []
    for version in queries.latest_versions().values():
        findings = pack.form_findings(FormText.from_json(version.text))
        if findings:
            found.append((version, [each.message for each in findings]))
    return found
