"""The matrix of routes and principals is closed for a right service, and red for each leak."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from fastapi import Request, Response

from contracts.codes import PartnerKind
from services.chassis.auth import Partner
from services.chassis.db import Connection, Pool
from services.chassis.fhir.outcome import refusal
from services.chassis.fhir.server import FhirRouter, Match, Resource, Search
from tests.chassis.fhir.conftest import add_basic
from tests.security import matrix
from tests.security.world import World, open_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

ID = "5a9e0c1e-0000-4000-8000-00000000bbbb"
LEAK: Resource = {"resourceType": "Leak", "id": ID}


async def test_a_right_service_is_closed(world: World, ours: UUID) -> None:
    ids = {"Basic": str(await add_basic(world.pool, ours))}

    lines = await matrix.ask_everybody(world, ids=ids)

    matrix.assert_closed(lines, ids=ids)
    assert "GET /fhir/Basic/{id_}: our hub=200 other hub=404 payer=404 staff=401 nobody=401" in (
        matrix.as_text(lines)
    )


def read_by_anybody(fhir: FhirRouter) -> None:
    @fhir.read("Leak", kinds={PartnerKind.HUB})
    async def read(conn: Connection, partner: Partner, id_: str, *, on: date) -> Resource | None:
        return LEAK if id_ == ID else None


def read_by_payers(fhir: FhirRouter) -> None:
    @fhir.read("Leak", kinds=frozenset(PartnerKind))
    async def read(conn: Connection, partner: Partner, id_: str, *, on: date) -> Resource | None:
        return LEAK if id_ == ID and partner.client_id != "other-hub" else None


def found_by_anybody(fhir: FhirRouter) -> None:
    @fhir.search("Leak", {}, kinds={PartnerKind.HUB})
    async def search(conn: Connection, partner: Partner, search: Search) -> Sequence[Match]:
        return [Match(LEAK, datetime.now(UTC), ID)]


def written_by_anybody(fhir: FhirRouter) -> None:
    @fhir.write("POST", "/fhir/Leak", scope="Leak.c", kinds=frozenset(PartnerKind))
    async def write(request: Request, partner: Partner) -> Response:
        return Response(status_code=201)


def told_apart(fhir: FhirRouter) -> None:
    """404 for both, in other words: an oracle."""

    @fhir.read("Leak", kinds={PartnerKind.HUB})
    async def read(conn: Connection, partner: Partner, id_: str, *, on: date) -> Resource | None:
        if id_ == ID and partner.client_id == "our-hub":
            return LEAK
        raise refusal(404, "Not yours." if id_ == ID else "Not there.")


LEAKS = [read_by_anybody, read_by_payers, found_by_anybody, written_by_anybody, told_apart]


@pytest.fixture(params=LEAKS, ids=lambda leak: leak.__name__)
def leak(request: pytest.FixtureRequest) -> Callable[[FhirRouter], None]:
    found: Callable[[FhirRouter], None] = request.param
    return found


async def test_each_kind_of_leak_turns_the_matrix_red(
    world: World, leak: Callable[[FhirRouter], None]
) -> None:
    async with leaking(world.pool, leak) as other:
        lines = await matrix.ask_everybody(other, ids={"Leak": ID})

    with pytest.raises(AssertionError):
        matrix.assert_closed(lines, ids={"Leak": ID})


def leaking(pool: Pool, leak: Callable[[FhirRouter], None]) -> AbstractAsyncContextManager[World]:
    fhir = FhirRouter()
    leak(fhir)
    return open_world("documentation", pool, doors=[fhir])
