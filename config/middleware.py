"""Headers that every page has."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from django.http import HttpRequest, HttpResponse
from django.middleware.security import SecurityMiddleware


class PrivateByDefault:
    """Pages are not stored by browsers or proxies unless a view says otherwise.

    A shared computer's back button must not show a patient after sign-out.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not request.path.startswith("/static/"):
            response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), geolocation=(), microphone=(), interest-cohort=()"
        )
        return response


@lru_cache(maxsize=2)
def headers_of_every_page(is_secure: bool) -> list[tuple[str, str]]:
    """What the middleware adds to a page, for those who answer without it. `is_secure` says whether
    the request came over TLS."""
    request, empty = HttpRequest(), HttpResponse()
    del empty["Content-Type"]
    request.is_secure = lambda: is_secure  # type: ignore[method-assign]
    response = SecurityMiddleware(lambda _: empty).process_response(request, empty)
    return list(PrivateByDefault(lambda _: response)(request).items())
