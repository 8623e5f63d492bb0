"""A mail shown inside a page: a response of its own, locked into a sandboxed frame."""

from __future__ import annotations

from django.http import HttpResponse

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; sandbox"


def framed_mail(html: str) -> HttpResponse:
    """The mail's HTML under a policy that runs nothing and fetches nothing from elsewhere."""
    response = HttpResponse(html)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Cache-Control"] = "no-store"
    return response
