"""Four databases in which one youth's story was told and heard."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from deploy.demo.account import Wrongs
from deploy.demo.account.streams import HEARD_BY, compare

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

    async def send(
        self, number: int, *, about: int = 1, told: bool = True, along_with: int | None = None
    ) -> None:
        """Something to tell under this number, which the hub has had unless `told` is false.

        In a notification of its own; or in the one of another number, and then nobody else hears.
        """
        await self.run(
            "notifications",
            """
            INSERT INTO delivery (delivery_id, subscription_id, kind, youth_id, event_id, focus,
                                  occurred_at, state, first_number, sent_with)
            VALUES ($1, $2, 'event-notification', $3, $1, $4, now(), 'delivered', $5, $6)
            """,
            *(message(number), UUID(int=11), YOUTH, json.dumps(["Task"] * about), number),
            message(along_with) if along_with else None,
        )
        if told and not along_with:
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


async def catch_up(four: Four, producer: str, number: int, last: UUID) -> None:
    for listener in HEARD_BY[producer]:
        await four.hear(listener, producer, number, last)
