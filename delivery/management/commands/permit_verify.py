"""`manage.py permit_verify MAILING`: compute a mailing's permits again; status 1 if one differs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from delivery import permits
from delivery.models import Mailing
from tenancy.current import acting_for
from tenancy.models import Organization


class Command(BaseCommand):
    help = "Compute each permit of a mailing (or of a campaign) again, as of its moment."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("mailing", type=UUID, help="a mailing's id, or its campaign's")

    def handle(self, *args: Any, **options: Any) -> None:
        for organization in Organization.objects.order_by("slug"):
            with acting_for(organization.id):
                mailing = permits.mailing_named(options["mailing"])
                if mailing is not None:
                    return self._report(mailing)
        raise CommandError("There is no such mailing.")

    def _report(self, mailing: Mailing) -> None:
        found = permits.verify(mailing)
        self.stdout.write(
            f"{found.same} permits are the same, {found.other_rules} agree that were made under an"
            f" older version of the rules, {found.undecided} are not decided yet,"
            f" {len(found.problems)} do not agree"
        )
        for message, problem in found.problems:
            self.stdout.write(f"  {message}: {problem}")
        if found.problems:
            raise CommandError("Some permits do not agree. Keep the database and look into it.")
