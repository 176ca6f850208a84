"""One child's goals and sessions at a glance, read as its hub and its supervisor read them.

`python -m deploy.demo.picture REFERRAL [--home FOLDER]`. Goals, plan and sessions come over FHIR
with the hub's own token, the ratings of each session from the supervisor's list of notes. Nothing
is read from a database.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console
from rich.table import Table

from deploy.demo.actors import Json, Refusal, World
from deploy.demo.care import AGENCY_ZONE, SESSIONS, SUPERVISOR
from deploy.demo.one import with_referral
from deploy.local.seed import hubs

BEST_RATING = 4  # of the skill-practice rating, 0 to 4
BARS = "▁▂▄▆█"
MARKS = {"active": "●", "completed": "✓", "cancelled": "✗"}


@dataclass(frozen=True)
class Goal:
    """One goal as the hub reads it; its ratings by session."""

    text: str
    status: str
    achievement: str | None
    ratings: Mapping[str, float]


@dataclass(frozen=True)
class Session:
    """One session as the hub reads it; `units` as the supervisor does."""

    id_: str
    start: datetime
    minutes: int
    units: int | None


@dataclass(frozen=True)
class Picture:
    """What there is to see of one child."""

    title: str
    goals: Sequence[Goal]
    sessions: Sequence[Session]


async def look_at(world: World, referral_id: str) -> Picture:
    """Read all of it. Raises Refusal when its hub reads no plan, goal or session."""
    path = f"/api/referral/referrals/{referral_id}"
    referral = (await world.staff(SUPERVISOR, "GET", path)).body
    hub = next((one["name"] for one in hubs() if one["title"] == referral["organisation"]), None)
    if hub is None:
        raise Refusal("Its hub has no system here that could be asked to read it.")
    about = f"patient=Patient/{referral['youth_id']}"
    paths = (f"CarePlan?{about}&category=assess-plan", f"Goal?{about}", f"Encounter?{about}")
    plans, goals, encounters = [await resources(world, hub, path) for path in paths]
    if not (plans and goals and encounters):
        raise Refusal(f"{hub} reads no plan, no goal or no session of this child yet.")
    answer = await world.staff(SUPERVISOR, "GET", f"{SESSIONS}?state=final")
    ids = {encounter["id"] for encounter in encounters}
    notes = {n["session_id"]: n for n in answer.body["sessions"] if n["session_id"] in ids}
    [plan, *_] = plans
    goals.sort(key=lambda goal: str(goal["description"]["text"]))
    encounters.sort(key=lambda encounter: datetime.fromisoformat(encounter["period"]["start"]))
    return Picture(
        f"{plan['title']} of {referral_id}, {plan['status']} since {plan['period']['start']}",
        [goal_of(goal, notes) for goal in goals],
        [session_of(encounter, notes) for encounter in encounters],
    )


async def resources(world: World, hub: str, path: str) -> list[Json]:
    found = await world.read(hub, path) or {}
    return [entry["resource"] for entry in found.get("entry", ())]


def goal_of(goal: Json, notes: Mapping[str, Json]) -> Goal:
    coding = goal.get("achievementStatus", {}).get("coding") or [{}]
    ratings = {
        id_: cited["value"]
        for id_, note in notes.items()
        for cited in note["goals"]
        if cited["goal_id"] == goal["id"] and cited["value"] is not None
    }
    return Goal(
        goal["description"]["text"], goal["lifecycleStatus"], coding[0].get("code"), ratings
    )


def session_of(encounter: Json, notes: Mapping[str, Json]) -> Session:
    note = notes.get(encounter["id"], {})
    return Session(
        encounter["id"],
        datetime.fromisoformat(encounter["period"]["start"]),
        int(encounter["length"]["value"]),
        note.get("units"),
    )


def drawn(picture: Picture) -> Table:
    """The picture as a table: a column for each session, a row for each goal, highest is best."""
    table = Table(title=picture.title, title_justify="left", show_lines=False)
    table.add_column("goal", max_width=64)
    for session in picture.sessions:
        table.add_column(f"{session.start.astimezone(AGENCY_ZONE):%m-%d %H:%M}", justify="center")
    table.add_column("stands")
    for goal in picture.goals:
        ratings = (goal.ratings.get(session.id_) for session in picture.sessions)
        stands = goal.status
        if goal.achievement and goal.status in ("active", "completed"):
            stands = f"{goal.status}, {goal.achievement}"
        mark = MARKS.get(goal.status, "○")
        table.add_row(f"{mark} {goal.text}", *map(bar, ratings), stands)
    table.add_section()
    lengths = (f"{session.minutes} min" for session in picture.sessions)
    table.add_row("sessions, as the hub reads them", *lengths, "Encounter")
    units = ("-" if one.units is None else f"{one.units} units" for one in picture.sessions)
    table.add_row("units of 15 minutes, for staff alone", *units, "note")
    return table


def bar(rating: float | None) -> str:
    if rating is None:
        return "·"
    return f"{BARS[max(0, min(BEST_RATING, round(rating)))]} {rating:g}"


def main() -> int:
    def show(picture: Picture) -> None:
        Console(width=150).print(drawn(picture))

    return with_referral(__doc__, look_at, show)


if __name__ == "__main__":
    sys.exit(main())
