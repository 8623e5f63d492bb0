"""Limits on a session, and the second factor that every signed-in page asks for."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

Handler = Callable[[HttpRequest], HttpResponse]

STARTED, SEEN = "started_at", "seen_at"
WRITE_EVERY = 30  # seconds: not every request needs to write the session
WITHOUT_SECOND_FACTOR = {
    "second_factor",
    "second_factor_setup",
    "account_logout",
    "account_login",
    "static",
}


class SessionLimits:
    """Ends a session after 15 idle minutes and after 12 hours (45 CFR 164.312(a)(2)(iii))."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            now = time.time()
            started = request.session.setdefault(STARTED, now)
            seen = request.session.get(SEEN, now)
            too_old = now - started > settings.SESSION_COOKIE_AGE
            if too_old or now - seen > settings.SESSION_IDLE_SECONDS:
                logout(request)
                messages.info(request, "You were signed out because you were away for a while.")
                return redirect("account_login")
            if now - seen > WRITE_EVERY or SEEN not in request.session:
                request.session[SEEN] = now
        return self.get_response(request)


class SecondFactorRequired:
    """Until a session is verified, every page but the second-factor pages refuses.

    However the user signed in: a password reset or single sign-on doesn't get around it.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: object, args: object, kwargs: object
    ) -> HttpResponse | None:
        user = request.user
        if not user.is_authenticated or user.is_verified():  # type: ignore[attr-defined]
            return None
        match = request.resolver_match
        if match and (match.url_name in WITHOUT_SECOND_FACTOR or "public" in match.namespaces):
            return None
        return redirect(f"{reverse('second_factor')}?next={request.path}")
