"""Pages that exist in the demo alone: signing in with a button, and patients' mailboxes.

`config/urls.py` includes them only with SEALWRIGHT_DEMO=1, which production refuses.
"""

from __future__ import annotations

from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import django_otp
from django.conf import settings
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from accounts.models import User, device_of
from accounts.rules import Role
from config.demo.story import staff_address
from config.demo.world.store import MailStore, StoredMessage
from delivery.framing import framed_mail

SHOWN = 200


@require_POST
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in as the demo's person of a role, second factor included: the demo holds its key."""
    if request.POST.get("role") not in list(Role):
        raise Http404
    user = User.objects.get(email=staff_address(Role(request.POST["role"])))
    login(request, user, settings.AUTHENTICATION_BACKENDS[0])
    django_otp.login(request, device_of(user.id))
    return redirect("home")


def mailboxes(request: HttpRequest) -> HttpResponse:
    """The newest mail of all, or of one address."""
    address = request.GET.get("address", "").strip()
    store = _store()
    found = store.messages_for(address)[:SHOWN] if address else store.recent(SHOWN)
    return render(request, "demo/mailboxes.html", {"messages_found": found, "address": address})


def mail(request: HttpRequest, number: int) -> HttpResponse:
    """One mail with its headers."""
    stored = _stored(number)
    parsed = _parsed(stored)
    headers = [(name, value) for name, value in parsed.items() if name != "DKIM-Signature"]
    text = parsed.get_body(("plain",))
    return render(
        request,
        "demo/mail.html",
        {
            "mail": stored,
            "headers": headers,
            "signed": "DKIM-Signature" in parsed,
            "text": text.get_content() if text else "",
        },
    )


def mail_body(request: HttpRequest, number: int) -> HttpResponse:
    """The HTML part, for a frame. Links open outside of it."""
    body = _parsed(_stored(number)).get_body(("html",))
    if body is None:
        raise Http404
    return framed_mail(body.get_content(), links=True)


def _store() -> MailStore:
    return MailStore(Path(settings.FOLDER) / "demo" / "mail.sqlite3")


def _stored(number: int) -> StoredMessage:
    found = _store().message(number)
    if found is None:
        raise Http404
    return found


def _parsed(stored: StoredMessage) -> EmailMessage:
    return BytesParser(policy=policy.default).parsebytes(stored.raw)
