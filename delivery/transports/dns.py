"""Which mail servers take mail for a domain: MX look-up (RFC 5321 5.1, RFC 7505)."""

import asyncio
import ipaddress
import random
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.rdatatype
import dns.resolver

from delivery.transports.addresses import AddressError, parse_domain

MAX_HOSTS = 10
MAX_ADDRESSES = 4
# Seconds. Answers are kept as long as their TTL says, within these bounds.
MIN_TTL = 60.0
MAX_TTL = 3600.0
MAX_CACHED = 10_000
# Seconds, over all name servers and repeats.
LIFETIME = 10.0

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# Global by their number, but they lead into somebody's IPv4 network (RFC 6052, 3056, 4380).
_TUNNELS = tuple(ipaddress.ip_network(n) for n in ("64:ff9b::/96", "2002::/16", "2001::/32"))


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
    """A mail server: the name its certificate must carry, and where to connect."""

    name: str
    preference: int
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Answer:
    """Text of the records, empty for NODATA, and the seconds it may be kept."""

    values: tuple[str, ...]
    ttl: float


class Resolver:
    """Finds and remembers the mail hosts of domains.

    ``nameservers``: addresses and ports, or None for the system's. Mail is only sent to global
    addresses and to ``allowed_networks`` (a laboratory's), so that a domain's owner cannot point
    us at our own network. ``lifetime``: seconds for one question. Safe for concurrent use: one
    domain is looked up once at a time.
    """

    def __init__(
        self,
        nameservers: Sequence[tuple[str, int]] | None = None,
        allowed_networks: Collection[IPNetwork] = (),
        lifetime: float = LIFETIME,
    ) -> None:
        self._dns = dns.asyncresolver.Resolver(configure=nameservers is None)
        if nameservers is not None:
            self._dns.nameservers = [
                dns.nameserver.Do53Nameserver(address, port) for address, port in nameservers
            ]
        self._dns.lifetime = lifetime
        self._allowed_networks = tuple(allowed_networks)
        self._cache: dict[str, tuple[float, list[MailHost] | DeadDomainError]] = {}
        self._running: dict[str, asyncio.Task[list[MailHost]]] = {}

    async def mail_hosts(self, domain: str) -> list[MailHost]:
        """The hosts to try, in order. ``domain`` is in A-labels (:func:`parse_domain`).

        Raises :class:`DeadDomainError` or :class:`LookupFailedError`.
        """
        kept = self._cache.get(domain)
        if kept is not None and kept[0] > time.monotonic():
            if isinstance(kept[1], DeadDomainError):
                raise DeadDomainError(kept[1].kind, kept[1].status)
            return _in_order(kept[1])
        task = self._running.get(domain)
        if task is None:
            task = asyncio.create_task(self._look_up_and_keep(domain))
            self._running[domain] = task
            task.add_done_callback(lambda _: self._running.pop(domain, None))
        # Shielded: when one of several waiting senders is cancelled, the others still get it.
        return _in_order(await asyncio.shield(task))

    async def _look_up_and_keep(self, domain: str) -> list[MailHost]:
        try:
            hosts, ttl = await self._look_up(domain)
        except DeadDomainError as dead:
            self._keep(domain, dead, MIN_TTL)
            raise
        self._keep(domain, hosts, min(max(ttl, MIN_TTL), MAX_TTL))
        return hosts

    def _keep(self, domain: str, value: list[MailHost] | DeadDomainError, ttl: float) -> None:
        if len(self._cache) >= MAX_CACHED:
            del self._cache[next(iter(self._cache))]
        self._cache[domain] = (time.monotonic() + ttl, value)

    async def _look_up(self, domain: str) -> tuple[list[MailHost], float]:
        exchanges, ttl = await self._exchanges(domain)
        found = await asyncio.gather(*(self._host(name, pref) for pref, name in exchanges))
        hosts = [host for host, _ in found if host is not None and host.addresses]
        if not hosts:
            if any(host is None for host, _ in found):
                raise LookupFailedError
            raise DeadDomainError("no_address", "5.4.4")
        return hosts, min([ttl, *(host_ttl for _, host_ttl in found)])

    async def _exchanges(self, domain: str) -> tuple[list[tuple[int, str]], float]:
        """The (preference, name) pairs of the MX records, or the implicit one (RFC 5321 5.1)."""
        try:
            answer = await self._ask(domain, dns.rdatatype.MX)
        except dns.resolver.NXDOMAIN:
            raise DeadDomainError("no_such_domain", "5.1.2") from None
        if not answer.values:
            return [(0, domain)], answer.ttl
        records = [(int(pref), name) for pref, name in (v.split(" ") for v in answer.values)]
        if all(name == "." for _, name in records):
            raise DeadDomainError("takes_no_mail", "5.1.10")
        named = sorted((pref, name.rstrip(".").lower()) for pref, name in records)
        return [(pref, name) for pref, name in named if _is_host_name(name)][:MAX_HOSTS], answer.ttl

    async def _host(self, name: str, preference: int) -> tuple[MailHost | None, float]:
        """The host with its usable addresses; None for the host when that is not known."""
        answers = await asyncio.gather(
            self._addresses(name, dns.rdatatype.A), self._addresses(name, dns.rdatatype.AAAA)
        )
        known = [answer for answer in answers if answer is not None]
        values = [value for answer in known for value in answer.values if self._is_safe(value)]
        if not values and len(known) < len(answers):
            return None, MIN_TTL
        host = MailHost(name, preference, tuple(values[:MAX_ADDRESSES]))
        return host, min((answer.ttl for answer in known), default=MIN_TTL)

    async def _addresses(self, name: str, kind: dns.rdatatype.RdataType) -> _Answer | None:
        try:
            return await self._ask(name, kind)
        except dns.resolver.NXDOMAIN:
            return _Answer((), MIN_TTL)
        except LookupFailedError:
            return None

    async def _ask(self, name: str, kind: dns.rdatatype.RdataType) -> _Answer:
        """One question. NXDOMAIN passes through; every other failure is LookupFailedError."""
        try:
            answer = await self._dns.resolve(
                f"{name}.", kind, raise_on_no_answer=False, search=False
            )
        except dns.resolver.NXDOMAIN:
            raise
        except (dns.exception.DNSException, OSError):
            raise LookupFailedError from None
        values = tuple(record.to_text() for record in answer.rrset or ())
        return _Answer(values, max(0.0, answer.expiration - time.time()))

    def _is_safe(self, text: str) -> bool:
        address = ipaddress.ip_address(text)
        if any(address in network for network in self._allowed_networks):
            return True
        if not address.is_global or address.is_multicast:
            return False
        if isinstance(address, ipaddress.IPv4Address):
            return True
        return address.ipv4_mapped is None and not any(address in net for net in _TUNNELS)


def _is_host_name(name: str) -> bool:
    """False for the root, an IP address and everything else no certificate could name."""
    try:
        return parse_domain(name) == name
    except AddressError:
        return False


def _in_order(hosts: list[MailHost]) -> list[MailHost]:
    """By preference; equals shuffled, to spread the load (RFC 5321 5.1)."""
    ordered: list[MailHost] = []
    for _, equals in groupby(hosts, key=lambda host: host.preference):
        group = list(equals)
        random.shuffle(group)
        ordered += group
    return ordered
