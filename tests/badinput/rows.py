"""One referral service for all rows of a module, and what a row of RELIABILITY.md §6 says."""

import base64
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from services.chassis.migrate import migrate
from tests.badinput.samples import changed
from tests.conftest import run
from tests.postgres import Server
from tests.referral.bundles import Bundle, make_bundle
from tests.referral.desk import Office, enrol_payer, office_of
from tests.referral.rig import Hub, issues
from tests.security.world import database

ORG, AGENCY, PAYER, PATIENT, PERSON, COVERAGE = (f"entry.{n}" for n in (0, 1, 2, 5, 6, 7))
CONDITION, GOAL, PLAN, EPISODE, REQUEST, TASK = (f"entry.{n}" for n in (8, 9, 11, 12, 14, 15))
numbers = itertools.count(1)


@dataclass(frozen=True)
class Row:
    """Input, and its answer: status, issue code, place (None: nowhere)."""

    id: str
    body: bytes | dict[str, Any] | list[Any]
    status: int
    code: str
    at: str | None
    method: str = "POST"
    path: str = "/fhir"
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.id


@asynccontextmanager
async def rows_of(server: Server) -> AsyncIterator[tuple[Office, Hub]]:
    """One service and one hub for all rows of a module: what is refused leaves nothing behind."""
    await run(server, "postgres", "DROP DATABASE IF EXISTS template_rows WITH (FORCE)")
    await run(server, "postgres", "CREATE DATABASE template_rows")
    await migrate("referral", server.dsn("template_rows"))
    async with (
        database(server, "rows", template="template_rows") as pool,
        office_of(pool) as office,
    ):
        await enrol_payer(office.pool, None)
        yield office, await office.hub(name="Riverbend Family Services")


def with_(path: str, value: Any, of: Bundle | None = None) -> Bundle:
    """The good referral with one place changed; `...` removes it."""
    return changed(of or make_bundle(), path, value)


def at(path: str, rest: str = "") -> str:
    """`entry.14` and `status` as an issue names the place."""
    place = f"Bundle.entry[{path.rpartition('.')[2]}].resource"
    return f"{place}.{rest}" if rest else place


def another_child(**more: Any) -> Bundle:
    """A good referral of a child that nobody has sent before."""
    number = next(numbers)
    bundle = make_bundle(
        number=f"REF-{number:06}", mrn=f"RB-{number:06}", member=f"{100_000_000_000 + number}"
    )
    patient = bundle["entry"][5]["resource"]
    patient["name"][0] = {"use": "official", "family": f"Row{number}", "given": ["Kim"]}
    for path, value in more.items():
        bundle = changed(bundle, path.replace("__", "."), value)
    return bundle


async def send(office: Office, hub: Hub, row: Row) -> httpx.Response:
    body = row.body if isinstance(row.body, bytes) else json.dumps(row.body).encode()
    return await hub.send(row.method, row.path, body, **row.headers)


def said(answer: httpx.Response) -> list[tuple[str, str | None]]:
    """Code and place of each error."""
    return [(code, place) for severity, code, place in issues(answer) if severity == "error"]


def told(answer: httpx.Response, place: int) -> list[tuple[str, str]]:
    """Severity and code of what an accepted entry is told."""
    outcome = answer.json()["entry"][place]["response"].get("outcome", {"issue": []})
    return [(issue["severity"], issue["code"]) for issue in outcome["issue"]]


def attachment(**content: Any) -> dict[str, Any]:
    """A document that comes with a referral."""
    resource = {
        "resourceType": "DocumentReference",
        "status": "current",
        "content": [{"attachment": content}],
    }
    return {"resource": resource, "request": {"method": "POST", "url": "DocumentReference"}}


def more(*entries: dict[str, Any]) -> Bundle:
    """The good referral with more entries behind its sixteen."""
    bundle = make_bundle()
    return {**bundle, "entry": [*bundle["entry"], *entries]}


def base64_of(size: int) -> str:
    return base64.b64encode(b"x" * size).decode()
