"""A name server that knows the MX records of all customers, and can keep silent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from infra.local.simulators.state import Zone

TTL_SECONDS = 60  # seconds


class NameServer(asyncio.DatagramProtocol):
    """Answers questions over UDP: the records, no data, no such name, a failure, or nothing at all."""

    def __init__(self, zone: Callable[[str], Zone | None]) -> None:
        self._zone = zone
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go out."""
        # Not every Python's own datagram transport is an instance of the class that stands for it.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one question."""
        answer = self._answer(dns.message.from_wire(data))
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer.to_wire(), addr)

    def _answer(self, question: dns.message.Message) -> dns.message.Message | None:
        answer = dns.message.make_response(question, recursion_available=True)
        asked = question.question[0]
        name = asked.name.to_text(omit_final_dot=True).lower()
        zone = self._zone(name)
        if zone is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
            return answer
        if zone.servers == "silent":
            return None
        if zone.servers == "servfail":
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif asked.rdtype == dns.rdatatype.MX and zone.mail_exchanges:
            texts = [f"{preference} {host.rstrip('.')}." for preference, host in zone.mail_exchanges]
            answer.answer.append(dns.rrset.from_text(asked.name, TTL_SECONDS, dns.rdataclass.IN, "MX", *texts))
        return answer
