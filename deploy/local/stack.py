"""Everything of one run under one folder: broker, database, gateway, services, simulators."""

import asyncio
import fcntl
import json
import os
import secrets
import shutil
import signal
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from joserfc.jwk import ECKey

from deploy.local import supervisor
from deploy.local.agency import AGENCY, AGENCY_MAIL, STAFF_ISSUER
from deploy.local.kafka import Kafka, Topics, create_topics, until_ready
from deploy.local.machine import accepts, free_ports, is_free, say, wait_until
from deploy.local.nginx import Nginx
from deploy.local.part import Part, write
from deploy.local.postgres import Postgres, make_database, until_answers
from deploy.local.seed import hubs, seed
from deploy.local.zipkin import Zipkin, zipkin_jar
from services.chassis.migrate import migrate

ROOT = Path(__file__).parents[2]
SERVICES = ("referral", "scheduling", "documentation", "notifications")
SIMULATORS = ("identity", "payer", "hub", "mail")
READY_SECONDS = 90
NO_TRACE_PAGE = "none here: `.venv/bin/python -m deploy.local.zipkin`, then `make up`, brings one"


@dataclass(frozen=True)
class Addresses:
    """Where to find a running stack, and its secrets: for this machine's eyes only."""

    home: str
    base_url: str
    fhir: str
    token_url: str
    kafka: str
    ops: dict[str, str]
    dsn: dict[str, str] = field(repr=False)
    simulators: dict[str, str]
    files: dict[str, str]
    traces: str | None = None

    def trace(self, id_: str) -> str:
        """The page of one trace, or in words how to get a trace page."""
        return f"{self.traces}/zipkin/traces/{id_}" if self.traces else NO_TRACE_PAGE

    @classmethod
    def read(cls, home: Path) -> "Addresses":
        """Those of a stack that has been up; FileNotFoundError if it never was."""
        return cls(**json.loads((home / "waypost.json").read_text()))


