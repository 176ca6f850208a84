"""Every route by everybody who may knock: what each gets, made from the routes themselves (P17).

For the tests of each service, which bring what is theirs to know: which ids our hub can read.

    table = await matrix.ask_everybody(world, ids={"Encounter": str(session_id)})
    matrix.assert_closed(table, payer_reads={"Encounter"})

A route that is added is asked without anybody having to think of it.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from contracts.codes import Role
from services.chassis.doors import Policy, policy_of, routes_of
from tests.security.world import HUB, INSURER, STRANGER, World

OURS, OTHER, PAYER, STAFF, NOBODY = "our hub", "other hub", "payer", "staff", "nobody"
ABSENT_ID = "00000000-0000-4000-8000-00000000dead"
# Where every partner reads the same: the directory and kinds of places.
SHARED = frozenset({"Organization", "Location", "Practitioner", "PractitionerRole"})
FHIR_TYPE = re.compile(r"/fhir/([A-Za-z]+)")
JSON = {"Content-Type": "application/fhir+json"}


@dataclass(frozen=True)
class Cell:
    """One principal's answer on a route; `absent` is its answer for an id that there is not."""

    status: int
    body: bytes
    absent: tuple[int, bytes] | None = None


@dataclass(frozen=True)
class Line:
    """One route, as each principal finds it."""

    method: str
    path: str
    policy: Policy
    cells: Mapping[str, Cell]

    @property
    def type(self) -> str:
        found = FHIR_TYPE.match(self.path)
        return found[1] if found else ""

    def __str__(self) -> str:
        told = " ".join(f"{who}={cell.status}" for who, cell in self.cells.items())
        return f"{self.method} {self.path}: {told}"


async def ask_everybody(
    world: World, *, ids: Mapping[str, str], staff: Collection[Role] = tuple(Role)
) -> list[Line]:
    """Ask each public route of a service as everybody. `ids`: by type, one that our hub may read.

    Writes carry an empty body: that nobody else gets as far as its content is what counts.
    """
    lines = []
    for route in routes_of(world.apps[0]):
        policy = policy_of(route)
        assert policy is not None, route
        for method in sorted(getattr(route, "methods", ())):
            path = str(getattr(route, "path", ""))
            cells = {}
            for who, headers in headers_of(world, staff).items():
                cells[who] = await ask(world, method, path, ids, headers)
            lines.append(Line(method, path, policy, cells))
    return lines


def headers_of(world: World, roles: Collection[Role]) -> dict[str, dict[str, str]]:
    return {
        OURS: world.partner(HUB),
        OTHER: world.partner(STRANGER),
        PAYER: world.partner(INSURER),
        STAFF: world.staff(*roles),
        NOBODY: {},
    }


async def ask(
    world: World, method: str, path: str, ids: Mapping[str, str], headers: dict[str, str]
) -> Cell:
    found = FHIR_TYPE.match(path)
    id_ = ids.get(found[1] if found else "", ABSENT_ID)
    answer = await send(world, method, filled(path, id_), headers)
    if "{" not in path or method != "GET":
        return Cell(answer.status_code, answer.content)
    absent = await send(world, method, filled(path, ABSENT_ID), headers)
    return Cell(answer.status_code, answer.content, (absent.status_code, absent.content))


def filled(path: str, id_: str) -> str:
    """A route's pattern with ids in it; a mirror's type is one that nobody else serves."""
    return re.sub(r"\{[^}]+\}", id_, path.replace("{type_}", "Goal").replace("{version_}", "1"))


async def send(world: World, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    form = path.endswith("_search")
    body: dict[str, Any] = (
        {} if method in ("GET", "DELETE") else {"content": b"" if form else b"{}"}
    )
    kind = {"Content-Type": "application/x-www-form-urlencoded"} if form else JSON
    more = kind if method in ("POST", "PUT") else {}
    return await world.public.request(method, path, headers=headers | more, **body)


def assert_closed(
    lines: Collection[Line],
    *,
    ids: Mapping[str, str],
    payer_reads: Collection[str] = (),
    shared: Collection[str] = SHARED,
) -> None:
    """Nobody gets in by the wrong door, and a stranger cannot tell what is there from what is not.

    `payer_reads`: types of which the payer of this story reads the resource of `ids`, too.
    """
    for line in lines:
        cells = line.cells
        if line.policy.door == "partner":
            assert cells[NOBODY].status == cells[STAFF].status == 401, line
            assert_hidden(line, OTHER, ids, shared=shared)
            assert_hidden(line, PAYER, ids, shared={*shared, *payer_reads})
            if line.method == "GET" and "{id_}" in line.path and line.type in ids:
                assert cells[OURS].status == 200, f"our hub cannot read its own: {line}"
        elif line.policy.door == "staff":
            partners = [cells[who].status for who in (OURS, OTHER, PAYER, NOBODY)]
            assert partners == [401] * 4, line


def assert_hidden(line: Line, who: str, ids: Mapping[str, str], *, shared: Collection[str]) -> None:
    cell = line.cells[who]
    if line.type in shared:
        return
    if line.method == "GET" and cell.absent:
        assert (cell.status, cell.body) == cell.absent, f"{who} sees a difference: {line}"
        assert cell.status == 404, f"{who} gets in: {line}"
    elif line.method == "GET" or line.path.endswith("_search"):
        assert cell.status in (200, 404), f"{who}: {line}"
        told = cell.body.decode()
        leaked = [type_ for type_, id_ in ids.items() if type_ not in shared and id_ in told]
        assert not leaked, f"{who} is told of {leaked}: {line}"
    elif "{" in line.path or who == PAYER:  # another hub may create what is its own
        assert cell.status >= 400, f"{who} may write: {line}"


def as_text(lines: Collection[Line]) -> str:
    """The table to look at, or to compare with the one that was reviewed."""
    return "\n".join(sorted(map(str, lines))) + "\n"
