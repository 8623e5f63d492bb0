"""`manage.py rotate_keys`: newer data keys, and everything sealed again under them."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenancy.current import acting_for
from tenancy.models import KeyUse, Organization, Walk
from tenancy.rotation import ROTATED, StillNeeded, retire, rotate


class Command(BaseCommand):
    """Workers do the work while the system is used; --status tells how far they are."""

    help = "Make newer data keys and seal every value again under them, in the background."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", metavar="SLUG", help="only this one")
        parser.add_argument(
            "--use", choices=[use.value for use in ROTATED], help="only keys of this use"
        )
        does = parser.add_mutually_exclusive_group()
        does.add_argument("--status", action="store_true", help="only tell how far it is")
        does.add_argument(
            "--retire",
            action="store_true",
            help="destroy older keys, if nothing needs them any more",
        )

    def handle(self, **options: Any) -> None:
        organizations = Organization.objects.order_by("slug")
        if options["organization"]:
            organizations = organizations.filter(slug=options["organization"])
        uses = [KeyUse(options["use"])] if options["use"] else list(ROTATED)
        if not organizations:
            raise CommandError("There is no such organization.")
        for organization in organizations:
            if options["status"]:
                self._tell(organization)
            elif options["retire"]:
                self._retire(organization, uses)
            else:
                self._rotate(organization, uses)

    def _rotate(self, organization: Organization, uses: list[KeyUse]) -> None:
        for use in uses:
            with acting_for(organization.id):
                total = sum(walk.total for walk in rotate(use))
            self.stdout.write(f"{organization.slug}: {use.value}, {total:,} values to do")
        self.stdout.write("Workers begin in four minutes; --status tells how far they are.")

    def _tell(self, organization: Organization) -> None:
        with acting_for(organization.id):
            walks = list(Walk.objects.order_by("created_at", "rank"))
        if not walks:
            self.stdout.write(f"{organization.slug}: nothing was ever rotated")
        for walk in walks:
            state = "done" if walk.finished_at else "to do"
            self.stdout.write(
                f"{organization.slug}: {walk.kind} {walk.subject} {walk.done:,} of {walk.total:,},"
                f" {state}"
            )

    def _retire(self, organization: Organization, uses: list[KeyUse]) -> None:
        for use in uses:
            with acting_for(organization.id):
                try:
                    count = retire(use)
                except StillNeeded as problem:
                    raise CommandError(f"{organization.slug}: {use.value}: {problem}.") from None
            self.stdout.write(f"{organization.slug}: {use.value}, older keys destroyed: {count}")
