"""A server of PostgreSQL that is signed in to with tokens of the deployment's own identity, over verified TLS."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
import trustme

from infra.local.simulators.faults import Fault
from infra.local.simulators.small_server import serving
from infra.local.simulators.vaults import Vaults
from shared.deployment.own_database import AZURE, GOOGLE, own_database, public_user
from shared.foundation import permits
from shared.foundation.errors import Permanent, Temporary
from shared.foundation.permits import permitted
from shared.storage.database import Database
from shared.storage.migrate import catch_up
from shared.storage.revision import newest
from shared.storage.rights import User
from shared.storage.tables import metadata
from tests.harness.databases import Unavailable, postgresql
from tests.harness.encrypted import encrypted
from tests.harness.master_keys import local_key
from tests.harness.scripted_host import StillClock
from tests.harness.settings import settings_from

Open = Callable[[str, str], Database]
RIGHTS = "local all app password\nlocal all all trust\n"
CLOUDS = pytest.mark.parametrize("cloud", ["azure", "google"])


@dataclass
class Server:
    """A server that has a certificate for `localhost`, and who has signed that."""

    socket: Path
    port: int
    authority: Path

    def url(self, host: str = "localhost", more: str = "") -> str:
        trusted = more or f"&sslrootcert={self.authority}"
        return f"postgresql+psycopg://app@{host}:{self.port}/postgres?sslmode=disable{trusted}"

    def told(self, statement: str) -> None:
        with psycopg.connect(host=str(self.socket), user="postgres", dbname="postgres") as connection:
            connection.execute(statement)

    def takes(self, password: str) -> None:
        self.told(f"ALTER ROLE app PASSWORD '{password}'")


@dataclass
class Tokens(Vaults):
    """Gives tokens, the newest of which is what the server takes."""

    server: Server | None = None
    given: list[str] = field(default_factory=list)

    def _token(self, of: set[str]) -> str:
        assert of in ({AZURE}, {GOOGLE})
        assert self.server is not None
        self.given.append(super()._token(of))
        self.server.takes(self.given[-1])
        return self.given[-1]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", "database.example").configure_cert(context)
    file = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    try:
        with postgresql() as databases, encrypted(databases.socket / ".s.PGSQL.5432", context) as port:
            (databases.socket / "data" / "pg_hba.conf").write_text(RIGHTS)
            made = Server(databases.socket, port, file)
            made.told("CREATE ROLE app LOGIN")
            made.told("SELECT pg_reload_conf()")
            yield made
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def tokens(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tokens]:
    made = Tokens(tmp_path, server=server)
    with serving(made.answer) as made.address:
        for name, value in made.environment.items():
            monkeypatch.setenv(name, value)
        yield made


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    """Opens the database of a cloud's deployment by its URL; each is closed in the end."""
    made: list[Database] = []

    def opening(cloud: str, url: str) -> Database:
        settings = settings_from({}, database_identity=cloud, database_url=url, master_key={"value": local_key()})
        made.append(own_database(settings, StillClock()))
        return made[-1]

    yield opening
    for one in made:
        await one.close()


async def user(database: Database) -> str:
    """Who a new connection belongs to."""
    await database.close()
    async with database.read() as read:
        return str((await read.execute(sa.text("SELECT current_user"))).scalar_one())


@CLOUDS
async def test_a_connection_is_signed_in_by_a_token_that_is_kept_while_it_lasts(
    cloud: str, server: Server, tokens: Tokens, opened: Open
) -> None:
    database = opened(cloud, server.url())
    assert [await user(database), await user(database)] == ["app", "app"]
    assert len(tokens.given) == 1


@CLOUDS
async def test_a_new_connection_has_a_new_token_before_the_old_one_ends(
    cloud: str, server: Server, tokens: Tokens, opened: Open
) -> None:
    tokens.lasts = 60
    database = opened(cloud, server.url())
    async with database.read() as kept:
        for _ in range(2):
            assert await user(database) == "app"
        # What is open stays open.
        assert (await kept.execute(sa.text("SELECT 1"))).scalar_one() == 1
    assert len(set(tokens.given)) == 3


