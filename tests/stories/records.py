"""What the databases and the hubs' own logs say; no test believes the actors."""

import json
from pathlib import Path
from typing import Any

import asyncpg

from deploy.demo.actors import World
from deploy.demo.journey import Journey
from deploy.local.stack import Addresses

Row = Any


async def fetch(at: Addresses, service: str, query: str, *values: Any) -> list[Row]:
    connection = await asyncpg.connect(at.dsn[service])
    try:
        found: list[Row] = await connection.fetch(query, *values)
        return found
    finally:
        await connection.close()


async def told(at: Addresses, service: str, journey: Journey) -> list[str]:
    """The types of the events of the referral's youth, in the order of their numbers."""
    return [row["event_type"] for row in await events(at, service, journey)]


async def events(at: Addresses, service: str, journey: Journey) -> list[Row]:
    """Its youth's events as one service told them, in the order of their numbers."""
    return await fetch(
        at,
        service,
        "SELECT * FROM event WHERE stream_id = $1::uuid ORDER BY sequence",
        journey.youth_id,
    )


async def bodies(at: Addresses, service: str, journey: Journey, event_type: str) -> list[Any]:
    """What its youth's events of one type say."""
    found = await events(at, service, journey)
    return [json.loads(row["body"]) for row in found if row["event_type"] == event_type]


async def state_of(at: Addresses, journey: Journey) -> str:
    query = "SELECT state FROM referral WHERE referral_id = $1::uuid"
    state: str = (await fetch(at, "referral", query, journey.referral_id))[0]["state"]
    return state


async def outcomes(at: Addresses, journey: Journey) -> list[str]:
    """What became of each question to the payer, in order."""
    query = "SELECT outcome FROM eligibility_inquiry WHERE referral_id = $1::uuid ORDER BY number"
    return [row["outcome"] for row in await fetch(at, "referral", query, journey.referral_id)]


async def determined(at: Addresses, journey: Journey) -> list[str]:
    """Every decision about gate 1, in order."""
    query = """
        SELECT outcome FROM eligibility_determination
         WHERE referral_id = $1::uuid ORDER BY recorded_at
    """
    return [row["outcome"] for row in await fetch(at, "referral", query, journey.referral_id)]


async def work_items(at: Addresses, journey: Journey) -> set[str]:
    """What a person still has to look at."""
    query = "SELECT kind FROM work_item WHERE referral_id = $1::uuid AND closed_at IS NULL"
    return {row["kind"] for row in await fetch(at, "referral", query, journey.referral_id)}


async def notes(at: Addresses, journey: Journey) -> list[Row]:
    """The notes of its youth's sessions, in the order in which these began."""
    query = "SELECT * FROM session WHERE youth_id = $1::uuid ORDER BY starts_at, session_id"
    return await fetch(at, "documentation", query, journey.youth_id)


async def note(at: Addresses, session_id: str) -> Row:
    query = "SELECT * FROM session WHERE session_id = $1::uuid"
    return (await fetch(at, "documentation", query, session_id))[0]


async def heard_of(world: World, hub: str, id_: str) -> int:
    """How many notifications the hub's log has about one resource; a repeat counts once."""
    return len(
        {
            (entry["subscription"], event["number"])
            for entry in await world.hub_log(hub)
            if entry["kind"] == "received"
            for event in entry.get("events", ())
            if str(event["focus"]).endswith(f"/{id_}")
        }
    )


async def statuses_read(world: World, hub: str, path: str) -> list[int]:
    """What the hub's log says that each reading of one path was answered."""
    return [
        entry["status"]
        for entry in await world.hub_log(hub)
        if entry["kind"] == "sent" and entry["method"] == "GET" and entry["path"] == path
    ]


def logged(at: Addresses, *texts: str) -> list[str]:
    """The parts whose logs hold any of these texts."""
    return [
        file.name
        for file in Path(at.files["log"]).iterdir()
        if any(text in file.read_text(errors="replace") for text in texts)
    ]
