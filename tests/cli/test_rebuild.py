"""What documentation and notifications were told is lost, and made anew from the event tables."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import partial
from uuid import UUID, uuid4

import pytest

from contracts.codes import HubService
from contracts.events import (
    AssignmentEnded,
    CoverageLapsed,
    EligibilityConfirmed,
    Event,
    HubDisengaged,
    HubEngaged,
    MentorAssigned,
    MentorStandingChanged,
    ReferralReceived,
)
from services.chassis import outbox
from services.chassis.db import Pool, transaction
from services.chassis.envelope import Stream
from services.cli.databases import SERVICES
from services.cli.inboxes import inbox_of
from services.cli.projections import rebuild_service, verify_all
from tests.conftest import OpenDatabase
from tests.postgres import Server

NOW = datetime(2026, 11, 22, 3, 30, tzinfo=UTC)  # the day before in New York
YOUTHS = [UUID(int=n) for n in (1, 2)]
HUB, PAYER = uuid4(), uuid4()
ACTS = ("work", "event", "inbox_waiting")  # what a delivery or a claim would need
TOLD = {
    "documentation": (
        *("referral", "hub_engagement", "eligibility_window", "mentor_standing", "assignment"),
        "reader",
    ),
    "notifications": ("referral_sender", "reader"),
}


class World:
    """Producers with their event tables, and a real consumer of both."""

    def __init__(self, service: str, pool: Pool, producers: dict[str, Pool]) -> None:
        self.service, self.pool, self.producers = service, pool, producers

    async def hear(self, producer: str, *events: Event) -> None:
        pool = self.producers[producer]
        async with transaction(pool) as conn:
            for event in events:
                await outbox.append(conn, event, at=NOW)
        for youth in sorted({event.stream_id for event in events}):
            async with transaction(pool) as conn:
                found = await outbox.events_after(conn, Stream(youth, producer), 0)
            await inbox_of(self.service).receive(self.pool, found)

    async def rows(self, tables: Sequence[str]) -> list[object]:
        found: list[object] = []
        for table in tables:
            sql = f"SELECT to_jsonb(t)::text FROM {table} t ORDER BY 1"  # noqa: S608
            found.append([row[0] for row in await self.pool.fetch(sql)])
        return found


@pytest.fixture(params=TOLD)
async def world(
    request: pytest.FixtureRequest,
    open_database: OpenDatabase,
    open_service_database: OpenDatabase,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    service: str = request.param
    others = {name: await open_database(f"of_{name}") for name in SERVICES if name != service}
    for name in SERVICES:
        database = f"test_{service}" if name == service else f"of_{name}"
        monkeypatch.setenv(f"WAYPOST_{name.upper()}_DSN", server.dsn(database))
    world = World(service, await open_service_database(service), others)
    for youth in YOUTHS:
        await world.hear("referral", *by_referral(youth))
        await world.hear("scheduling", *by_scheduling(youth))
    assert not await world.pool.fetchval("SELECT count(*) FROM inbox_waiting")
    return world


def by_referral(youth: UUID) -> list[Event]:
    service = HubService.OUTPATIENT_THERAPY
    hub = partial(HubEngaged, youth_id=youth, organisation_id=HUB, hub_service=service)
    gone = partial(HubDisengaged, youth_id=youth, organisation_id=HUB, hub_service=service)
    referral = {"youth_id": youth, "referral_id": referral_of(youth), "hub_service": service}
    return [
        ReferralReceived.model_validate(
            {**referral, "organisation_id": HUB, "received_on": "2026-11-01"}
        ),
        hub(effective=date(2026, 11, 1)),
        gone(effective=date(2026, 12, 1)),
        hub(effective=date(2026, 12, 9)),
        EligibilityConfirmed.model_validate(
            {
                **referral,
                "determination_id": uuid4(),
                "payer": PAYER,
                "product": "standard",
                "valid_from": "2026-11-01",
                "valid_to": "2027-04-30",
                "checks": (),
                "rule_pack_version": "1",
            }
        ),
        CoverageLapsed(youth_id=youth, payer=PAYER, effective=date(2027, 2, 1)),
    ]


def by_scheduling(youth: UUID) -> list[Event]:
    ids: dict[str, object] = {"youth_id": youth, "referral_id": referral_of(youth)}
    ids |= {
        "assignment_id": uuid4(),
        "mentor_id": uuid4(),
        "supervisor_id": uuid4(),
        "standing_until": None,
    }
    changed = {"supervisor_id": uuid4(), "effective": "2026-12-01", "standing": True}
    ended = {"reason": "mentor_left", "effective": "2027-01-02"}
    return [
        MentorAssigned.model_validate(ids),
        MentorStandingChanged.model_validate({**ids, **changed}),
        AssignmentEnded.model_validate({**ids, **ended}),
    ]


def referral_of(youth: UUID) -> UUID:
    return UUID(int=youth.int + 100)


async def test_what_was_lost_is_as_before_and_nothing_is_done_again(world: World) -> None:
    told, acts = await world.rows(TOLD[world.service]), await world.rows(ACTS)
    for table in TOLD[world.service]:
        await world.pool.execute(f"DELETE FROM {table}")  # noqa: S608

    found = await rebuild_service(world.service, dry_run=False)

    assert {stream for _, stream in found.differed} == set(YOUTHS)
    assert await world.rows(TOLD[world.service]) == told
    assert all(told)
    assert await world.rows(ACTS) == acts


async def test_what_is_there_too_much_goes(world: World) -> None:
    told = await world.rows(TOLD[world.service])
    table = TOLD[world.service][0]
    sql = f"INSERT INTO {table} (referral_id, youth_id, organisation_id) VALUES ($1, $2, $3)"  # noqa: S608
    await world.pool.execute(sql, uuid4(), YOUTHS[1], HUB)

    assert await verify_all() == 1
    await rebuild_service(world.service, dry_run=False)

    assert await world.rows(TOLD[world.service]) == told
    assert await verify_all() == 0
