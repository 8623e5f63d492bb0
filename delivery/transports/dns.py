"""What the DNS says about a mail domain: hosts (RFC 5321 5.1, RFC 7505), TLSA, texts, addresses."""

import asyncio
import ipaddress
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver

from delivery.transports.addresses import AddressError, parse_domain
from delivery.transports.dane import TlsaRecord
from delivery.transports.remembered import Remembered

MAX_HOSTS = 10
MAX_ADDRESSES = 4
# Seconds. Answers are kept as long as their TTL says, within these bounds.
MIN_TTL = 60.0
MAX_TTL = 3600.0
# Seconds, over all name servers and repeats.
LIFETIME = 10.0

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# All of IPv6 that is given out (RFC 4291 2.4), less what leads into somebody's IPv4 network by
# its number (6to4, Teredo). Outside are ::ffff:0:0/96 and 64:ff9b::/96, which do the same.
_IPV6_INTERNET = ipaddress.IPv6Network("2000::/3")
_TUNNELS = tuple(ipaddress.IPv6Network(n) for n in ("2002::/16", "2001::/32"))


class DeadDomainError(Exception):
    """The domain takes no mail; ``status`` is the enhanced code (RFC 3463, 7505)."""

    def __init__(self, kind: str, status: str) -> None:
        super().__init__(kind)
        self.kind = kind
        self.status = status


class LookupFailedError(Exception):
    """No answer that can be relied on. Never to be read as "there is no such record"."""


@dataclass(frozen=True, slots=True)
class MailHost:
    """A mail server: the name its certificate must carry, and where to connect.

    ``listed_securely`` and ``found_securely``: the MX record that names it and its addresses were
    authenticated by DNSSEC. ``aliased_to`` is where the aliases of its name end, if it has any.
    """

    name: str
    preference: int
    addresses: tuple[str, ...]
    listed_securely: bool = False
    found_securely: bool = False
    aliased_to: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    """The records, empty for NODATA; the seconds to keep them; whether DNSSEC vouches for them."""

    records: tuple[Any, ...]
    ttl: float
    authenticated: bool = False
    canonical: str = ""


