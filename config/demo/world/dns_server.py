"""A small authoritative DNS server over UDP, for the demo's made-up domains."""

import asyncio
from collections.abc import Callable, Mapping

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

TTL = 60

# A domain that answers every question with SERVFAIL has this in place of its records.
SERVFAIL: Mapping[str, list[str]] = {"SERVFAIL": []}

# Name without final dot, to record type, to the records' texts as in a zone file.
Zone = dict[str, Mapping[str, list[str]]]


class DnsServer(asyncio.DatagramProtocol):
    """Answers from ``zone``, which may change while it runs, and else from what ``more`` gives."""

    def __init__(self, zone: Zone, more: Callable[[], Zone] = dict) -> None:
        self.zone = zone
        self._more = more
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        try:
            query = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return
        if self._transport is not None and query.question:
            self._transport.sendto(self._answer(query).to_wire(), addr)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA | dns.flags.RA
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        records = self.zone.get(name) or self._more().get(name)
        if records is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif records is SERVFAIL:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif texts := records.get(dns.rdatatype.to_text(question.rdtype)):
            response.answer.append(
                dns.rrset.from_text(question.name, TTL, question.rdclass, question.rdtype, *texts)
            )
        return response
