"""Requests to addresses that somebody else has named: over TLS, to the outside only, and following nothing.

A name is resolved once, every address of it is checked, and the request goes to that very address; so a name that
answers differently the second time reaches nothing inside (OWASP, Server-Side Request Forgery Prevention).
"""

import asyncio
import ipaddress
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from shared.foundation.errors import Refused, Temporary
from shared.foundation.wire import Wire

if TYPE_CHECKING:
    import httpx

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# RFC 6052: behind it is any IPv4 address, an inner one too.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# RFC 4291: all that is anybody's begins so. Beside it lie site-local addresses, and IPv4 ones in older disguises.
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# Azure's own host, which its machines reach by a public address ("What is IP address 168.63.129.16?", Azure's manual).
AZURE_HOST = ipaddress.IPv4Address("168.63.129.16")
# The longest wait for an answer, in seconds.
TIMEOUT = 10.0


def check(url: str) -> str:
    """The host of an address that may be posted to. Raises Refused 400 `address_not_allowed`."""
    try:
        found = urlsplit(url)
        host, _ = found.hostname, found.port
    except ValueError:
        raise _refused() from None
    visible = url.isascii() and url.isprintable() and " " not in url
    if found.scheme not in ("https", "http") or not host or found.username or found.password or not visible:
        raise _refused()
    return host


async def post(wire: Wire, url: str, headers: Mapping[str, str], body: bytes, inside: Sequence[Network]) -> int:
    """Post to an address and return the status of the answer, whose body is not read. See `ask` for what is raised."""
    status, _ = await ask(wire, url, headers, body, inside)
    return status


async def ask(
    wire: Wire, url: str, headers: Mapping[str, str], body: bytes, inside: Sequence[Network], longest: int = 0
) -> tuple[int, bytes]:
    """Post to an address and return the status and the first `longest` bytes of the answer, or some more.

    `inside` are networks of ours that may be reached nevertheless, without TLS too. Raises Refused 400
    `address_not_allowed` for an address inside, Temporary if it does not resolve or nobody answers.
    """
    import httpx

    host = check(url)
    parts = httpx.URL(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = await _resolved(host, port)
    ours = all(any(one in network for network in inside) for one in address)
    if not ours and (parts.scheme != "https" or not all(map(_is_outside, address))):
        raise _refused()
    for one in address:
        with suppress(httpx.ConnectError):
            named = {**headers, "Host": parts.netloc.decode()}
            return await _posted(wire, parts.copy_with(host=str(one)), named, body, host, longest)
    raise Temporary("receiver_unreachable", f"{host} did not answer (ConnectError).")


async def _posted(
    wire: Wire, target: "httpx.URL", headers: Mapping[str, str], body: bytes, host: str, longest: int
) -> tuple[int, bytes]:
    """The answer of one address. Raises httpx.ConnectError if nothing was sent."""
    import httpx

    # The certificate is held against the name, not against the address.
    named = {"sni_hostname": host}
    try:
        async with (
            httpx.AsyncClient(
                verify=wire.ssl_context, trust_env=False, follow_redirects=False, timeout=TIMEOUT
            ) as client,
            asyncio.timeout(TIMEOUT),
            client.stream("POST", target, headers=headers, content=body, extensions=named) as answer,
        ):
            read = b""
            if longest:
                async for piece in answer.aiter_raw():
                    read += piece
                    if len(read) >= longest:
                        break
            return answer.status_code, read
    except httpx.ConnectError:
        raise
    except (httpx.RequestError, TimeoutError) as error:
        raise Temporary("receiver_unreachable", f"{host} did not answer ({type(error).__name__}).") from None


async def _resolved(host: str, port: int) -> list[Address]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Temporary("receiver_unreachable", f"{host} has no address.") from None
    return [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]


def _is_outside(address: Address) -> bool:
    """Whether an address is anybody's on the internet; one within another is judged as well."""
    within = None
    if isinstance(address, ipaddress.IPv6Address):
        if address not in GLOBAL_UNICAST and address not in NAT64 and address.ipv4_mapped is None:
            return False
        behind = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in NAT64 else None
        within = address.ipv4_mapped or address.sixtofour or behind
    judged = within or address
    return judged.is_global and not judged.is_multicast and judged != AZURE_HOST


def _refused() -> Refused:
    return Refused(
        400,
        "address_not_allowed",
        "url: an https address on the internet, without a name or password in it; addresses inside are not reached.",
    )
