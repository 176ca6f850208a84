"""Runs `small` services, or others, as processes of their own, with settings of one test."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from joserfc.jwk import ECKey

from deploy.local.machine import free_ports
from tests.serving import NO_AUTHORITIES

SERVICES = ("referral", "scheduling", "documentation", "notifications")
NOWHERE = "127.0.0.1:9"  # nobody listens
READY_SECONDS, END_SECONDS = 120, 60  # on a machine that has other work


class Small:
    """One process; `lines` are what it logged."""

    def __init__(
        self,
        name: str,
        folder: Path,
        environment: dict[str, str],
        *,
        module: str = "tests.chassis.small",
    ) -> None:
        self.name, self.log = name, folder / f"{name}.log"
        self.environment, self.module = environment, module
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module, self.name],
                env=os.environ | self.environment,
                stdout=log,
                stderr=log,
            )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.environment['WAYPOST_PORT']}"

    @property
    def ops(self) -> str:
        return f"http://127.0.0.1:{self.environment['WAYPOST_OPS_PORT']}"

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                ready = f"{self.ops}/health/ready"
                if httpx.get(ready, verify=NO_AUTHORITIES).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise TimeoutError(self.log.read_text()[-3000:])
            time.sleep(0.05)

    def end(self, signal_: int = signal.SIGTERM) -> int:
        """Send a signal and give the exit status; negative for a process that was killed."""
        if self.process.poll() is None:
            self.process.send_signal(signal_)
        return self.process.wait(END_SECONDS)


def environments(
    folder: Path, dsns: dict[str, str], *, kafka: str = NOWHERE, **changes: str
) -> dict[str, dict[str, str]]:
    """Settings of services that know each other, by service; `dsns` are their databases."""
    free = iter(free_ports(2 * len(SERVICES)))
    ports = {name: (next(free), next(free)) for name in SERVICES}
    common = {
        "WAYPOST_KAFKA_SERVERS": kafka,
        "WAYPOST_BASE_URL": "http://127.0.0.1/fhir",
        "WAYPOST_TOKEN_URL": "http://127.0.0.1/auth/token",
        "WAYPOST_STAFF_ISSUER": "http://127.0.0.1/issuer",
        "WAYPOST_STAFF_JWKS_URL": "http://127.0.0.1/issuer/jwks",
        "WAYPOST_AGENCY_ID": "00000000-0000-0000-0000-00000000a6e4",
        "WAYPOST_AGENCY_NPI": "1234567893",
        "WAYPOST_AGENCY_NAME": "Agency",
        "WAYPOST_CURSOR_KEY": "not a secret",
        **{f"WAYPOST_{n.upper()}_URL": f"http://127.0.0.1:{ports[n][1]}" for n in SERVICES},
        **changes,
    }
    found = {}
    for name, dsn in dsns.items():
        key = folder / f"{name}.jwk"
        if not key.exists():
            made = ECKey.generate_key("P-256", auto_kid=True)
            key.write_text(json.dumps(made.as_dict(private=True)))
        port, ops_port = ports[name]
        found[name] = common | {
            "WAYPOST_DATABASE_DSN": dsn,
            "WAYPOST_KEY_FILE": f"{key}",
            "WAYPOST_PORT": f"{port}",
            "WAYPOST_OPS_PORT": f"{ops_port}",
        }
    return found
