"""What must hold on the way to a domain: its mail hosts, and what authenticates each of them."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

from delivery.transports import dane
from delivery.transports.dane import DaneCheck
from delivery.transports.dns import LookupFailedError, MailHost, Resolver
from delivery.transports.mta_sts import Policies, StoredPolicy
from delivery.transports.outcomes import Evidence, HostError, PolicySource, Stage, Verdict
from delivery.transports.remembered import Remembered
from delivery.transports.tls import Protection

# Seconds for which a plan answers for the messages that follow. Short: each part of it knows by
# itself how long it holds, so that making it again seldom asks the network anything.
REMEMBER = 60.0


@dataclass(frozen=True, slots=True)
class Target:
    """A mail host, and what authenticates that it is the domain's.

    With ``source`` (see :class:`Evidence`) a verified connection reaches L3, without it L2.
    With ``dane`` the certificate must fit that check; else it must be verified for the host's name.
    """

    host: MailHost
    source: PolicySource = ""
    policy_id: str = ""
    dane: DaneCheck | None = None
    relay: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The hosts to try, in order, and why others must not be tried."""

    targets: tuple[Target, ...]
    barred: tuple[HostError, ...] = ()

    def in_order(self) -> Sequence[Target]:
        """By preference; equals shuffled, to spread the load (RFC 5321 5.1)."""
        if len(self.targets) == 1:
            return self.targets
        shuffled = random.sample(self.targets, len(self.targets))
        return sorted(shuffled, key=lambda each: each.host.preference)


class Planner:
    """Makes and remembers plans. ``policies`` of None: MTA-STS is not asked about."""

    def __init__(self, resolver: Resolver, policies: Policies | None, port: int) -> None:
        self._resolver = resolver
        self._policies = policies
        self._port = port
        self._plans: Remembered[Plan] = Remembered()

    async def plan(self, domain: str, protection: Protection) -> Plan:
        """The plan for a domain; raises what the resolver's ``mail_hosts`` raises."""
        key = f"{protection}:{domain}"
        known = self._plans.known(key)
        if known is not None:
            return known

        async def make() -> tuple[Plan, float]:
            return await self._make(domain, protection), REMEMBER

        return await self._plans.get(key, make)

    async def _make(self, domain: str, protection: Protection) -> Plan:
        hosts = await self._resolver.mail_hosts(domain)
        if protection is not Protection.VERIFIED:
            return Plan(tuple(Target(host) for host in hosts))
        stored = await self._policies.for_domain(domain) if self._policies else None
        found = await asyncio.gather(*(self._target(host, domain, stored) for host in hosts))
        return Plan(
            tuple(each for each in found if isinstance(each, Target)),
            tuple(each for each in found if isinstance(each, HostError)),
        )

    async def _target(
        self, host: MailHost, domain: str, stored: StoredPolicy | None
    ) -> Target | HostError:
        enforced = stored if stored is not None and stored.policy.mode == "enforce" else None
        if enforced is not None and not enforced.policy.allows(host.name):
            evidence = Evidence(
                stage=Stage.LOOKUP,
                host=host.name,
                policy_source="mta-sts",
                policy_id=enforced.policy_id,
            )
            return HostError(Verdict.TLS_TEMPORARY, "host_not_in_policy", evidence)
        try:
            check = await self._dane(host, domain)
        except LookupFailedError:
            evidence = Evidence(stage=Stage.LOOKUP, host=host.name, policy_source="dane")
            return HostError(Verdict.TEMPORARY, "dane_lookup_failed", evidence)
        if check is not None:  # it decides about the certificate, also where there is a policy
            return Target(host, "dane", dane=check)
        if enforced is not None:
            return Target(host, "mta-sts", enforced.policy_id)
        return Target(host, "dnssec" if host.listed_securely else "")

    async def _dane(self, host: MailHost, domain: str) -> DaneCheck | None:
        """RFC 7672 2.2: only where the MX record and the addresses were authenticated."""
        if not (host.listed_securely and host.found_securely):
            return None
        for base in filter(None, (host.aliased_to, host.name)):
            records = await self._resolver.tlsa(base, self._port)
            if records:
                return dane.check_for(records, base, domain)
        return None


class RelayPlanner:
    """Plans that lead everything to one relay, which the operator chose: any address will do."""

    def __init__(self, resolver: Resolver, name: str) -> None:
        self._resolver = resolver
        self._name = name
        self._plans: Remembered[Plan] = Remembered()

    async def plan(self, _domain: str, _protection: Protection) -> Plan:
        """The plan for every domain; raises :class:`LookupFailedError`."""

        async def make() -> tuple[Plan, float]:
            addresses = await self._resolver.addresses(self._name, trusted=True)
            if not addresses:
                raise LookupFailedError
            return Plan((Target(MailHost(self._name, 0, addresses), relay=True),)), REMEMBER

        return await self._plans.get(self._name, make)
