"""Addresses in mail: `/<organization's code>/<purpose>/<token>`. Included last, at the root."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from portal import views


class PublicCode(StringConverter):
    """An organization's code, as `tenancy.models.new_public_code` makes it."""

    regex = "[a-z2-9]{10}"


register_converter(PublicCode, "public_code")

app_name = "public"
urlpatterns = [
    path("<public_code:code>/open/<slug:token>", views.opened, name="open"),
    path("<public_code:code>/click/<slug:token>/<int:number>", views.clicked, name="click"),
    path("<public_code:code>/unsubscribe/<slug:token>", views.unsubscribe, name="unsubscribe"),
    path("<public_code:code>/message/<slug:token>", views.message, name="message"),
    path(
        "<public_code:code>/message/<slug:token>/content",
        views.message_content,
        name="message_content",
    ),
]
