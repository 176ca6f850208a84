"""What services derived is compared with the producers' events, and made anew from them."""

from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest
import typer

from contracts.codes import ConsentKind, HubService
from contracts.events import ConsentGranted, ConsentRevoked, Event, HubEngaged
from services.chassis import outbox
from services.chassis.db import Connection, Pool, transaction
from services.chassis.envelope import Stream
from services.chassis.fhir import readers
from services.chassis.inbox import Handlers, Inbox
from services.chassis.projections import Moved, rebuild
from services.cli import projections
from services.cli.databases import SERVICES
from services.cli.projections import rebuild_service, replay_service, verify_all
from tests.conftest import OpenDatabase
from tests.postgres import Server

NOW = datetime(2026, 11, 22, 15, tzinfo=UTC)
YOUTHS = [UUID(int=n) for n in (1, 2, 3)]
HUB = uuid4()


class World:
    """A producer "referral" and a consumer "scheduling", each with its own database."""

    def __init__(self, referral: Pool, scheduling: Pool) -> None:
        self.referral, self.scheduling = referral, scheduling
        handlers = Handlers()
        handlers.project(readers.PROJECTION)
        self.told = 0

        @handlers.on(HubEngaged)
        async def act(conn: Connection, event: HubEngaged) -> None:
            """What must happen once: a delivery, a claim."""
            self.told += 1

        self.inbox = Inbox("scheduling", handlers)

    async def tell(self, *events: Event, apply: bool = True) -> None:
        async with transaction(self.referral) as conn:
            for event in events:
                await outbox.append(conn, event, at=NOW)
        if apply:
            for youth in {event.stream_id for event in events}:
                await self.apply(youth)

    async def apply(self, youth: UUID) -> None:
        async with transaction(self.referral) as conn:
            found = await outbox.events_after(conn, Stream(youth, "referral"), 0)
        await self.inbox.receive(self.scheduling, found)

    async def readers(self) -> list[tuple[object, ...]]:
        rows = await self.scheduling.fetch(
            "SELECT stream_id, organisation_id, reads::text, released, value FROM reader ORDER BY 1"
        )
        return [tuple(row) for row in rows]


@pytest.fixture
async def world(
    open_database: OpenDatabase, server: Server, monkeypatch: pytest.MonkeyPatch
) -> World:
    pools = {}
    for service in SERVICES:
        monkeypatch.setenv(f"WAYPOST_{service.upper()}_DSN", server.dsn(f"of_{service}"))
        pools[service] = await open_database(f"of_{service}")
    world = World(pools["referral"], pools["scheduling"])
    silent = Inbox("nobody", Handlers())
    monkeypatch.setattr(
        projections, "inbox_of", lambda name: world.inbox if name == "scheduling" else silent
    )
    for youth in YOUTHS:
        await world.tell(engaged(youth), granted(youth))
    await world.tell(revoked(YOUTHS[2]))
    return world


def engaged(youth: UUID) -> HubEngaged:
    service = HubService.OUTPATIENT_THERAPY
    return HubEngaged(
        youth_id=youth, organisation_id=HUB, hub_service=service, effective=date(2026, 11, 1)
    )


def granted(youth: UUID) -> ConsentGranted:
    return ConsentGranted(
        youth_id=youth, kind=ConsentKind.ROI_HUB, organisation_id=HUB, effective_at=NOW
    )


def revoked(youth: UUID) -> ConsentRevoked:
    return ConsentRevoked(
        youth_id=youth, kind=ConsentKind.ROI_HUB, organisation_id=HUB, effective_at=NOW
    )


async def test_a_projection_that_was_lost_is_as_before(world: World) -> None:
    await world.scheduling.execute("UPDATE reader SET value = 'number of the hub'")
    before, acts = await world.readers(), world.told
    await world.scheduling.execute("UPDATE reader SET reads = '{}', released = true")
    await world.scheduling.execute("DELETE FROM reader_part")

    found = await rebuild_service("scheduling", dry_run=False)

    assert await world.readers() == before
    assert [stream for _, stream in found.differed] == YOUTHS
    assert world.told == acts  # nothing was done again
    assert await world.scheduling.fetchval("SELECT count(*) FROM audit") == 1


async def test_a_right_projection_is_found_right(world: World) -> None:
    found = await rebuild_service("scheduling", dry_run=False)

    assert (found.streams, found.differed) == (3, [])


async def test_a_dry_run_names_what_differs_and_changes_nothing(world: World) -> None:
    await world.scheduling.execute(
        "UPDATE reader SET released = true WHERE stream_id = $1", YOUTHS[2]
    )
    wrong = await world.readers()

    found = await rebuild_service("scheduling", dry_run=True)

    assert [stream for _, stream in found.differed] == [YOUTHS[2]]
    assert await world.readers() == wrong


async def test_only_what_a_consumer_has_applied_is_applied_again(world: World) -> None:
    await world.tell(revoked(YOUTHS[0]), apply=False)

    found = await rebuild_service("scheduling", dry_run=False)

    assert found.is_right


async def test_a_stream_that_went_on_meanwhile_is_not_overwritten(world: World) -> None:
    async with transaction(world.referral) as conn:
        told = {"referral": await outbox.events_after(conn, Stream(YOUTHS[0], "referral"), 0)}
    await world.tell(revoked(YOUTHS[0]))

    with pytest.raises(Moved):
        async with transaction(world.scheduling) as conn:
            await rebuild(conn, "scheduling", readers.PROJECTION, YOUTHS[0], told)


async def test_verify_finds_what_is_wrong_and_only_that(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await verify_all() == 0

    await world.referral.execute("UPDATE stream SET last_sequence = last_sequence + 2")
    assert await verify_all() == 6  # six numbers that no event has
    await world.referral.execute("UPDATE stream SET last_sequence = last_sequence - 2")
    await world.scheduling.execute(
        "UPDATE inbox_cursor SET last_sequence = 9 WHERE stream_id = $1", YOUTHS[1]
    )
    assert await verify_all() == 2  # ahead of its producer, and so not to be compared
    assert "busy" in capsys.readouterr().out


async def test_a_replay_is_sent_again_and_dropped_by_who_has_it(world: World) -> None:
    await world.referral.execute("UPDATE event SET published_at = now()")
    before, acts = await world.readers(), world.told

    count = await replay_service("referral", YOUTHS[0], "a subscriber was restored", per_second=1)

    again = await world.referral.fetch("SELECT stream_id FROM event WHERE published_at IS NULL")
    assert (count, {row["stream_id"] for row in again}) == (2, {YOUTHS[0]})
    await world.apply(YOUTHS[0])
    assert (await world.readers(), world.told) == (before, acts)


def test_a_replay_says_why() -> None:
    with pytest.raises(typer.BadParameter, match="Say why"):
        projections.replay("referral", reason=" ")
