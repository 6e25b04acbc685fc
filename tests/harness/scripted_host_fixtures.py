"""Hosts on real sockets, a clock that does not wait, and the client under test."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from shared.foundation.wire import Wire
from tests.harness.scripted_host import Host, StillClock


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    yield host
    host.close()


@pytest.fixture
def other() -> Iterator[Host]:
    """Another host, which must hear nothing."""
    host = Host()
    yield host
    host.close()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return file


@pytest.fixture
def login(authority: trustme.CA) -> Iterator[Host]:
    """A sign-in host, which must be https."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    host = Host(tls=context)
    yield host
    host.close()


@pytest.fixture
def wire(clock: StillClock, ca_file: Path) -> Wire:
    return Wire(clock=clock, ca_file=ca_file)
