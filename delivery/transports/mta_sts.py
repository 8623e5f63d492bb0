"""MTA-STS (RFC 8461): what a domain says about the mail servers it uses and their TLS.

A policy that was seen once is kept for as long as it asked for, so that somebody on the way cannot
make it go away by blocking the DNS or the web server.
"""

import re
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, Protocol

from delivery.transports.addresses import AddressError, parse_domain
from delivery.transports.dns import LookupFailedError, Resolver
from delivery.transports.https import FetchError, fetch_text

Mode = Literal["enforce", "testing", "none"]

MAX_AGE = 31_557_600  # RFC 8461 3.2: a year, in seconds
MAX_RECORD = 1024
MAX_LINES = 1000
MAX_PATTERNS = 256
REFRESH_AFTER = timedelta(days=1)
# Seconds in which a policy that could not be fetched is not asked for again (RFC 8461 3.3).
BACK_OFF = 300.0
MAX_BACKING_OFF = 10_000

_FIELD = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31})=([\x21-\x3a\x3c\x3e-\x7e]+)")
_ID = re.compile(r"[A-Za-z0-9]{1,32}")


class PolicyError(ValueError):
    """The text is no MTA-STS policy."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A domain's policy: its mode, patterns of host names, and seconds for which it holds."""

    mode: Mode
    patterns: tuple[str, ...]
    max_age: int

    def allows(self, host: str) -> bool:
        """Whether a pattern fits the host; ``*.`` stands for one label (RFC 8461 4.1)."""
        _, dot, parent = host.partition(".")
        return host in self.patterns or (bool(dot) and f"*.{parent}" in self.patterns)


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """A domain's policy as it was fetched, with the id its DNS record had then."""

    domain: str
    policy_id: str
    policy: Policy
    fetched_at: datetime

    @property
    def expires_at(self) -> datetime:
        """From then on it must not be used."""
        return self.fetched_at + timedelta(seconds=self.policy.max_age)


class PolicyStore(Protocol):
    """Where policies are kept between runs. Shared by all organizations: nothing in it is PHI."""

    async def get(self, domain: str) -> StoredPolicy | None:
        """The policy that was last put for the domain."""

    async def put(self, stored: StoredPolicy) -> None:
        """Keep it in place of an older one."""


class MemoryPolicyStore:
    """Keeps policies for as long as the process lives."""

    def __init__(self) -> None:
        self._policies: dict[str, StoredPolicy] = {}

    async def get(self, domain: str) -> StoredPolicy | None:
        """See :class:`PolicyStore`."""
        return self._policies.get(domain)

    async def put(self, stored: StoredPolicy) -> None:
        """See :class:`PolicyStore`."""
        self._policies[stored.domain] = stored


@dataclass
class Policies:
    """Finds the policy that holds for a domain.

    ``ca_file`` replaces the system's certificate authorities and ``port`` the web's own port, both
    for laboratories only; ``now`` is the clock.
    """

    resolver: Resolver
    store: PolicyStore
    ca_file: Path | None = None
    port: int = 443
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _context: ssl.SSLContext = field(init=False)
    _backing_off: dict[str, float] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._context = ssl.create_default_context(cafile=str(self.ca_file or "") or None)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._context.hostname_checks_common_name = False

    async def for_domain(self, domain: str) -> StoredPolicy | None:
        """The policy of a recipient's domain, or None if it has none that is known."""
        kept = await self.store.get(domain)
        if kept is not None and kept.expires_at <= self.now():
            kept = None
        try:
            policy_id = record_id(await self.resolver.texts(f"_mta-sts.{domain}"))
        except LookupFailedError:
            return kept
        if policy_id is None or self._is_fresh(kept, policy_id) or self._backs_off(domain):
            return kept
        try:
            fetched = await self._fetch(domain, policy_id)
        except (FetchError, PolicyError, LookupFailedError):
            self._back_off(domain)
            return kept
        await self.store.put(fetched)
        return fetched

    def _is_fresh(self, kept: StoredPolicy | None, policy_id: str) -> bool:
        return (
            kept is not None
            and kept.policy_id == policy_id
            and self.now() - kept.fetched_at < REFRESH_AFTER
        )

    async def _fetch(self, domain: str, policy_id: str) -> StoredPolicy:
        host = f"mta-sts.{domain}"
        addresses = await self.resolver.addresses(host)
        text = await fetch_text(
            host, "/.well-known/mta-sts.txt", addresses, self._context, self.port
        )
        return StoredPolicy(domain, policy_id, parse_policy(text), self.now())

    def _backs_off(self, domain: str) -> bool:
        return self._backing_off.get(domain, 0.0) > time.monotonic()

    def _back_off(self, domain: str) -> None:
        if len(self._backing_off) >= MAX_BACKING_OFF:
            del self._backing_off[next(iter(self._backing_off))]
        self._backing_off[domain] = time.monotonic() + BACK_OFF


def record_id(texts: Sequence[str]) -> str | None:
    """The id in the one ``v=STSv1`` record; None without one, with two or with a malformed one."""
    records = [text for text in texts if text.startswith("v=STSv1;")]
    if len(records) != 1 or len(records[0]) > MAX_RECORD:
        return None
    parts = [part.strip(" \t") for part in records[0].split(";")]
    if parts[-1] == "":  # the last field may end with a semicolon
        parts.pop()
    fields = [_FIELD.fullmatch(part) for part in parts]
    ids = [each[2] for each in fields if each is not None and each[1] == "id"]
    if None in fields or len(ids) != 1 or not _ID.fullmatch(ids[0]):
        return None
    return ids[0]


def parse_policy(text: str) -> Policy:
    """Read a policy file (RFC 8461 3.2); raises :class:`PolicyError`."""
    fields: dict[str, str] = {}
    patterns: list[str] = []
    lines = text.replace("\r\n", "\n").split("\n")
    if len(lines) > MAX_LINES:
        raise PolicyError("A policy has too many lines.")
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.strip(" \t"), value.strip(" \t")
        if not line.strip(" \t"):
            continue
        if not colon or not name:
            raise PolicyError("A line of a policy is no field.")
        if name == "mx":
            patterns.append(_pattern(value))
        else:
            fields.setdefault(name, value)  # of repeated fields the first counts
    mode, age = fields.get("mode"), fields.get("max_age", "")
    if fields.get("version") != "STSv1":
        raise PolicyError("A policy has version STSv1.")
    if mode not in ("enforce", "testing", "none"):
        raise PolicyError("A policy's mode is enforce, testing or none.")
    if not re.fullmatch(r"[0-9]{1,10}", age):
        raise PolicyError("A policy's max_age is a number of seconds.")
    if len(patterns) > MAX_PATTERNS or (mode != "none" and not patterns):
        raise PolicyError("A policy names its mail servers.")
    return Policy(_MODES[mode], tuple(dict.fromkeys(patterns)), min(int(age), MAX_AGE))


_MODES: dict[str, Mode] = {"enforce": "enforce", "testing": "testing", "none": "none"}


def _pattern(value: str) -> str:
    wildcard = "*." if value.startswith("*.") else ""
    try:
        return wildcard + parse_domain(value.removeprefix("*."))
    except AddressError:
        raise PolicyError("A policy's mx is a host name, or one behind '*.'.") from None
