"""What an organization asks of delivery: on a page, and then on the wire."""

from __future__ import annotations

from django.urls import reverse

from accounts.rules import Role
from delivery.models import DeliveryPolicy, SenderDomain
from delivery.rules import Status
from delivery.services.senders import create_sender
from tenancy.current import acting_for
from tests.people import Room
from tests.post import Post

ANN = "ann@riverside-mail.test"


def test_the_level_and_the_hours_are_saved(room: Room) -> None:
    page = reverse("delivery:delivery_policy", args=[room.riverside.slug])
    client = room.client(Role.OWNER)
    client.post(page, {"minimum_level": "L3", "give_up_after_hours": "72"})
    client.post(page, {"minimum_level": "L3", "give_up_after_hours": "71"})
    with acting_for(room.riverside.id):
        policy = DeliveryPolicy.objects.get()
    assert (policy.minimum_level, policy.give_up_after_hours) == ("L3", 71)
    answer = client.post(page, {"minimum_level": "L1", "give_up_after_hours": "500"})
    assert answer.status_code == 200
    assert "Ensure this value is less than or equal to 120" in answer.content.decode()


def test_who_demands_more_than_a_server_proves_sends_a_link(post: Post) -> None:
    with acting_for(post.organization.id):
        DeliveryPolicy.objects.create(minimum_level="L3")
    post.mailing(ANN)
    post.send()
    message = post.message(ANN)
    assert (message.status, message.reason) == (Status.IN_PORTAL, "below_required_level")


def test_a_domain_starts_slowly_and_stops_doing_so(room: Room) -> None:
    with acting_for(room.riverside.id):
        domain = create_sender("Care", "care@slow.test").domain
    page = reverse("delivery:sender_domain_warm_up", args=[room.riverside.slug, domain.id])
    client = room.client(Role.ADMINISTRATOR)
    client.post(page, {"what": "start"})
    with acting_for(room.riverside.id):
        assert SenderDomain.objects.get(id=domain.id).warm_up_from is not None
    shown = client.get(reverse("delivery:sender_domain", args=[room.riverside.slug, domain.id]))
    assert "It has been starting slowly since" in shown.content.decode()
    client.post(page, {"what": "end"})
    with acting_for(room.riverside.id):
        assert SenderDomain.objects.get(id=domain.id).warm_up_from is None
