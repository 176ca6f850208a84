"""Reading everything that a partner can reach, from a Task by its references, as an EHR would."""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey

from deploy.demo.actors import World
from deploy.demo.journey import Journey
from deploy.local.seed import ROOT, payer_identifier
from deploy.simulators.hub_client import FhirClient

RELATIVE = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}")
SEARCHES = (
    "Task?patient=Patient/{0}&_include=Task:focus",
    "ServiceRequest?patient=Patient/{0}",
    "Coverage?patient=Patient/{0}",
    "RelatedPerson?patient=Patient/{0}",
    "CarePlan?patient=Patient/{0}&category=assess-plan",
    "Goal?patient=Patient/{0}",
    "Encounter?patient=Patient/{0}&_revinclude=Provenance:target",
    "Observation?patient=Patient/{0}&category=survey",
    "DocumentReference?patient=Patient/{0}&category=clinical-note",
)
ABSENT = "00000000-0000-4000-8000-00000000dead"
PAYER_SCOPE = "system/Patient.rs system/Encounter.rs system/Organization.rs system/Location.rs"


@dataclass
class Crawl:
    """What one reader found: by address, and what did not answer 200."""

    found: dict[str, Any] = field(default_factory=dict)
    bundles: list[Any] = field(default_factory=list)
    missing: list[tuple[str, str, int]] = field(default_factory=list)  # from, to, status

    def of(self, type_: str) -> list[Any]:
        return [r for address, r in self.found.items() if address.startswith(f"{type_}/")]


async def crawl(world: World, journey: Journey) -> Crawl:
    """What leads on from a finished referral's Task, and what its hub finds by search."""
    done = Crawl()
    waiting = [("", f"Task/{journey.task_id}")]
    for search in SEARCHES:
        answer = await world.hub(journey.hub, "read", {"path": search.format(journey.youth_id)})
        assert answer.status == 200, (search, answer.body)
        done.bundles.append(answer.body)
        entries = answer.body.get("entry", ())
        waiting += [(search, address_of(entry["resource"])) for entry in entries]
    while waiting:
        source, address = waiting.pop()
        if address in done.found:
            continue
        answer = await world.hub(journey.hub, "read", {"path": address})
        if answer.status != 200:
            done.missing.append((source, address, answer.status))
            continue
        done.found[address] = answer.body
        if address.startswith("Encounter/"):
            history = await world.hub(journey.hub, "read", {"path": f"{address}/_history"})
            assert history.status == 200, (address, history.body)
            done.bundles.append(history.body)
        waiting += [(address, to) for to in references(answer.body)]
    return done


def address_of(resource: Any) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def references(value: Any) -> Iterator[str]:
    """The relative references in a resource; what stands for another server's is not ours."""
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, dict | list):
            yield from references(item)
    text = value.get("reference") if isinstance(value, dict) else None
    if isinstance(text, str) and (found := RELATIVE.match(text)):
        yield found[0]


def children_in(resources: Iterable[Any]) -> set[str]:
    """Every child that resources belong to or name."""
    named = {to for r in resources for to in references(r) if to.startswith("Patient/")}
    return named | {address_of(r) for r in resources if r["resourceType"] == "Patient"}


def payer_of(world: World, folder: Path) -> FhirClient:
    """A client of the payer, registered with the command that an operator has."""
    key = ECKey.generate_key("P-384", auto_kid=True)
    jwks = folder / "payer-jwks.json"
    jwks.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    system, value = payer_identifier()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "services.cli", "client", "add", "--kind=payer"),
            *("--name=MassHealth", f"--payer-identifier={system}|{value}", f"--jwks={jwks}"),
            f"--eligibility-url={world.at.simulators['payer']}/{value}/eligibility",
            f"--eligibility-token-file={Path(world.at.home) / 'payer' / 'token'}",
            f"--scopes=system/*.rs {PAYER_SCOPE}",
        ],
        cwd=ROOT,
        env={"WAYPOST_DATABASE_DSN": world.at.dsn["referral"]},
        capture_output=True,
        text=True,
        check=True,
    )
    ids = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    configuration = {
        "base_url": world.at.fhir,
        "token_url": world.at.token_url,
        "client_id": ids["client_id"],
        "scope": "system/*.rs",
    }
    return FhirClient(world.http, key, configuration)
