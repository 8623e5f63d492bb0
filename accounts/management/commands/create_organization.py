"""`manage.py create_organization`: an organization, its keys, and its owner."""

from __future__ import annotations

from getpass import getpass
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from accounts import services
from accounts.rules import Role
from tenancy.models import Organization


class Command(BaseCommand):
    help = "Make an organization and its owner, who then signs in and sets up a second factor."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="short name for addresses, such as riverside")
        parser.add_argument("--name", required=True, help="as patients know it")
        parser.add_argument("--legal-name", required=True, help="as authorizations name it")
        parser.add_argument("--postal-address", required=True)
        parser.add_argument("--time-zone", required=True, help="such as America/Chicago")
        parser.add_argument("--phone", default="")
        parser.add_argument("--link-origin", default=settings.PUBLIC_ORIGIN)
        parser.add_argument(
            "--tracking", action="store_true", help="record opens and clicks where campaigns ask to"
        )
        parser.add_argument("--owner-email", required=True)
        parser.add_argument("--owner-name", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        if Organization.objects.filter(slug=options["slug"]).exists():
            raise CommandError(f"There is an organization {options['slug']} already.")
        password = getpass("Password for the owner (12 characters or more): ")
        try:
            with transaction.atomic():
                organization = services.create_organization(
                    slug=options["slug"],
                    name=options["name"],
                    legal_name=options["legal_name"],
                    postal_address=options["postal_address"],
                    phone=options["phone"],
                    time_zone=options["time_zone"],
                    link_origin=options["link_origin"],
                    tracking=options["tracking"],
                )
                owner = services.add_member(
                    organization, options["owner_email"], options["owner_name"], Role.OWNER
                )
                if not owner.has_usable_password():  # an account that exists keeps its own
                    services.set_password(owner, password)
        except ValidationError as problem:
            raise CommandError(" ".join(problem.messages)) from None
        self.stdout.write(f"Made {organization.name}. Its owner can sign in now.")
