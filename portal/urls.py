"""Addresses in mail: `/<organization's code>/<purpose>/<token>`. Included last, at the root."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from portal.views import messages, signing, visits, wishes


class PublicCode(StringConverter):
    """An organization's code, as `tenancy.models.new_public_code` makes it."""

    regex = "[a-z2-9]{10}"


register_converter(PublicCode, "public_code")

app_name = "public"
urlpatterns = [
    path("<public_code:code>/open/<slug:token>", visits.opened, name="open"),
    path("<public_code:code>/click/<slug:token>/<int:number>", visits.clicked, name="click"),
    path("<public_code:code>/unsubscribe/<slug:token>", messages.unsubscribe, name="unsubscribe"),
    path("<public_code:code>/preferences/<slug:token>", wishes.preferences, name="preferences"),
    path("<public_code:code>/sign/<slug:token>", signing.sign, name="sign"),
    path("<public_code:code>/confirm/<slug:token>", wishes.confirm, name="confirm"),
    path("<public_code:code>/message/<slug:token>", messages.message, name="message"),
    path(
        "<public_code:code>/message/<slug:token>/content",
        messages.message_content,
        name="message_content",
    ),
]
