"""The checker, seen red: each wrong is planted in four databases that are otherwise right."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import asyncpg
import pytest

from deploy.demo.account import Wrongs
from deploy.demo.account.streams import HEARD_BY, compare
from tests.conftest import OpenDatabase
from tests.postgres import Server

EXAMPLES = Path(__file__).parents[2] / "contracts/examples"
SERVICES = ("referral", "scheduling", "documentation", "notifications")
YOUTH = UUID(int=7)
STORY = (
    ("referral", "ReferralReceived.v1", None),
    ("referral", "EligibilityConfirmed.v1", None),
    ("scheduling", "ReferralWaitlisted.v1", 1),
    ("scheduling", "MentorAssigned.v1", None),
    ("referral", "ReferralStatusChanged.v1", 2),
    ("referral", "AttestationRecorded.v1", None),
    ("scheduling", "EpisodeOpened.v1", 5),
    ("scheduling", "AppointmentBooked.v1", None),
    ("documentation", "SessionLogged.v1", None),
    ("referral", "ConsentGranted.v1", 8),
)


class Four:
    """Four databases in which one youth's story was told and heard; hubs' logs beside them."""

    def __init__(self, databases: dict[str, Any]) -> None:
        self.databases = databases
        self.hubs: dict[str, list[Any]] = {"riverbend": []}

    async def run(self, service: str, query: str, *values: Any) -> None:
        await self.databases[service].execute(query, *values)

    async def tell(
        self, service: str, type_: str, cause: int | None, id_: UUID, number: int, **changes: Any
    ) -> None:
        """One event, as `outbox.append` stores it. `cause`: the place in the story of its cause."""
        body = json.loads((EXAMPLES / f"{type_}.json").read_text()) | changes
        headers = {"ce_subject": str(id_)}
        if cause is not None:
            headers["ce_causationid"] = str(id_of(cause))
            headers["ce_subject"] = str(YOUTH)
        await self.run(
            service,
            """
            WITH told AS (
                INSERT INTO stream (stream_id, last_sequence) VALUES ($1, $2)
                    ON CONFLICT (stream_id) DO UPDATE SET last_sequence = $2
            )
            INSERT INTO event (event_id, event_type, stream_id, sequence, headers, body,
                               occurred_at)
            VALUES ($3, $4, $1, $2, $5, $6, now())
            """,
            *(YOUTH, number, id_, type_, json.dumps(headers), json.dumps(body).encode()),
        )

    async def hear(self, listener: str, producer: str, number: int, last: UUID) -> None:
        await self.run(
            listener,
            """
            INSERT INTO inbox_cursor (consumer, stream_id, producer, last_sequence, last_event_id)
            VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (consumer, stream_id, producer)
                DO UPDATE SET last_sequence = $4, last_event_id = $5
            """,
            *(listener, YOUTH, producer, number, last),
        )

    async def be_told_and_heard(self) -> None:
        numbers = dict.fromkeys(SERVICES, 0)
        last = {}
        for place, (service, type_, cause) in enumerate(STORY):
            numbers[service] += 1
            last[service] = id_of(place)
            await self.tell(service, type_, cause, id_of(place), numbers[service])
        for producer in last:
            await catch_up(self, producer, numbers[producer], last[producer])
        await self.hold()
        await self.send(1)
        await self.send(2, about=2)
        await self.send(4)

    async def hold(self) -> None:
        """What the listeners make of the story, so far as the checker looks for it."""
        ids: dict[str, str] = {}
        for _, type_, _ in STORY:
            ids |= json.loads((EXAMPLES / f"{type_}.json").read_text())
        referral, assignment = UUID(ids["referral_id"]), UUID(ids["assignment_id"])
        episode, appointment = UUID(ids["episode_id"]), UUID(ids["appointment_id"])
        for service, query, *values in (
            ("scheduling", "INSERT INTO youth VALUES ($1)", YOUTH),
            ("scheduling", REQUEST, referral, YOUTH),
            (
                "scheduling",
                "INSERT INTO gate_one (referral_id, youth_id, stands) VALUES ($1, $2, true)",
                *(referral, YOUTH),
            ),
            ("documentation", "INSERT INTO referral VALUES ($1, $2, $2)", referral, YOUTH),
            (
                "documentation",
                "INSERT INTO assignment VALUES ($1, $2, $3, $3, $3, current_date)",
                *(assignment, referral, YOUTH),
            ),
            (
                "documentation",
                "INSERT INTO episode VALUES ($1, $2, $3, current_date)",
                *(episode, referral, YOUTH),
            ),
            (
                "documentation",
                "INSERT INTO appointment VALUES ($1, $2, $3, now(), now(), 'booked')",
                *(appointment, episode, YOUTH),
            ),
            ("notifications", "INSERT INTO referral_sender VALUES ($1, $2, $2)", referral, YOUTH),
            ("notifications", SUBSCRIPTION, UUID(int=11), YOUTH),
        ):
            await self.run(service, query, *values)

    async def send(self, number: int, *, about: int = 1, told: bool = True) -> None:
        """A notification under this number, which the hub has had unless `told` is false."""
        await self.run(
            "notifications",
            """
            INSERT INTO delivery (delivery_id, subscription_id, kind, youth_id, event_id, focus,
                                  occurred_at, state, first_number)
            VALUES ($1, $2, 'event-notification', $3, $1, $4, now(), 'delivered', $5)
            """,
            *(message(number), UUID(int=11), YOUTH, json.dumps(["Task"] * about), number),
        )
        if told:
            self.hub_hears(message(number), *range(number, number + about))

    def hub_hears(self, webhook: UUID, *numbers: int) -> None:
        entry = {
            "kind": "received",
            "answered": 200,
            "subscription": f"Subscription/{UUID(int=11)}",
        }
        events = [{"number": number, "focus": "Task/1"} for number in numbers]
        self.hubs["riverbend"].append(entry | {"webhook_id": str(webhook), "events": events})

    async def wrongs(self) -> Wrongs:
        return await compare(self.databases, self.hubs)


REQUEST = """
    INSERT INTO request (referral_id, youth_id, version, organisation_id, priority, received_on,
                         languages, interpreter_needed, windows)
    VALUES ($1, $2, 1, $2, 'routine', current_date, '{}', false, '[]')
