"""From one person and a mailing to the bytes on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from uuid import UUID

from consent.rules.purposes import Information, Use
from contacts.queries import OpenedContact
from contacts.rules.fields import Field
from delivery import mime, notices, verp
from delivery.content import CompiledContent, ContentError, WireContent
from delivery.dkim import Signer
from delivery.merging import merge_values
from delivery.routing import Route
from delivery.tokens import MessageLinks
from delivery.transports.addresses import Address, AddressError, parse_address, parse_domain
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
    """Who sends: the organization, its sender's name and address, and where mail comes back to: the
    sender's domain behind `bounces.`, unless `bounce_domain` says otherwise."""

    organization: Organization
    name: str
    address: str
    bounce_domain: str = ""

    @property
    def clinic(self) -> notices.Clinic:
        each = self.organization
        return notices.Clinic(each.name, each.phone, each.postal_address)

    @cached_property
    def domain(self) -> str:
        """The sender's own, in A-labels."""
        return parse_address(self.address).domain

    @cached_property
    def _returns_to(self) -> str:
        return parse_domain(self.bounce_domain or f"bounces.{self.domain}")

    def return_path(self, tokens: PublicTokens, identifier: UUID) -> Address:
        """The envelope sender of a message: whatever comes back of it comes there."""
        code = self.organization.public_code
        return verp.return_path(code, tokens, identifier, self._returns_to)


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


@lru_cache(maxsize=16)
def _wire_content(content: CompiledContent) -> WireContent:
    return WireContent(content)


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
        self._wire = _wire_content(content)
        self._wanted = frozenset({*content.fields, PICKUP_FACT})

    def compose(
        self,
        message_id: UUID,
        person: OpenedContact,
        route: Route,
        now: datetime,
        track: bool = True,
    ) -> tuple[Letter, dict[str, object]]:
        """The letter, and what to keep of the person with the message. `track` is whether they let
        opens and clicks be counted. Raises `Unsendable`."""
        links = MessageLinks(
            self.origin.organization.link_origin,
            self.origin.organization.public_code,
            self._tokens,
            message_id,
        )
        address = person.email or ""
        try:
            recipient = parse_address(address)
        except AddressError:
            raise Unsendable("bad_address") from None
        unsubscribe = links.unsubscribe()
        context = self._context_of(person)
        if route is Route.PORTAL:
            skeleton, text, html = self._notice(person, links, unsubscribe)
        else:
            skeleton = self._skeleton
            text, html = self._content(context, links, unsubscribe, self.tracking and track)
        content = skeleton.message(message_id.hex, now, recipient, text, html, [unsubscribe])
        verified = route is Route.MAIL
        protection = Protection.VERIFIED if verified else Protection.OPPORTUNISTIC
        sender = self.origin.return_path(self._tokens, message_id)
        letter = Letter(message_id.hex, sender, recipient, address, content, protection)
        return letter, context

    def _context_of(self, person: OpenedContact) -> dict[str, object]:
        """The values that the content uses, no others, the fact the portal asks for, and the
        address: what its links may do depends on whether it is still the person's."""
        return merge_values(person.profile, self._fields, self._wanted) | {ADDRESS: person.email}

    def _content(
        self, context: dict[str, object], links: MessageLinks, unsubscribe: str, tracking: bool
    ) -> tuple[bytes, bytes]:
        fixed = fixed_values(self.origin.organization, unsubscribe, links.preferences())
        try:
            return self._wire.fill(
                context | fixed,
                links.click_prefix() if tracking else None,
                links.pixel() if tracking else None,
            )
        except ContentError:
            raise Unsendable("bad_content") from None

    def _notice(
        self, person: OpenedContact, links: MessageLinks, unsubscribe: str
    ) -> tuple[mime.Skeleton, bytes, bytes]:
        """The words that lead to the portal. As `Decision.portal_only` says it: where others read
        the mailbox and the message tells, they say less."""
        shared = person.household and not self.use.information <= {Information.DEMOGRAPHIC}
        addresses = links.pickup(), links.preferences(), unsubscribe
        words = notices.pickup_notice(self.origin.clinic, person.language, *addresses, shared)
        parts = mime.quoted_printable(words.text), mime.quoted_printable(words.html)
        return self._skeleton_of(words.subject), *parts

    @cached_property
    def _skeleton(self) -> mime.Skeleton:
        return self._skeleton_of(self.content.subject)

    def _skeleton_of(self, subject: str) -> mime.Skeleton:
        sender = mime.Mailbox(self.origin.address, self.origin.name)
        try:
            return mime.Skeleton(host=self.origin.domain, sender=sender, subject=subject)
        except mime.HeaderError:
            raise Unsendable("bad_header") from None
