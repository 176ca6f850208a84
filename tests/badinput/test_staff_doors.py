"""Seeded nonsense at every route of staff: refused with a sentence, and a refusal changes nothing.

The bodies are made from each route's own model, with ids that are there, and then bent.
"""

import json
import os
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from contracts.codes import Role
from services.chassis.db import Pool
from services.chassis.doors import policy_of, routes_of
from services.documentation.api.staff import staff as documentation_staff
from services.notifications.api.preferences import staff as notifications_staff
from services.referral.api.staff import staff as referral_staff
from services.scheduling.api.staff import staff as scheduling_staff
from tests.badinput.test_corpora import mutated
from tests.conftest import OpenDatabase
from tests.documentation.builders import Child, Mentor, begin, session
from tests.documentation.conftest import rig
from tests.documentation.rig import Rig
from tests.referral.desk import Office, refer
from tests.referral.rig import Hub
from tests.scheduling import builders as scheduling
from tests.security.world import World, open_world

__all__ = ["rig"]
SEED = int(os.environ.get("SEED", "20261122"))
MUTATIONS = int(os.environ.get("STAFF_MUTATIONS", "150"))
ABSENT = "00000000-0000-4000-8000-00000000dead"
ODD_IDS = (ABSENT, "x", "%00", "..%2f..", "1" * 300, "null")
ROLES = tuple(Role)


@dataclass
class Drawn:
    """Routes and bodies of one service, by one seed."""

    draw: random.Random
    known: Sequence[str]  # ids that are there
    routes: list[tuple[str, str, type[BaseModel] | None]] = field(default_factory=list)

    def request(self) -> tuple[str, str, bytes]:
        method, path, model = self.draw.choice(self.routes)
        query = self.draw.choice(("", "", "?state=signed", "?from=x&limit=-1", "?%00=%ff", "?a=b"))
        path = re.sub(r"\{[^}]+\}", lambda _: self.an_id(), path) + query
        if model is None:
            return method, path, self.draw.choice((b"", b"{}", b"[]", b"{"))
        return method, path, self.body(model)

    def an_id(self) -> str:
        return self.draw.choice(self.known if self.draw.random() < 0.7 else ODD_IDS)

    def body(self, model: type[BaseModel]) -> bytes:
        schema = model.model_json_schema()
        good = self.value(schema, schema.get("$defs", {}))
        act = self.draw.random()
        if act < 0.1:
            return self.draw.choice((b"", b"null", b"[]", b"{", b'"x"', b"[" * 20_000, b"\xff"))
        return json.dumps(mutated(self.draw, good) if act < 0.7 else good).encode()

    def value(self, schema: Mapping[str, Any], known: Mapping[str, Any]) -> Any:
        """Something that this schema allows, more or less."""
        if "$ref" in schema:
            return self.value(known[schema["$ref"].rpartition("/")[2]], known)
        for several in ("anyOf", "oneOf", "allOf"):
            if several in schema:
                return self.value(self.draw.choice(schema[several]), known)
        if "const" in schema or "enum" in schema:
            return self.draw.choice(schema.get("enum") or [schema["const"]])
        kind = schema.get("type")
        if kind == "object":
            fields = schema.get("properties", {})
            return {name: self.value(inner, known) for name, inner in fields.items()}
        if kind == "array":
            return [self.value(schema.get("items", {}), known) for _ in range(1)]
        if kind in ("integer", "number"):
            return self.draw.choice((0, 1, 4, -1, 10**30))
        if kind == "boolean":
            return self.draw.random() < 0.5
        return None if kind == "null" else self.text(str(schema.get("format", "")))

    def text(self, kind: str) -> str:
        return {
            "uuid": self.draw.choice(self.known),
            "date": self.draw.choice(("2026-11-19", "0001-01-01", "9999-12-31")),
            "date-time": self.draw.choice(("2026-12-01T16:00:00-05:00", "9999-12-31T23:59:59Z")),
            "time": "16:00",
        }.get(kind) or self.draw.choice(("a reason", "", "\x00", "\ud800", "x" * 5_000, "=1+1"))


def drawn(world: World, known: Sequence[str]) -> Drawn:
    found = Drawn(random.Random(SEED), known)
    for route in routes_of(world.apps[0]):
        policy = policy_of(route)
        assert policy
        if policy.door == "staff":
            body = getattr(getattr(route, "body_field", None), "field_info", None)
            model = getattr(body, "annotation", None)
            for method in sorted(getattr(route, "methods", ())):
                found.routes.append((method, str(getattr(route, "path", "")), model))
    return found


async def knock(world: World, known: Sequence[str]) -> None:
    at = drawn(world, known)
    assert at.routes
    for number in range(MUTATIONS):
        method, path, body = at.request()
        before = await counts(world.pool)

        sent = world.staff(*ROLES) | {"content-type": "application/json"}
        answer = await world.public.request(method, path, content=body, headers=sent)

        what = f"SEED={SEED} mutation {number}: {method} {path[:80]} {body[:300]!r}"
        assert answer.status_code < 500, what
        if answer.status_code >= 400:
            assert re.fullmatch(r"\S+ .*[.?]", answer.json()["message"], re.S), answer.text
            assert await counts(world.pool) == before, what


async def counts(pool: Pool) -> dict[str, int]:
    """Rows by table; an access is on record, a refused one too."""
    rows = await pool.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'audit'"
    )
    tables = [row["tablename"] for row in rows]
    columns = [f'(SELECT count(*) FROM "{table}") AS "{table}"' for table in tables]  # noqa: S608
    return dict(await pool.fetchrow(f"SELECT {', '.join(columns)}") or {})


async def test_staff_of_referral(office: Office, riverbend: Hub) -> None:
    ours = await refer(riverbend)
    known = [ours.referral_id, ours.youth_id, ours.task_id, str(riverbend.organisation_id)]
    async with open_world(
        "referral", office.pool, doors=[referral_staff], clock=office.clock
    ) as world:
        await knock(world, known)


async def test_staff_of_scheduling(open_service_database: OpenDatabase) -> None:
    pool = await open_service_database("scheduling")
    await scheduling.register(pool, scheduling.make_mentor(max_hours=60))
    child, waiting = scheduling.Child(pool), scheduling.Child(pool)
    episode_id = await child.admit()
    await waiting.wait()
    booked = await child.book(scheduling.make_plan())
    known = [str(one) for one in (episode_id, booked, child.referral_id, waiting.referral_id,
                                  child.youth_id, scheduling.MENTOR)]  # fmt: skip
    async with open_world("scheduling", pool, doors=[scheduling_staff]) as world:
        await knock(world, known)


async def test_staff_of_documentation(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    final = await mentor.logs(session(child, "2026-11-19 16:00", "2026-11-19 17:00"))
    draft = await mentor.drafts(session(child, "2026-11-20 16:00", "2026-11-20 17:00"))
    known = [final["session_id"], draft, str(child.episode_id), str(child.youth_id),
             str(child.referral_id), str(child.goals[0].goal_id)]  # fmt: skip
    async with open_world(
        "documentation", rig.pool, doors=[documentation_staff], clock=rig.clock
    ) as world:
        await knock(world, known)


async def test_staff_of_notifications(open_service_database: OpenDatabase) -> None:
    pool = await open_service_database("notifications")
    async with open_world("notifications", pool, doors=[notifications_staff]) as world:
        await knock(world, [ABSENT, "3f0e8a52-6f0b-4b8e-9d1c-000000000001"])