class Stack:
    """One complete Waypost on loopback.

    Whatever dies comes back, its data with it, over a restart of everything too. The ports are
    chosen once and kept.
    """

    # Of the gateway, where it is free. Stacks that begin at once could all find it so.
    preferred_port: int | None = 8080

    def __init__(
        self,
        home: Path,
        *,
        simulators: bool = True,
        clock: Literal["system", "demo"] = "demo",
        certificate: tuple[Path, Path] | None = None,
    ) -> None:
        self.home = home.resolve()
        self.folder = supervisor.Folder(self.home)
        self.clock = clock
        self.simulators = SIMULATORS if simulators else ()
        self.certificate = certificate
        # As for a service: none, zipkin (a page of this stack's own) or otlp (WAYPOST_TRACES_URL).
        self.traces = os.environ.get("WAYPOST_TRACES", "zipkin")

    # --- What people call ------------------------------------------------------------------------

    def up(self) -> Addresses:
        """Start what does not run, and wait until all of it can work.

        Raises Missing when this machine lacks something, TimeoutError when a part does not come up.
        """
        with self.alone():
            self.choose_ports()
            say("Starting Kafka and PostgreSQL")
            self.begin_with_infrastructure()
            asyncio.run(self.make_databases())
            asyncio.run(self.make_topics())
            say("Starting the services and the gateway")
            self.folder.plan(self.everything())
            self.wait_for_everything()
            addresses = self.addresses()
            self.write_down(addresses)
            self.seed(addresses)
        return addresses

    def down(self) -> None:
        """Stop everything, the gateway first; returns when nothing is left. Data stays."""
        if not self.home.exists():
            return
        with self.alone():
            supervisor.dismiss(self.folder)

    def remove(self) -> None:
        """Stop everything and forget all of it."""
        self.down()
        if (self.home / "ports.json").exists():
            shutil.rmtree(self.postgres.home, ignore_errors=True)
        shutil.rmtree(self.home, ignore_errors=True)

    def pid(self, part: str) -> int | None:
        """The process of a part, or None while there is none."""
        running = self.folder.running().get(part)
        return running.pid if running else None

    def kill(self, part: str, number: int = signal.SIGKILL) -> None:
        """Send a part a signal; if it dies of it, the supervisor starts it again."""
        if running := self.folder.running().get(part):
            running.signal(number)

    def stop(self, part: str) -> None:
        """Stop a part and keep it down until `start`."""
        self.folder.held(part).touch()
        wait_until(lambda: self.pid(part) is None, 60, f"{part} did not stop")

    def start(self, part: str) -> None:
        """Let a part run again; returns when it is ready."""
        self.folder.held(part).unlink(missing_ok=True)
        self.wait_for(part)

    # --- What it consists of ---------------------------------------------------------------------

    @property
    def kafka(self) -> Kafka:
        return Kafka(self.home / "kafka", self.port("kafka"), self.port("controller"))

    @property
    def postgres(self) -> Postgres:
        return Postgres(self.home / "postgres", self.port("postgres"))

    @property
    def gateway(self) -> Nginx:
        ports = {service: self.port(service) for service in SERVICES}
        return Nginx(self.home / "gateway", self.port("gateway"), ports, self.certificate)

    @property
    def zipkin(self) -> Zipkin | None:
        """The trace page, where it is wanted and can be had."""
        jar = zipkin_jar() if self.traces == "zipkin" else None
        return Zipkin(jar, self.port("zipkin")) if jar else None

    def infrastructure(self) -> list[Part]:
        return [self.postgres.part(), self.kafka.part(), *map(self.simulator, self.simulators)]

    def everything(self) -> list[Part]:
        return [
            *self.infrastructure(),
            *map(self.service, SERVICES),
            self.gateway.part(),
            *self.beside(),
        ]

    def beside(self) -> list[Part]:
        """What nothing else needs: it is started with the rest, and nobody waits for it."""
        return [self.zipkin.part()] if self.zipkin else []

    def simulator(self, name: str) -> Part:
        options = [f"--port={self.port(name)}", f"--home={self.home / name}"]
        if name == "identity":
            options.append(f"--issuer={STAFF_ISSUER}")
        if name == "hub":
            options += [f"--hub={hub['name']}" for hub in hubs()]
        if name == "mail":
            options.append(f"--smtp-port={self.port('smtp')}")
        return python_part(name, f"deploy.simulators.{name}", *options, stage=1)

    def service(self, name: str) -> Part:
        settings = {
            "CLOCK": self.clock,
            "CLOCK_FILE": str(self.home / "clock"),
            "DATABASE_DSN": self.dsn(name),
            "KAFKA_SERVERS": self.kafka.address,
            "PORT": str(self.port(name)),
            "OPS_PORT": str(self.port(f"{name}-ops")),
            "BASE_URL": f"{self.gateway.base_url}/fhir",
            "TOKEN_URL": f"{self.gateway.base_url}/auth/token",
            "KEY_FILE": str(self.key_file(name)),
            "STAFF_ISSUER": STAFF_ISSUER,
            "STAFF_JWKS_URL": f"{self.url('identity')}/.well-known/jwks.json",
            "CURSOR_KEY": self.secret("cursor"),
            "ALLOW_LOOPBACK_ENDPOINTS": "true",
            **{f"{peer}_URL".upper(): self.url(f"{peer}-ops") for peer in SERVICES},
            **self.trace_settings(),
            **(self.mail_settings() if name == "notifications" else {}),
            **AGENCY,
        }
        env = {f"WAYPOST_{setting}": value for setting, value in settings.items()}
        return python_part(name, f"services.{name}.app", stage=2, env=env)

    def trace_settings(self) -> dict[str, str]:
        """Without a page nothing is sent; an address of one's own is the caller's to give."""
        if self.zipkin:
            return {"TRACES": "zipkin", "TRACES_URL": self.zipkin.spans_url}
        if self.traces == "otlp":
            return {"TRACES": "otlp", "TRACES_URL": os.environ.get("WAYPOST_TRACES_URL", "")}
        return {"TRACES": "none"}

    def mail_settings(self) -> dict[str, str]:
        """Letters go to the simulated mail server, in plain text on loopback, or nowhere."""
        if "mail" not in self.simulators:
            return {}
        server = f"127.0.0.1:{self.port('smtp')}"
        return {"MAIL_SERVER": server, "MAIL_TLS": "none", **AGENCY_MAIL}

    # --- Steps of up -----------------------------------------------------------------------------

    def begin_with_infrastructure(self) -> None:
        self.postgres.prepare()
        self.kafka.prepare()
        self.gateway.prepare()
        for name in SERVICES:
            self.make_key(name)
        running = self.folder.running()
        # Services that run already go on running: they work while we look after the rest.
        first = {part.name for part in self.infrastructure()} | set(running)
        for part in self.folder.planned():
            self.folder.held(part.name).unlink(missing_ok=True)
        self.folder.plan([part for part in self.everything() if part.name in first])
        supervisor.ensure(self.folder)

    async def make_databases(self) -> None:
        superuser = self.postgres.dsn()
        await until_answers(superuser, seconds=READY_SECONDS)
        for name in SERVICES:
            await make_database(superuser, f"waypost_{name}", self.secret(f"database-{name}"))
            await migrate(name, self.dsn(name))

    async def make_topics(self) -> None:
        await until_ready(self.kafka.address, seconds=READY_SECONDS)
        await create_topics(self.kafka.address, Topics.read())

    def seed(self, addresses: Addresses) -> None:
        """Tell the stack of partners and mentors, through the commands an operator has."""
        if self.simulators:
            settings = {"STAFF_ISSUER": STAFF_ISSUER, **AGENCY}
            seed(addresses, {f"WAYPOST_{name}": value for name, value in settings.items()})

    def wait_for_everything(self) -> None:
        beside = {part.name for part in self.beside()}
        for part in self.everything():
            if part.name not in beside:
                self.wait_for(part.name)

    def wait_for(self, part: str) -> None:
        try:
            wait_until(self.readiness(part), READY_SECONDS, f"{part} was not ready")
        except TimeoutError as error:
            log = self.folder.log_of(part)
            end = log.read_text(errors="replace")[-2000:] if log.exists() else ""
            raise TimeoutError(f"{error}; the end of {log}:\n{end}") from None

    def readiness(self, part: str) -> Callable[[], bool]:
        if part in SERVICES:
            return lambda: says_ok(f"{self.url(f'{part}-ops')}/health/ready")
        if part == "gateway":
            return lambda: says_ok(f"{self.gateway.base_url}/gateway/health")
        if part == "zipkin":
            return lambda: says_ok(f"{self.url(part)}/health")
        return lambda: bool(self.pid(part)) and accepts(self.port(part))

    # --- Ports, secrets, files -------------------------------------------------------------------

    def choose_ports(self) -> None:
        """Keep the ports of the last time, but for those that somebody else has taken since."""
        file = self.home / "ports.json"
        ports: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
        names = self.port_names()
        running = self.folder.running()
        ours = {name for name in names if owner_of(name) in running}
        kept = {name for name in names if name in ours or (name in ports and is_free(ports[name]))}
        lost = [name for name in names if name not in kept]
        fresh = dict(zip(lost, free_ports(len(lost)), strict=True))
        if "gateway" in fresh and self.preferred_port and is_free(self.preferred_port):
            fresh["gateway"] = self.preferred_port
        write(file, json.dumps(ports | fresh, indent=1))

    def port_names(self) -> list[str]:
        ops = [f"{service}-ops" for service in SERVICES]
        others = ["gateway", "postgres", "kafka", "controller", "zipkin", "smtp"]
        return [*SERVICES, *ops, *SIMULATORS, *others]

    def ports(self) -> dict[str, int]:
        """Every port that the parts listen on, once `up` has chosen them."""
        ports: dict[str, int] = json.loads((self.home / "ports.json").read_text())
        return ports

    def port(self, name: str) -> int:
        return self.ports()[name]

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port(name)}"

    def dsn(self, service: str) -> str:
        name = f"waypost_{service}"
        return self.postgres.dsn(name, name, self.secret(f"database-{service}"))

    def secret(self, name: str) -> str:
        """A random text, made when it is first asked for and kept."""
        file = self.home / "secrets" / name
        if not file.exists():
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write(file, secrets.token_urlsafe(32))
        return file.read_text()

    def key_file(self, service: str) -> Path:
        return self.home / "secrets" / f"{service}.jwk"

    def make_key(self, service: str) -> None:
        """The key with which a service signs; on P-384, as referral's tokens are ES384."""
        file = self.key_file(service)
        if not file.exists():
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            key = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)
            write(file, json.dumps(key.as_dict(private=True)))

    def addresses(self) -> Addresses:
        base = self.gateway.base_url
        return Addresses(
            home=str(self.home),
            base_url=base,
            fhir=f"{base}/fhir",
            token_url=f"{base}/auth/token",
            kafka=self.kafka.address,
            ops={name: self.url(f"{name}-ops") for name in SERVICES},
            dsn={name: self.dsn(name) for name in SERVICES},
            simulators={name: self.url(name) for name in self.simulators},
            files={"clock": str(self.home / "clock"), "log": str(self.folder.log)},
            traces=self.zipkin.url if self.zipkin else None,
        )

    def write_down(self, addresses: Addresses) -> None:
        """For programs (waypost.json) and for a shell or the `waypost` command (waypost.env)."""
        write(self.home / "waypost.json", json.dumps(asdict(addresses), indent=1))
        values = {
            "WAYPOST_BASE_URL": addresses.fhir,
            "WAYPOST_KAFKA_SERVERS": addresses.kafka,
            **{f"WAYPOST_{name.upper()}_DSN": dsn for name, dsn in addresses.dsn.items()},
            **{f"WAYPOST_{name.upper()}_URL": url for name, url in addresses.ops.items()},
        }
        lines = (f"export {name}='{value}'\n" for name, value in values.items())
        write(self.home / "waypost.env", "".join(lines))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One `up` or `down` of this stack at a time; a second one waits."""
        self.folder.make()
        with (self.home / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def python_part(
    name: str, module: str, *options: str, stage: int, env: dict[str, str] | None = None
) -> Part:
    command = [sys.executable, "-m", module, *options]
    return Part(name, command, env=environment(env or {}), cwd=str(ROOT), stage=stage)


def environment(more: dict[str, str]) -> dict[str, str]:
    """What a program of ours may see: little of the shell that started it, whatever that was."""
    kept = {name: os.environ[name] for name in ("HOME", "TMPDIR") if name in os.environ}
    return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", **kept, **more}


def owner_of(port: str) -> str:
    """The part that listens on a port of this name."""
    return {"smtp": "mail", "controller": "kafka"}.get(port) or port.removesuffix("-ops")


def says_ok(url: str) -> bool:
    """Whether a GET of this address answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 (loopback http)
            return bool(answer.status == 200)
    except OSError:
        return False
