"""A name server that knows the tenants' MX records, and can keep silent."""

from __future__ import annotations

import asyncio
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from infra.local.simulators.cloud import Cloud
from infra.local.simulators.google.customer import Customer
from infra.local.simulators.mail_domains import mail_exchange
from infra.local.simulators.microsoft.tenant import Tenant

LIFE = 60  # seconds


class NameServer(asyncio.DatagramProtocol):
    """Answers questions over UDP: the records, no data, no such name, a failure, or nothing at all."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
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
        with self._cloud.lock:
            found = self._look_up(name)
        if found is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
            return answer
        state, records = found
        if state == "silent":
            return None
        if state == "servfail":
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif asked.rdtype == dns.rdatatype.MX and records:
            texts = [f"{preference} {host.rstrip('.')}." for preference, host in records]
            answer.answer.append(dns.rrset.from_text(asked.name, LIFE, dns.rdataclass.IN, "MX", *texts))
        return answer

    def _look_up(self, name: str) -> tuple[str, list[tuple[int, str]]] | None:
        """Return how the owner's name servers behave and what they say; no owner, no such name."""
        if tenant := next((one for one in self._cloud.tenants.values() if name in one.domains), None):
            return tenant.behaviour.dns, mx_records(tenant, name)
        if customer := next((one for one in self._cloud.customers.values() if name in one.domain_names()), None):
            return customer.behaviour.dns, google_mx_records(customer, name)
        return None


def google_mx_records(customer: Customer, name: str) -> list[tuple[int, str]]:
    """Return what stands in the DNS for a domain of a Workspace customer."""
    if name in customer.behaviour.mx:
        return [(int(preference), str(host)) for preference, host in customer.behaviour.mx[name]]
    return [(1, "smtp.google.com")] if name in customer.verified_domains() else []


def mx_records(tenant: Tenant, name: str) -> list[tuple[int, str]]:
    """Return what stands in the DNS for a domain, which need not be what Microsoft asks for."""
    if name in tenant.behaviour.mx:
        return [(int(preference), str(host)) for preference, host in tenant.behaviour.mx[name]]
    if name not in tenant.accepted_domains:
        return []
    if name.startswith("sub."):
        return [(10, "mx1.filter.example.net"), (20, "mx2.filter.example.net")]
    return [(0, mail_exchange(name))]
