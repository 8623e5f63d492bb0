"""The mail world's DNS with DNSSEC: a signed zone, and unbound in front of it, which validates.

The fixture ``signed_world`` gives resolvers that may be believed, and couriers that use them.
"""

import asyncio
import hashlib
import ipaddress
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.zone
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from config.demo.world.dns_server import SERVFAIL, DnsServer, Zone
from config.demo.world.servers import DNS_ADDRESS, NETWORK, MailWorld
from config.demo.world.tempers import Temper
from delivery.transports.courier import Courier
from delivery.transports.dns import Resolver
from tests.mail.world import domain_of, quick_timeouts
from tests.programs import skip_unless_required

ORIGIN = dns.name.from_text("test.")
# Below it nobody asks for signatures: an ordinary, unsigned domain.
UNSIGNED = "unsigned.test"


class SignedDns(DnsServer):
    """Answers for ``test.`` with signatures, but leaves them out for the names in ``bogus``."""

    def __init__(self, zone: Zone) -> None:
        super().__init__(zone)
        self.bogus: set[str] = set()
        key = ec.generate_private_key(ec.SECP256R1())
        self.key = dns.dnssec.make_dnskey(key.public_key(), "ECDSAP256SHA256", flags=257)
        self._broken = {name for name, records in zone.items() if records is SERVFAIL}
        self._signed = dns.zone.from_text(_zone_text(zone), ORIGIN, relativize=False)
        dns.dnssec.sign_zone(self._signed, keys=[(key, self.key)], lifetime=86400)
        self._names = sorted(
            name for name, node in self._signed.nodes.items() if _has(node, dns.rdatatype.NSEC)
        )

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        name, kind = query.question[0].name, query.question[0].rdtype
        text = name.to_text(omit_final_dot=True)
        if text in self._broken:
            response.set_rcode(dns.rcode.SERVFAIL)
            return response
        node = self._signed.nodes.get(name)
        if node is not None and _has(node, kind):
            self._add(response.answer, name, kind, signed=text not in self.bogus)
        elif node is not None and _has(node, dns.rdatatype.CNAME):
            self._add(response.answer, name, dns.rdatatype.CNAME, signed=True)
        else:
            self._deny(response, name)
        return response

    def _deny(self, response: dns.message.Message, name: dns.name.Name) -> None:
        """That there is nothing: the NSEC records around the name and its wildcards."""
        self._add(response.authority, ORIGIN, dns.rdatatype.SOA, signed=True)
        owners = {self._before(name)}
        if not any(each.is_subdomain(name) for each in self._names):
            response.set_rcode(dns.rcode.NXDOMAIN)
            parent = name.parent()
            while not any(each.is_subdomain(parent) for each in self._names):
                parent = parent.parent()
            owners.add(self._before(dns.name.Name(("*", *parent.labels))))
        for owner in owners:
            self._add(response.authority, owner, dns.rdatatype.NSEC, signed=True)

    def _before(self, name: dns.name.Name) -> dns.name.Name:
        return max(each for each in self._names if each <= name)

    def _add(
        self,
        section: list[dns.rrset.RRset],
        name: dns.name.Name,
        kind: dns.rdatatype.RdataType,
        *,
        signed: bool,
    ) -> None:
        kinds = [(kind, dns.rdatatype.NONE), (dns.rdatatype.RRSIG, kind)]
        for rdtype, covers in kinds if signed else kinds[:1]:
            dataset = self._signed.get_rdataset(name, rdtype, covers)
            if dataset is not None:
                section.append(dns.rrset.from_rdata_list(name, dataset.ttl, dataset))


def _has(node: dns.node.Node, kind: dns.rdatatype.RdataType) -> bool:
    return any(each.rdtype == kind for each in node.rdatasets)


def _zone_text(zone: Zone) -> str:
    lines = ["test. 60 IN SOA ns.test. admin.test. 1 60 60 60 60", "test. 60 IN NS ns.test."]
    for name, records in zone.items():
        for kind, texts in records.items():
            lines += [f"{name}. 60 IN {kind} {text}" for text in texts]
    return "\n".join(lines)


@dataclass
class SignedWorld:
    """Mail servers, and a validating name server that knows them."""

    mail: MailWorld
    dns_port: int

    def resolver(self, *, validating: bool = True) -> Resolver:
        return Resolver(
            [(DNS_ADDRESS, self.dns_port)],
            [ipaddress.ip_network(NETWORK)],
            validating=validating,
        )

    def courier(self, resolver: Resolver | None = None) -> Courier:
        return Courier(
            resolver or self.resolver(),
            helo_name="sender.test",
            ca_file=self.mail.ca_path,
            port=self.mail.smtp_port,
            timeouts=quick_timeouts(),
        )


def tlsa(certificate: x509.Certificate, usage: int = 3) -> str:
    """The TLSA record of a certificate's public key, by SHA-256."""
    key = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return f"{usage} 1 1 {hashlib.sha256(key).hexdigest()}"