class Resolver:
    """Asks the DNS and remembers the answers.

    ``nameservers``: addresses and ports, or None for the system's. ``validating`` says that they
    check DNSSEC; their word for it is taken only when all of them are on this very machine, since
    anybody on the way could set the bit (RFC 4035 4.9.3). Mail is only sent to global addresses
    and to ``allowed_networks`` (a laboratory's), so that a domain's owner cannot point us at our
    own network. ``lifetime``: seconds for one question. Safe for concurrent use.
    """

    def __init__(
        self,
        nameservers: Sequence[tuple[str, int]] | None = None,
        allowed_networks: Collection[IPNetwork] = (),
        lifetime: float = LIFETIME,
        *,
        validating: bool = False,
    ) -> None:
        self._dns = dns.asyncresolver.Resolver(configure=nameservers is None)
        if nameservers is not None:
            self._dns.nameservers = [
                dns.nameserver.Do53Nameserver(address, port) for address, port in nameservers
            ]
        self._dns.lifetime = lifetime
        self._dns.flags = dns.flags.RD | dns.flags.AD  # RFC 6840 5.7: tell us whether it is secure
        self._validating = validating and _all_on_this_machine(self._dns.nameservers)
        self._allowed_networks = tuple(allowed_networks)
        self._hosts: Remembered[list[MailHost] | DeadDomainError] = Remembered()
        self._tlsa: Remembered[tuple[TlsaRecord, ...]] = Remembered()

    async def mail_hosts(self, domain: str) -> list[MailHost]:
        """The hosts in the order of their preference.

        ``domain`` is in A-labels (:func:`parse_domain`).
        Raises :class:`DeadDomainError` or :class:`LookupFailedError`.
        """

        async def ask() -> tuple[list[MailHost] | DeadDomainError, float]:
            try:
                hosts, ttl = await self._look_up(domain)
            except DeadDomainError as dead:
                return dead, MIN_TTL
            return hosts, _bounded(ttl)

        found = await self._hosts.get(domain, ask)
        if isinstance(found, DeadDomainError):
            raise DeadDomainError(found.kind, found.status)
        return list(found)

    async def tlsa(self, host: str, port: int) -> tuple[TlsaRecord, ...]:
        """The authenticated TLSA records of a host; empty when there are none.

        Raises :class:`LookupFailedError`: then nobody knows whether there are any, and the host
        must not be used (RFC 7672 2.1.2).
        """
        name = f"_{port}._tcp.{host}"

        async def ask() -> tuple[tuple[TlsaRecord, ...], float]:
            answer = await self._ask_or_none(name, dns.rdatatype.TLSA)
            if not answer.authenticated:
                return (), _bounded(answer.ttl)
            records = tuple(
                TlsaRecord(each.usage, each.selector, each.mtype, bytes(each.cert))
                for each in answer.records
            )
            return records, _bounded(answer.ttl)

        return await self._tlsa.get(name, ask)

    async def texts(self, name: str) -> list[str]:
        """The TXT records of a name; raises :class:`LookupFailedError`."""
        answer = await self._ask_or_none(name, dns.rdatatype.TXT)
        return [b"".join(each.strings).decode("ascii", "replace") for each in answer.records]

    async def exchange_names(self, domain: str) -> list[str]:
        """The hosts that the MX records of a domain name, the preferred ones first, whether or not
        there are any such hosts; raises :class:`LookupFailedError`."""
        answer = await self._ask_or_none(domain, dns.rdatatype.MX)
        named = sorted((each.preference, _name(each.exchange)) for each in answer.records)
        return [name for _, name in named]

    async def addresses(self, name: str, *, trusted: bool = False) -> tuple[str, ...]:
        """The addresses of a name that it is safe to connect to, or all of a ``trusted`` one.

        Raises :class:`LookupFailedError`.
        """
        found = await self._address_answers(name)
        values = self._usable(found, trusted=trusted)
        if not values and None in found:
            raise LookupFailedError
        return values

    async def _look_up(self, domain: str) -> tuple[list[MailHost], float]:
        exchanges, answer = await self._exchanges(domain)
        found = await asyncio.gather(
            *(
                self._host(name, preference, listed_securely=answer.authenticated)
                for preference, name in exchanges
            )
        )
        hosts = [host for host, _ in found if host is not None and host.addresses]
        if not hosts:
            if any(host is None for host, _ in found):
                raise LookupFailedError
            raise DeadDomainError("no_address", "5.4.4")
        return hosts, min([answer.ttl, *(ttl for _, ttl in found)])

    async def _exchanges(self, domain: str) -> tuple[list[tuple[int, str]], _Answer]:
        """The (preference, name) pairs of the MX records, or the implicit one (RFC 5321 5.1)."""
        try:
            answer = await self._ask(domain, dns.rdatatype.MX)
        except dns.resolver.NXDOMAIN:
            raise DeadDomainError("no_such_domain", "5.1.2") from None
        if not answer.records:
            return [(0, domain)], answer
        named = sorted((each.preference, _name(each.exchange)) for each in answer.records)
        if all(name == "" for _, name in named):
            raise DeadDomainError("takes_no_mail", "5.1.10")
        return [(pref, name) for pref, name in named if _is_host_name(name)][:MAX_HOSTS], answer

    async def _host(
        self, name: str, preference: int, *, listed_securely: bool
    ) -> tuple[MailHost | None, float]:
        """The host with its usable addresses; None for the host when that is not known."""
        found = await self._address_answers(name)
        values = self._usable(found)
        if not values and None in found:
            return None, MIN_TTL
        known = [answer for answer in found if answer is not None]
        secure = all(answer.authenticated for answer in known)
        aliases = [each.canonical for each in known if each.canonical != name]
        aliased_to = next(filter(_is_host_name, aliases), "")
        host = MailHost(name, preference, values, listed_securely, secure, aliased_to)
        return host, min((answer.ttl for answer in known), default=MIN_TTL)

    def _usable(
        self, answers: Sequence[_Answer | None], *, trusted: bool = False
    ) -> tuple[str, ...]:
        values = [each.address for answer in answers if answer for each in answer.records]
        safe = [value for value in values if trusted or self._is_safe(value)]
        return tuple(safe[:MAX_ADDRESSES])

    async def _address_answers(self, name: str) -> tuple[_Answer | None, _Answer | None]:
        """For IPv4 and IPv6; None where nobody knows."""
        return await asyncio.gather(
            self._address_records(name, dns.rdatatype.A),
            self._address_records(name, dns.rdatatype.AAAA),
        )

    async def _address_records(self, name: str, kind: dns.rdatatype.RdataType) -> _Answer | None:
        try:
            return await self._ask_or_none(name, kind)
        except LookupFailedError:
            return None

    async def _ask_or_none(self, name: str, kind: dns.rdatatype.RdataType) -> _Answer:
        """One question, where a name that does not exist is one without such records."""
        try:
            return await self._ask(name, kind)
        except dns.resolver.NXDOMAIN:
            return _Answer((), MIN_TTL)

    async def _ask(self, name: str, kind: dns.rdatatype.RdataType) -> _Answer:
        """One question. NXDOMAIN passes through; every other failure is LookupFailedError.

        A validating server says SERVFAIL when signatures are wrong, and a loop of aliases is a
        failure as well: neither must look like a name without records.
        """
        try:
            answer = await self._dns.resolve(
                f"{name}.", kind, raise_on_no_answer=False, search=False
            )
        except dns.resolver.NXDOMAIN:
            raise
        except (dns.exception.DNSException, OSError):
            raise LookupFailedError from None
        return _Answer(
            tuple(answer.rrset or ()),
            max(0.0, answer.expiration - time.time()),
            self._validating and bool(answer.response.flags & dns.flags.AD),
            _name(answer.canonical_name),
        )

    def _is_safe(self, text: str) -> bool:
        address = ipaddress.ip_address(text)
        if any(address in network for network in self._allowed_networks):
            return True
        if not address.is_global or address.is_multicast:
            return False
        if isinstance(address, ipaddress.IPv4Address):
            return True
        return address in _IPV6_INTERNET and not any(address in net for net in _TUNNELS)


def _bounded(ttl: float) -> float:
    return min(max(ttl, MIN_TTL), MAX_TTL)


def _name(name: dns.name.Name) -> str:
    """In lower case without the final dot; the root is empty."""
    return name.to_text(omit_final_dot=True).lower() if name != dns.name.root else ""


def _is_host_name(name: str) -> bool:
    """False for the root, an IP address and everything else no certificate could name."""
    try:
        return parse_domain(name) == name
    except AddressError:
        return False


def _all_on_this_machine(nameservers: Sequence[str | dns.nameserver.Nameserver]) -> bool:
    addresses = [
        each if isinstance(each, str) else each.answer_nameserver() for each in nameservers
    ]
    try:
        return bool(addresses) and all(ipaddress.ip_address(each).is_loopback for each in addresses)
    except ValueError:  # a name server behind https
        return False
