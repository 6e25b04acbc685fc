"""What somebody else names as an address is reached outside only, by the name that its certificate bears."""

import ssl
from collections.abc import Iterator
from ipaddress import ip_network

import pytest
import trustme

from shared.foundation.errors import Refused, Temporary
from shared.foundation.outside import check, post
from shared.foundation.wire import Wire
from tests.harness import scripted_host_fixtures as fixtures
from tests.harness.scripted_host import Host, Say

authority, ca_file, clock, host, wire = (
    fixtures.authority,
    fixtures.ca_file,
    fixtures.clock,
    fixtures.host,
    fixtures.wire,
)
LOOPBACK = [ip_network("127.0.0.0/8"), ip_network("::1/128")]
INSIDE = (
    "127.0.0.1",
    "localhost",
    "10.0.0.1",
    "172.16.3.4",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "0.0.0.0",  # noqa: S104 - it is asked for, not bound
    "224.0.0.1",
    "2130706433",
    "0x7f000001",
    "[::1]",
    "[fd00::1]",
    "[fe80::1]",
    "[::ffff:10.0.0.1]",
    "[2002:0a00:0001::]",
    "[64:ff9b::169.254.169.254]",
    "[64:ff9b:1::10.0.0.1]",
    "[::10.0.0.1]",
    "[::ffff:0:10.0.0.1]",
    "[fec0::1]",
    "[4000::1]",
    "168.63.129.16",
)


@pytest.mark.parametrize("address", INSIDE)
async def test_nothing_inside_is_reached(wire: Wire, address: str) -> None:
    with pytest.raises(Refused) as refused:
        await post(wire, f"https://{address}/", {}, b"", [])
    assert (refused.value.status, refused.value.code) == (400, "address_not_allowed")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "https://",
        "https://me:word@example.com/",
        "https://exa mple.com/",
        "https://example.com:99999/",
        "//example.com/",
        "",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(Refused) as refused:
        check(url)
    assert refused.value.code == "address_not_allowed"


async def test_outside_it_takes_tls(wire: Wire) -> None:
    with pytest.raises(Refused):
        await post(wire, "http://93.184.215.14/", {}, b"", [])


@pytest.fixture
def named(authority: trustme.CA) -> Iterator[Host]:
    """A receiver with a certificate of its name, not of its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    host = Host(tls=context)
    yield host
    host.close()


async def test_the_certificate_is_held_against_the_name(wire: Wire, named: Host) -> None:
    port = named.url.rpartition(":")[2]
    assert await post(wire, f"https://localhost:{port}/hook", {"X": "1"}, b"body", LOOPBACK) == 200
    (seen,) = named.seen
    assert (seen.headers["host"], seen.path, seen.body) == (f"localhost:{port}", "/hook", b"body")
    with pytest.raises(Temporary) as failed:
        await post(wire, f"{named.url}/hook", {}, b"body", LOOPBACK)
    assert failed.value.code == "receiver_unreachable"
    assert len(named.seen) == 1


async def test_who_does_not_answer_is_told_so(wire: Wire, host: Host) -> None:
    host.says(Say(act="drop"))
    for url in (host.url, "http://127.0.0.1:1", "https://nobody.invalid/"):
        with pytest.raises(Temporary) as failed:
            await post(wire, url, {}, b"", LOOPBACK)
        assert failed.value.code == "receiver_unreachable"
