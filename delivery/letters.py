"""From one person and a mailing to the bytes on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from consent.rules.purposes import Information, Use
from contacts.queries import OpenedContact
from contacts.rules.fields import Field
from delivery import mime, notices
from delivery.content import CompiledContent, ContentError, render
from delivery.dkim import Signer
from delivery.merging import merge_values
from delivery.routing import Route
from delivery.tokens import MessageLinks
from delivery.transports.addresses import Address, AddressError, parse_address
from delivery.transports.envelope import Envelope
from delivery.transports.tls import Protection
from encryption.public_tokens import PublicTokens
from tenancy.models import Organization

PICKUP_FACT = "birth_date"
"""What a patient is asked for in the portal; kept with the message's context."""
ADDRESS = "_address"
"""The address that the message went to, kept there as well. No field is called so."""


class Unsendable(Exception):
    """This message can't be written; `reason` is a code for reports."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Letter:
    """What goes to one recipient. `content` is not signed yet."""

    identifier: str
    sender: Address
    recipient: Address
    address: str = field(repr=False)
    content: bytes = field(repr=False)
    protection: Protection

    def signed(self, signer: Signer) -> Envelope:
        """Signing takes most of the time; it releases the interpreter, so run it in a thread."""
        signed = signer.sign_message(self.content)
        return Envelope(self.identifier, self.sender, self.recipient, signed)


@dataclass(frozen=True)
class Origin:
    """Who sends: the organization and its sender's name, address and host name."""

    organization: Organization
    name: str
    address: str

    @property
    def clinic(self) -> notices.Clinic:
        each = self.organization
        return notices.Clinic(each.name, each.phone, each.postal_address)


def fixed_values(
    organization: Organization, unsubscribe_url: str = "#", preferences_url: str = "#"
) -> dict[str, object]:
    """The merge values that every message has, whoever it goes to. Previews lead nowhere."""
    return {
        "unsubscribe_url": unsubscribe_url,
        "preferences_url": preferences_url,
        "postal_address": organization.postal_address,
        "organization_name": organization.name,
    }


class Composer:
    """Writes the letters of one mailing. Everything that is the same for all is done once."""

    def __init__(
        self,
        origin: Origin,
        content: CompiledContent,
        use: Use,
        tracking: bool,
        tokens: PublicTokens,
        fields: Mapping[str, Field],
    ) -> None:
        self.origin = origin
        self.content = content
        self.use = use
        self.tracking = tracking and origin.organization.tracking
        self._tokens = tokens
        self._fields = fields
        self._bounces = parse_address(origin.address)

    def compose(
        self,
        message_id: UUID,
        person: OpenedContact,
        route: Route,
        now: datetime,
        track: bool = True,
    ) -> Letter:
        """`track` is whether the person lets opens and clicks be counted. Raises `Unsendable`."""
        links = MessageLinks(
            self.origin.organization.link_origin,
            self.origin.organization.public_code,
            self._tokens,
            message_id,
        )
        try:
            recipient = parse_address(person.email or "")
        except AddressError:
            raise Unsendable("bad_address") from None
        if route is Route.PORTAL:
            addresses = links.pickup(), links.preferences(), links.unsubscribe()
            # As `Decision.portal_only` says it: others read the mailbox, and the message tells.
            shared = person.household and not self.use.information <= {Information.DEMOGRAPHIC}
            words = notices.pickup_notice(self.origin.clinic, person.language, *addresses, shared)
        else:
            words = self._content(person, links, self.tracking and track)
        verified = route is Route.MAIL
        protection = Protection.VERIFIED if verified else Protection.OPPORTUNISTIC
        content = self._mime(message_id, recipient, words, links, now)
        address = person.email or ""
        return Letter(message_id.hex, self._bounces, recipient, address, content, protection)

    def context_of(self, person: OpenedContact) -> dict[str, object]:
        """The values that the content uses, no others, the fact the portal asks for, and the
        address: what its links may do depends on whether it is still the person's."""
        wanted = {*self.content.fields, PICKUP_FACT}
        return merge_values(person.profile, self._fields, wanted) | {ADDRESS: person.email}

    def _content(
        self, person: OpenedContact, links: MessageLinks, tracking: bool
    ) -> notices.Letter:
        context = self.context_of(person) | fixed_values(
            self.origin.organization, links.unsubscribe(), links.preferences()
        )
        try:
            rendered = render(
                self.content,
                context,
                link_url=links.click if tracking else None,
                pixel_url=links.pixel() if tracking else None,
            )
        except ContentError:
            raise Unsendable("bad_content") from None
        return notices.Letter(rendered.subject, rendered.html, rendered.text)

    def _mime(
        self,
        message_id: UUID,
        recipient: Address,
        words: notices.Letter,
        links: MessageLinks,
        now: datetime,
    ) -> bytes:
        try:
            return mime.build(
                identifier=message_id.hex,
                host=self._bounces.domain,
                date=now,
                sender=mime.Mailbox(self.origin.address, self.origin.name),
                recipient=mime.Mailbox(str(recipient)),
                subject=words.subject,
                text=words.text,
                html=words.html,
                list_unsubscribe=[links.unsubscribe()],
            )
        except mime.HeaderError:
            raise Unsendable("bad_header") from None
