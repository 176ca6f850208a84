"""The door for partners: Encounter for hubs and payers, Goal and CarePlan for hubs."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from functools import partial
from typing import TypeVar
from uuid import UUID

from contracts.codes import PartnerKind
from services.chassis.auth import Partner
from services.chassis.db import Connection
from services.chassis.fhir.search import Date, Match, Reference, Resource, Search, Token, as_uuid
from services.chassis.fhir.server import FhirRouter
from services.documentation.domain.views import Agency, CarePlanView, GoalView, Reader, SessionView
from services.documentation.mapping.careplan import care_plan_from_view
from services.documentation.mapping.encounter import encounter_from_session
from services.documentation.mapping.goal import goal_from_view
from services.documentation.mapping.terms import ASSESS_PLAN
from services.documentation.store import reads
from services.documentation.store.reads import Asked

PATIENT = Reference(("Patient",))
HUB, PAYER = PartnerKind.HUB, PartnerKind.PAYER

View = TypeVar("View", SessionView, GoalView, CarePlanView)
Find = Callable[[Connection, Asked], Awaitable[list[tuple[View, Reader]]]]
Translate = Callable[[View, Reader], Resource]


def fhir_router(agency: Agency) -> FhirRouter:
    """The routes under /fhir; `agency` is who provides what they tell of."""
    router = FhirRouter()
    encounter = partial(encounter_from_session, agency=agency)

    @router.read("Encounter", kinds={HUB, PAYER})
    async def read_encounter(
        conn: Connection, partner: Partner, id_: str, *, on: date
    ) -> Resource | None:
        return await one(conn, partner, id_, on, reads.list_sessions, encounter)

    @router.search(
        "Encounter",
        {"_id": Token, "patient": PATIENT, "date": Date},
        kinds={HUB, PAYER},
        together=[("date", "patient")],
    )
    async def search_encounters(
        conn: Connection, partner: Partner, search: Search
    ) -> Sequence[Match]:
        rows = await reads.list_sessions(conn, asked(partner, search))
        return [match(encounter(row, who), row.session_id, row) for row, who in rows]

    @router.read("Goal", kinds={HUB})
    async def read_goal(
        conn: Connection, partner: Partner, id_: str, *, on: date
    ) -> Resource | None:
        return await one(conn, partner, id_, on, reads.list_goals, goal_from_view)

    @router.search("Goal", {"_id": Token, "patient": PATIENT}, kinds={HUB})
    async def search_goals(conn: Connection, partner: Partner, search: Search) -> Sequence[Match]:
        rows = await reads.list_goals(conn, asked(partner, search))
        return [match(goal_from_view(row, who), row.goal_id, row) for row, who in rows]

    @router.read("CarePlan", kinds={HUB})
    async def read_care_plan(
        conn: Connection, partner: Partner, id_: str, *, on: date
    ) -> Resource | None:
        return await one(conn, partner, id_, on, reads.list_care_plans, care_plan_from_view)

    @router.search(
        "CarePlan",
        {"_id": Token, "patient": PATIENT, "category": Token},
        kinds={HUB},
        together=[("patient", "category")],
    )
    async def search_care_plans(
        conn: Connection, partner: Partner, search: Search
    ) -> Sequence[Match]:
        if not means_our_category(search.tokens("category")):
            return []
        rows = await reads.list_care_plans(conn, asked(partner, search))
        return [match(care_plan_from_view(row, who), row.care_plan_id, row) for row, who in rows]

    return router


async def one(
    conn: Connection,
    partner: Partner,
    id_: str,
    on: date,
    find: Find[View],
    translate: Translate[View],
) -> Resource | None:
    """The one resource of an id that this partner may read; None for any other."""
    if (key := as_uuid(id_)) is None:
        return None
    rows = await find(conn, Asked(partner.organisation_id, partner.kind, on, ids=[key]))
    return translate(*rows[0]) if rows else None


def asked(partner: Partner, search: Search) -> Asked:
    dates = search.dates("date")
    return Asked(
        partner.organisation_id,
        partner.kind,
        search.on,
        ids=search.uuids("_id"),
        youths=search.uuids("patient"),
        begins=dates.low,
        ends=dates.high,
        changed_from=search.last_updated.low,
        changed_before=search.last_updated.high,
        after_at=search.after_at,
        after_id=as_uuid(search.after_id) if search.after_id else None,
        limit=search.limit,
    )


def match(resource: Resource, id_: UUID, row: SessionView | GoalView | CarePlanView) -> Match:
    return Match(resource, row.updated_at, str(id_))


def means_our_category(wanted: Sequence[Token] | None) -> bool:
    """True when no category is asked for, or the one that all our care plans have."""
    system, code = ASSESS_PLAN["system"], ASSESS_PLAN["code"]
    ours = [(system, code), (None, code), (system, None)]
    return wanted is None or any((token.system, token.code) in ours for token in wanted)