"""
SUBSCRIPTION = """
    INSERT INTO subscription (subscription_id, client_id, organisation_id, topic, status, resource,
                              endpoint, headers, timeout_seconds)
    VALUES ($1, 'riverbend', $2, 'referral-progress', 'active', '{}',
            'http://127.0.0.1:9/hubs/riverbend/hook', '{}', 20)
"""


def id_of(place: int) -> UUID:
    return uuid5(YOUTH, f"event {place}")


def message(number: int) -> UUID:
    return uuid5(YOUTH, f"message {number}")


@pytest.fixture
async def four(open_service_database: OpenDatabase, server: Server) -> AsyncIterator[Four]:
    """Everything in transactions that are rolled back: nobody has to clean up."""
    async with AsyncExitStack() as stack:
        databases = {}
        for service in SERVICES:
            await open_service_database(service)
            connection = await asyncpg.connect(server.dsn(f"test_{service}"))
            stack.push_async_callback(connection.close)
            await connection.execute("BEGIN")
            databases[service] = connection
        four = Four(databases)
        await four.be_told_and_heard()
        yield four


async def test_a_story_that_was_heard_as_it_was_told_has_no_wrong(four: Four) -> None:
    assert await four.wrongs() == Wrongs()
    assert not await four.wrongs()
    assert str(await four.wrongs()) == "lost 0, twice 0, out of order 0"


async def test_a_message_that_reached_a_hub_again_under_its_number_is_a_repeat(four: Four) -> None:
    four.hub_hears(message(1), 1)

    assert await four.wrongs() == Wrongs()


Plant = Callable[[Four], Awaitable[None]]


async def cursor_behind(four: Four) -> None:
    await four.hear("documentation", "scheduling", 3, id_of(6))


async def never_heard(four: Four) -> None:
    await four.run("notifications", "DELETE FROM inbox_cursor WHERE producer = 'documentation'")


async def cursor_moved_without_effect(four: Four) -> None:
    await four.run("documentation", "DELETE FROM appointment")


async def cursor_behind_and_no_effect(four: Four) -> None:
    await cursor_behind(four)
    await cursor_moved_without_effect(four)


async def hole_in_the_log(four: Four) -> None:
    await four.run("referral", "DELETE FROM event WHERE sequence = 4")


async def given_up(four: Four) -> None:
    await four.run(
        "scheduling",
        """
        INSERT INTO inbox_skipped (consumer, stream_id, producer, sequence, event_id, event_type,
                                   reason, skipped_by, because)
        VALUES ('scheduling', $1, 'referral', 4, $2, 'AttestationRecorded.v1', 'X', 'me', 'why')
        """,
        *(YOUTH, id_of(5)),
    )


async def delivered_by_our_word_alone(four: Four) -> None:
    await four.send(5, told=False)


async def number_never_given(four: Four) -> None:
    await four.send(6)


async def number_given_to_nobody_in_the_middle(four: Four) -> None:
    await four.run("notifications", "DELETE FROM delivery WHERE first_number = 2")


LOST: dict[Plant, int] = {
    cursor_behind: 1,
    never_heard: 1,
    cursor_moved_without_effect: 1,
    cursor_behind_and_no_effect: 1,  # one event, missed once
    hole_in_the_log: 1,
    given_up: 1,
    delivered_by_our_word_alone: 1,
    number_never_given: 1,
    number_given_to_nobody_in_the_middle: 2,
}


@pytest.mark.parametrize(
    ("plant", "number"), LOST.items(), ids=lambda one: getattr(one, "__name__", "")
)
async def test_what_is_lost_is_counted(four: Four, plant: Plant, number: int) -> None:
    await plant(four)

    assert await four.wrongs() == Wrongs(lost=number)


async def handled_twice(four: Four) -> None:
    """The attestation was handled again: the same cause has told the same of the same youth."""
    await four.tell("scheduling", "EpisodeOpened.v1", 5, UUID(int=50), 5, episode_id=str(YOUTH))
    await catch_up(four, "scheduling", 5, UUID(int=50))
    await four.run("documentation", "INSERT INTO episode VALUES ($1, $1, $1, current_date)", YOUTH)


async def told_twice_as_new(four: Four) -> None:
    await four.tell("documentation", "SessionLogged.v1", None, UUID(int=50), 2)
    await catch_up(four, "documentation", 2, UUID(int=50))


async def number_given_to_two_events(four: Four) -> None:
    await four.hear("documentation", "scheduling", 4, UUID(int=99))


async def one_message_under_two_numbers(four: Four) -> None:
    four.hub_hears(message(1), 9)


async def two_messages_under_one_number(four: Four) -> None:
    four.hub_hears(UUID(int=99), 4)


async def one_event_in_two_messages(four: Four) -> None:
    await four.run("notifications", "ALTER TABLE delivery DROP CONSTRAINT delivery_is_added_once")
    await four.send(5)
    query = "UPDATE delivery SET event_id = $1 WHERE first_number = 5"
    await four.run("notifications", query, message(4))


TWICE: tuple[Plant, ...] = (
    handled_twice,
    told_twice_as_new,
    number_given_to_two_events,
    one_message_under_two_numbers,
    two_messages_under_one_number,
    one_event_in_two_messages,
)


@pytest.mark.parametrize("plant", TWICE)
async def test_what_was_done_twice_is_counted(four: Four, plant: Plant) -> None:
    await plant(four)

    assert await four.wrongs() == Wrongs(twice=1)


async def effect_before_an_earlier_effect(four: Four) -> None:
    """Scheduling answers the fourth event of referral, then the first."""
    await four.tell("scheduling", "ReferralWaitlisted.v1", 0, UUID(int=50), 5)
    await catch_up(four, "scheduling", 5, UUID(int=50))


async def cursor_ahead(four: Four) -> None:
    await four.hear("documentation", "scheduling", 9, UUID(int=99))


async def number_after_a_higher_one(four: Four) -> None:
    await four.send(6)
    await four.send(5)


async def stored_against_its_number(four: Four) -> None:
    await four.run("documentation", "UPDATE event SET sequence = 2")
    await four.tell("documentation", "GoalAdded.v1", None, UUID(int=50), 1)
    await four.run("documentation", "UPDATE stream SET last_sequence = 2")
    await catch_up(four, "documentation", 2, id_of(8))


OUT_OF_ORDER: tuple[Plant, ...] = (
    effect_before_an_earlier_effect,
    cursor_ahead,
    number_after_a_higher_one,
    stored_against_its_number,
)


@pytest.mark.parametrize("plant", OUT_OF_ORDER)
async def test_what_is_out_of_order_is_counted(four: Four, plant: Plant) -> None:
    await plant(four)

    assert await four.wrongs() == Wrongs(out_of_order=1)


async def test_an_event_that_was_refused_is_said_to_be_held(four: Four) -> None:
    await four.run(
        "scheduling",
        """
        INSERT INTO inbox_waiting (consumer, stream_id, producer, sequence, event_id, event_type,
                                   headers, body, occurred_at, reason)
        VALUES ('scheduling', $1, 'referral', 9, $1, 'X.v1', '{}', '', now(), 'NotYet')
        """,
        YOUTH,
    )

    assert await four.wrongs() == Wrongs(held=1)
    assert str(await four.wrongs()).endswith(", held 1")


async def catch_up(four: Four, producer: str, number: int, last: UUID) -> None:
    for listener in HEARD_BY[producer]:
        await four.hear(listener, producer, number, last)
