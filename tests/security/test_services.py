"""The four services as they are wired: every route by everybody, and the table that was reviewed.

`routes.txt` says who may use what. A change of it is a reviewed act:
`python -m tests.security.test_services` writes it anew.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

import pytest

from services.chassis.db import Pool
from services.chassis.doors import policy_of, routes_of
from services.chassis.process import Service
from tests.security import matrix
from tests.security.world import SERVICES, World, open_world, settings

REVIEWED = Path(__file__).with_name("routes.txt")

OpenDatabase = Callable[[str], Awaitable[Pool]]


def service_of(name: str) -> Service:
    """A service as its `app.py` wires it, with settings from an environment of the test's own."""
    values = settings().model_dump(mode="json", exclude_none=True)
    values["kafka_servers"] = "nowhere:9092"
    environment = {f"WAYPOST_{key.upper()}": str(value) for key, value in values.items()}
    with patch.dict(os.environ, environment):
        found: Service = import_module(f"services.{name}.app").service()
    return found


@asynccontextmanager
async def wired(name: str, pool: Pool) -> AsyncIterator[World]:
    service = service_of(name)
    doors, internal = service.doors, service.internal
    async with open_world(name, pool, doors=doors, internal=internal) as world:
        yield world


def routes() -> str:
    """Each route of each service: method, path, door, who, scope."""
    lines = []
    for name in SERVICES:
        service = service_of(name)
        for router in (*service.doors, *service.internal):
            for route in routes_of(router):
                policy = policy_of(route)
                assert policy is not None, route
                methods, path = sorted(getattr(route, "methods", ())), getattr(route, "path", "")
                who = ",".join(sorted(map(str, policy.allowed))) or "everybody"
                told = (name, *methods, path, policy.door, who, policy.scope or "-")
                lines.append("  ".join(map(str, told)))
    return "\n".join(sorted(lines)) + "\n"


@pytest.mark.parametrize("name", SERVICES)
async def test_no_route_of_a_service_is_open_to_the_wrong_door(
    name: str, open_service_database: OpenDatabase
) -> None:
    pool = await open_service_database(name)
    async with wired(name, pool) as world:
        lines = await matrix.ask_everybody(world, ids={})

    assert lines
    matrix.assert_closed(lines, ids={})
    assert not [line for line in lines for cell in line.cells.values() if cell.status >= 500]


@pytest.mark.parametrize("name", SERVICES)
async def test_internal_routes_are_on_the_ops_port_alone(
    name: str, open_service_database: OpenDatabase
) -> None:
    pool = await open_service_database(name)
    async with wired(name, pool) as world:
        for route in routes_of(world.apps[1]):
            path = matrix.filled(str(getattr(route, "path", "")), matrix.ABSENT_ID)
            outside = await world.public.get(path, headers=world.peer("documentation"))
            unasked = await world.ops.get(path)

            policy = policy_of(route)
            assert policy is not None
            assert outside.status_code == 404, path
            assert unasked.status_code == 401 or policy.door == "public", path


def test_who_may_use_what_is_as_reviewed() -> None:
    assert routes() == REVIEWED.read_text()


if __name__ == "__main__":
    REVIEWED.write_text(routes())
