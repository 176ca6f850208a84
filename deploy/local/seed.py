"""Tells a fresh stack who takes part, through the commands that an operator has."""

import hashlib
import json
import os
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.local.machine import Missing

if TYPE_CHECKING:
    from deploy.local.stack import Addresses

FILE = Path(__file__).with_name("seed.toml")
ROOT = Path(__file__).parents[2]
RULES = ROOT / "contracts" / "rules"


def seed(at: "Addresses", env: dict[str, str]) -> None:
    """Register partners, mentors and supervisors; a stack that knows them already is left alone.

    `env`: what the referral and scheduling services get of settings. Raises Missing with what a
    command said when it refused.
    """
    home = Path(at.home)
    told = tomllib.loads(FILE.read_text())
    mark = home / "seeded"
    state = digest(at, home, told)
    if mark.exists() and mark.read_text() == state:
        return
    steps: list[Callable[[], object]] = [lambda: add_payer(at, env, told["payer"])]
    steps += [lambda hub=hub: add_hub(at, env, hub) for hub in told["hub"]]  # type: ignore[misc]
    steps.append(lambda: waypost(env, at.dsn["scheduling"], "seed", str(FILE)))
    steps.append(lambda: waypost(env | dsns(at), at.dsn["referral"], "seed", str(RULES)))
    with ThreadPoolExecutor() as pool:
        for step in [pool.submit(step) for step in steps]:
            step.result()
    mark.write_text(state)


def dsns(at: "Addresses") -> dict[str, str]:
    return {f"WAYPOST_{service.upper()}_DSN": dsn for service, dsn in at.dsn.items()}


def digest(at: "Addresses", home: Path, told: dict[str, Any]) -> str:
    """What the seeding depends on: who takes part, their keys, the rules, and where it all is."""
    keys = [(home / "hub" / hub["name"] / "jwks.json").read_text() for hub in told["hub"]]
    rules = [path.read_text() for path in sorted(RULES.glob("*.toml"))]
    content = json.dumps([told, keys, rules, at.fhir, at.simulators], default=str)
    return hashlib.sha256(content.encode()).hexdigest()


def add_payer(at: "Addresses", env: dict[str, str], payer: dict[str, str]) -> None:
    waypost(
        env,
        at.dsn["referral"],
        *("client", "add", "--kind=payer", f"--name={payer['name']}"),
        f"--payer-identifier={payer['system']}|{payer['value']}",
        f"--eligibility-url={at.simulators['payer']}/{payer['value']}/eligibility",
        f"--eligibility-token-file={Path(at.home) / 'payer' / 'token'}",
    )


def add_hub(at: "Addresses", env: dict[str, str], hub: dict[str, str]) -> None:
    """Register a hub, and tell its EHR where we are and what secret our notifications carry."""
    folder = Path(at.home) / "hub" / hub["name"]
    secret = folder / "webhook-secret"
    said = waypost(
        env,
        at.dsn["referral"],
        *("client", "add", "--kind=hub", f"--name={hub['title']}", f"--npi={hub['npi']}"),
        f"--mrn-system=https://{hub['host']}/ids/mrn",
        f"--jwks={folder / 'jwks.json'}",
        f"--secret-file={secret}",
    )
    ids = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    configuration = {
        "base_url": at.fhir,
        "token_url": at.token_url,
        "client_id": ids["client_id"],
        "webhook_secret": secret.read_text().strip(),
    }
    url = f"{at.simulators['hub']}/hubs/{hub['name']}/configure"
    body = json.dumps(configuration).encode()
    urllib.request.urlopen(urllib.request.Request(url, body), timeout=10).close()  # noqa: S310


def waypost(env: dict[str, str], dsn: str, *arguments: str) -> str:
    """Run one `waypost` command against a database; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", *arguments],
        cwd=ROOT,
        env={**os.environ, **env, "WAYPOST_DATABASE_DSN": dsn},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        command = " ".join(arguments[:2])
        raise Missing(f"`waypost {command}` refused: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def hubs() -> Sequence[dict[str, str]]:
    """The hubs of a local run."""
    found: list[dict[str, str]] = tomllib.loads(FILE.read_text())["hub"]
    return found


def payer_identifier() -> tuple[str, str]:
    """System and value by which the payer of a local run is known."""
    payer = tomllib.loads(FILE.read_text())["payer"]
    return payer["system"], payer["value"]