def _zone_of(world: MailWorld) -> tuple[Zone, set[str]]:
    """Signed domains of every temper of DNSSEC and DANE; the names whose signatures are missing."""

    def address(temper: Temper) -> str:
        return world.zone[f"mx1.{domain_of(temper)}"]["A"][0]

    def certificate(temper: Temper) -> x509.Certificate:
        folder = world.ca_path.parent
        return x509.load_pem_x509_certificate(
            (folder / f"mx1.{domain_of(temper)}.pem").read_bytes()
        )

    own = tlsa(certificate(Temper.SELF_SIGNED))
    expired = tlsa(certificate(Temper.EXPIRED))
    other = "3 1 1 " + "00" * 32
    zone: Zone = {
        "ns.test": {"A": ["127.0.0.1"]},
        **{name: world.zone[name] for name in list(world.zone) if "tls13" in name},
    }

    def domain(
        name: str, temper: Temper, records: list[str] | None, host: str | None = None
    ) -> None:
        host = host or f"mx.{name}"
        zone[name] = {"MX": [f"10 {host}."]}
        zone[host] = {"A": [address(temper)]}
        if records is not None:
            zone[f"_{world.smtp_port}._tcp.{host}"] = {"TLSA": records}

    domain("dane-own.test", Temper.SELF_SIGNED, [own])
    domain("dane-expired.test", Temper.EXPIRED, [other, expired])
    domain("dane-mismatch.test", Temper.SELF_SIGNED, [other])
    domain("dane-no-tls.test", Temper.NO_STARTTLS, [own])
    domain(f"dane.{UNSIGNED}", Temper.SELF_SIGNED, [own])
    domain("dane-bogus.test", Temper.SELF_SIGNED, [own])
    domain("dane-servfail.test", Temper.SELF_SIGNED, None)
    zone[f"_{world.smtp_port}._tcp.mx.dane-servfail.test"] = SERVFAIL
    domain("bogus.test", Temper.GOOD_TLS13, None)
    good = f"mx1.{domain_of(Temper.GOOD_TLS13)}"
    plain = "plain-host.test"
    zone[plain] = {"A": [address(Temper.SELF_SIGNED)]}
    # An alias with records of its own, and one whose records stand where it leads.
    zone["dane-alias.test"] = {"MX": ["10 mx.dane-alias.test."]}
    zone["mx.dane-alias.test"] = {"CNAME": [f"{plain}."]}
    zone[f"_{world.smtp_port}._tcp.mx.dane-alias.test"] = {"TLSA": [own]}
    zone["dane-aliased.test"] = {"MX": ["10 mx.dane-aliased.test."]}
    zone["mx.dane-aliased.test"] = {"CNAME": ["mx.dane-own.test."]}
    zone["to-a-loop.test"] = {"MX": ["10 loop1.test."]}
    zone["loop1.test"], zone["loop2.test"] = {"CNAME": ["loop2.test."]}, {"CNAME": ["loop1.test."]}
    # Only usages that say nothing to mail clients: as if there were none.
    zone["dane-unusable.test"] = {"MX": [f"10 {good}."]}
    zone[f"_{world.smtp_port}._tcp.{good}"] = {"TLSA": ["1 1 1 " + "00" * 32, "3 1 9 00"]}
    zone["two-hosts.test"] = {"MX": ["10 mx.dane-servfail.test.", f"20 {good}."]}
    zone[f"signed-list.{UNSIGNED}"] = {"MX": [f"10 {good}."]}
    bogus = {"bogus.test", f"_{world.smtp_port}._tcp.mx.dane-bogus.test"}
    return zone, bogus


@pytest.fixture(scope="session")
def signed_world(
    mail_world: MailWorld, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SignedWorld]:
    """The mail world with DNSSEC; skipped where unbound is missing."""
    program = shutil.which("unbound", path="/usr/sbin:/usr/bin:/usr/local/sbin:/opt/homebrew/sbin")
    if program is None:
        skip_unless_required("unbound is not installed: nothing here validates DNSSEC")
    zone, bogus = _zone_of(mail_world)
    server = SignedDns(zone)
    server.bogus = bogus
    loop = asyncio.new_event_loop()
    transport, _ = loop.run_until_complete(
        loop.create_datagram_endpoint(lambda: server, ("127.0.0.1", 0))
    )
    thread = threading.Thread(target=loop.run_forever, name="signed dns", daemon=True)
    thread.start()
    port = _free_port()
    folder = tmp_path_factory.mktemp("unbound")
    configuration = folder / "unbound.conf"
    authority_port = transport.get_extra_info("sockname")[1]
    configuration.write_text(_configuration(folder, port, authority_port, server.key.to_text()))
    with subprocess.Popen([program, "-d", "-c", str(configuration)], cwd=folder) as process:
        try:
            _await_port(port)
            yield SignedWorld(mail_world, port)
        finally:
            process.terminate()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    transport.close()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def _configuration(folder: Path, port: int, authority_port: int, key: str) -> str:
    return f"""
server:
  verbosity: 0
  use-syslog: no
  logfile: "{folder}/log"
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: "{folder}/pid"
  interface: 127.0.0.1@{port}
  do-ip6: no
  num-threads: 1
  module-config: "validator iterator"
  do-not-query-localhost: no
  qname-minimisation: no
  aggressive-nsec: no
  local-zone: "test." nodefault
  trust-anchor: "test. DNSKEY {key}"
  domain-insecure: "{UNSIGNED}"
stub-zone:
  name: "test."
  stub-addr: 127.0.0.1@{authority_port}
remote-control:
  control-enable: no
"""


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _await_port(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("unbound did not start.")
