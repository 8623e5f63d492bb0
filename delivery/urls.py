"""Delivery's pages, below `/o/<organization>/`."""

from django.urls import path

from delivery.views import emergency, messages, senders

app_name = "delivery"
urlpatterns = [
    path("senders/", senders.senders, name="senders"),
    path("senders/policy/", senders.delivery_policy, name="delivery_policy"),
    path("senders/domains/<uuid:domain>/", senders.sender_domain, name="sender_domain"),
    path(
        "senders/domains/<uuid:domain>/records/",
        senders.sender_domain_records,
        name="sender_domain_records",
    ),
    path(
        "senders/domains/<uuid:domain>/check/",
        senders.sender_domain_check,
        name="sender_domain_check",
    ),
    path(
        "senders/domains/<uuid:domain>/keys/",
        senders.sender_domain_keys,
        name="sender_domain_keys",
    ),
    path(
        "senders/domains/<uuid:domain>/slowly/",
        senders.sender_domain_warm_up,
        name="sender_domain_warm_up",
    ),
    path("sending/", emergency.sending, name="sending"),
    path("sending/stop/", emergency.sending_stop, name="sending_stop"),
    path("sending/stops/<uuid:stop>/", emergency.sending_stopped, name="sending_stopped"),
    path("sending/stops/<uuid:stop>/lift/", emergency.sending_lift, name="sending_lift"),
    path("sending/stops/<uuid:stop>/counts/", emergency.sending_counts, name="sending_counts"),
    path("messages/<uuid:message>/", messages.message, name="message"),
]
