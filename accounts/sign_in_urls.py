"""The part of allauth that people may use: signing in and out, and their password.

Its other pages are named, because allauth looks the names up, and lead nowhere. Above all nobody
changes their own address: memberships are given to addresses, so that whoever could take one would
take its memberships too.
"""

from __future__ import annotations

from allauth.account import views
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import path, re_path


def closed(request: HttpRequest, **kwargs: object) -> HttpResponseBase:
    raise Http404


urlpatterns = [
    path("login/", views.login, name="account_login"),
    path("logout/", views.logout, name="account_logout"),
    path("inactive/", views.account_inactive, name="account_inactive"),
    path("password/change/", views.password_change, name="account_change_password"),
    path("password/reset/", views.password_reset, name="account_reset_password"),
    path("password/reset/done/", views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    *(
        path(f"closed/{name}/", closed, name=f"account_{name}")
        for name in (
            "signup",
            "email",
            "set_password",
            "reauthenticate",
            "email_verification_sent",
            "confirm_email",
            "request_login_code",
            "confirm_login_code",
        )
    ),
]
