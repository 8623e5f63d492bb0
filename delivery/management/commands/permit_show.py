"""`manage.py permit_show MESSAGE`: why a message was sent, held or not sent, in words."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from delivery import permits
from tenancy.current import acting_for
from tenancy.models import Organization


class Command(BaseCommand):
    help = "Explain the permit, or the refusal, that stands with a message."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("message", type=UUID)

    def handle(self, *args: Any, **options: Any) -> None:
        for organization in Organization.objects.order_by("slug"):
            with acting_for(organization.id):
                permit = permits.permit_of(options["message"])
                if permit is not None:
                    self.stdout.write("\n".join(permits.in_words(permit)))
                    return
        raise CommandError("There is no such message, or nothing was decided about it yet.")