@CLOUDS
async def test_the_token_is_told_to_nobody(
    cloud: str, server: Server, tokens: Tokens, opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    database = opened(cloud, server.url())
    assert await user(database) == "app"
    server.takes("another")
    with pytest.raises(Temporary) as refused:
        await user(database)
    assert refused.value.code == "database_unavailable"
    log = (server.socket / "log").read_text()
    told = "".join([log, caplog.text, *map(repr, caplog.records), str(refused.getrepr()), repr(database.engine)])
    assert 'password authentication failed for user "app"' in log
    assert "database is not available" in caplog.text
    assert not [token for token in tokens.given if token in told or token in database.url]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_server_that_is_not_the_one_is_given_no_token(
    host: str, server: Server, tokens: Tokens, opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    """Its certificate has another name, or is signed by nobody whom we trust, whatever mode the URL asks for."""
    url = server.url(host, "&connect_timeout=5" if host == "localhost" else "")
    with pytest.raises(Temporary):
        await user(opened("azure", url))
    refused = "certificate verify failed" if host == "localhost" else "does not match host name"
    assert any(refused in str(getattr(record, "why", "")) for record in caplog.records)


async def test_a_server_without_a_name_in_the_network_is_verified_by_its_name(
    server: Server, tokens: Tokens, opened: Open
) -> None:
    """As Cloud SQL is reached by a private address."""
    port = f"&port={server.port}&sslrootcert={server.authority}"
    address = "postgresql+psycopg://app@/postgres?hostaddr=127.0.0.1&host="
    assert await user(opened("google", f"{address}database.example{port}")) == "app"
    with pytest.raises(Temporary):
        await user(opened("google", f"{address}another.example{port}"))


async def test_a_run_that_asks_the_database_before_each_request_is_not_asked_for_that_ones_token(
    server: Server, tokens: Tokens, opened: Open
) -> None:
    """It would wait for its own answer."""
    database = opened("azure", server.url())

    async def ask() -> None:
        await user(database)

    async with asyncio.timeout(20):
        with permitted(ask, reads_by=StillClock()):
            await permits.ask(reads=True)
    assert len(tokens.given) == 1


async def test_an_identity_that_gives_no_token_is_named(server: Server, tokens: Tokens, opened: Open) -> None:
    tokens.faults.append(Fault.parse({"match": {"path": "msi"}, "do": {"kind": "status", "status": 400}, "times": 9}))
    with pytest.raises(Permanent) as refused:
        await user(opened("azure", server.url()))
    assert refused.value.code == "our_credential"


@pytest.fixture
async def owner(server: Server) -> AsyncIterator[Database]:
    """A database as who migrates opens it."""
    made = Database(f"postgresql+psycopg://postgres@/postgres?host={server.socket}")
    yield made
    await made.close()


def named(**user: str) -> User:
    """The public functions' user, as the workers' settings name it."""
    found = public_user(settings_from({}, database_public=user, master_key={"value": local_key()}))
    assert found is not None
    return found


async def test_the_public_functions_user_reads_and_writes_rows_and_nothing_else(
    server: Server, owner: Database
) -> None:
    public = named(name="footprint-public@example.iam")
    server.told(f'CREATE ROLE "{public.name}" LOGIN')
    assert [await catch_up(owner, public) for _ in range(2)] == [True, False]
    # As after somebody has made the user anew.
    server.told(f'REVOKE ALL ON ALL TABLES IN SCHEMA public FROM "{public.name}"')
    assert [await catch_up(owner, public) for _ in range(2)] == [True, False]
    where = {"host": str(server.socket), "user": public.name, "dbname": "postgres"}
    with psycopg.connect(**where, autocommit=True) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (newest(),)
        for table in metadata.sorted_tables:
            first = next(iter(table.columns))
            rows = sa.insert(table).from_select(list(table.columns), sa.select(table), include_defaults=False)
            for allowed in (rows, sa.update(table).values({first: first}), sa.delete(table)):
                connection.execute(str(allowed))
            if (number := table.autoincrement_column) is not None:
                connection.execute("SELECT nextval(%s)", (f"{table.name}_{number.name}_seq",))
        for refused in (
            "CREATE TABLE more (number int)",
            "DROP TABLE connections",
            "TRUNCATE connections",
            "ALTER TABLE connections ADD COLUMN more int",
            "UPDATE alembic_version SET version_num = '0'",
            "CREATE ROLE another",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(refused)


async def test_for_a_managed_identity_the_user_is_made_with_a_label_that_azures_server_alone_knows(
    server: Server, owner: Database
) -> None:
    """A server without Azure's provider of labels understands what it is told, and refuses it as a whole."""
    identity = "00000000-0000-0000-0000-000000000002"
    with pytest.raises(sa.exc.DBAPIError) as refused:
        await catch_up(owner, named(name="footprint-public", principal=identity))
    assert f"ON ROLE \"footprint-public\" IS 'aadauth,oid={identity},type=service'" in str(refused.value.statement)
    assert 'security label provider "pgaadauth" is not loaded' in str(refused.value.orig)
    async with owner.read() as read:
        assert not (await read.execute(sa.text("SELECT 1 FROM pg_roles WHERE rolname = 'footprint-public'"))).all()
