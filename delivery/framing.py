"""A mail shown inside a page: a response of its own, locked into a sandboxed frame."""

from __future__ import annotations

from django.http import HttpResponse

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; sandbox"


def framed_mail(html: str, *, links: bool = False) -> HttpResponse:
    """The mail's HTML under a policy that runs nothing and fetches nothing from elsewhere.

    With `links`, a click on one leads the whole page there; else nothing leads anywhere.
    """
    policy = POLICY
    if links:
        policy += " allow-top-navigation-by-user-activation"
        html = html.replace("<head>", '<head><base target="_top">', 1)
    response = HttpResponse(html)
    response.headers["Content-Security-Policy"] = policy
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Cache-Control"] = "no-store"
    return response
