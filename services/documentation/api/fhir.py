"""The door for partners: Encounter for hubs and payers, the rest for hubs.

Goal, CarePlan, Observation, DocumentReference and Provenance.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import TypeVar
from uuid import UUID

from contracts.codes import PartnerKind
from services.chassis.auth import Partner
from services.chassis.db import Connection
from services.chassis.fhir.search import Date, Match, Reference, Resource, Search, Token, as_uuid
from services.chassis.fhir.server import FhirRouter
from services.documentation.domain.views import (
    Agency,
    CarePlanView,
    DocumentView,
    GoalView,
    ObservationView,
    Reader,
    SessionView,
)
from services.documentation.mapping import terms
from services.documentation.mapping.careplan import care_plan_from_view
from services.documentation.mapping.document import document_from_note
from services.documentation.mapping.encounter import encounter_from_session
from services.documentation.mapping.goal import goal_from_view
from services.documentation.mapping.observation import observation_from_rating
from services.documentation.mapping.provenance import provenance_from_note
from services.documentation.store import reads
from services.documentation.store.reads import Asked

PATIENT = Reference(("Patient",))
HUB, PAYER = PartnerKind.HUB, PartnerKind.PAYER

PROVENANCE = "Provenance:target"
MOST_VERSIONS = 1_000  # of one note; a person who corrects it more often has another problem

View = TypeVar("View", SessionView, GoalView, CarePlanView, ObservationView, DocumentView)
Find = Callable[[Connection, Asked], Awaitable[list[tuple[View, Reader]]]]
Translate = Callable[[View, Reader], Resource]


def fhir_router(agency: Agency) -> FhirRouter:
    """The routes under /fhir; `agency` is who provides what they tell of."""
    router = FhirRouter()
    encounter = partial(encounter_from_session, agency=agency)
    document = partial(document_from_note, agency=agency)
    provenance = partial(provenance_from_note, agency=agency)

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
        told = await provenances(conn, partner, search, [row.session_id for row, _ in rows])
        return [
            match(encounter(row, who), row.session_id, row, told.get(row.session_id))
            for row, who in rows
        ]

    @router.history("Encounter", kinds={HUB, PAYER})
    async def encounter_history(
        conn: Connection, partner: Partner, id_: str, *, on: date
    ) -> Sequence[Resource]:
        if (key := as_uuid(id_)) is None:
            return ()
        wanted = Asked(partner.organisation_id, partner.kind, on, ids=[key], limit=MOST_VERSIONS)
        rows = await reads.list_session_versions(conn, wanted)
        return [encounter(row, who) for row, who in rows]

    @router.read("Observation", kinds={HUB})
    async def read_observation(
        conn: Connection, partner: Partner, id_: str, *, on: date
    ) -> Resource | None:
        return await one(conn, partner, id_, on, reads.list_observations, observation_from_rating)

    @router.search(
        "Observation",
        {"_id": Token, "patient": PATIENT, "category": Token, "code": Token, "date": Date},
        kinds={HUB},
        together=[("patient", "category"), ("patient", "category", "date"), ("patient", "code")],
    )
    async def search_observations(
        conn: Connection, partner: Partner, search: Search
    ) -> Sequence[Match]:
        if not means(search.tokens("category"), terms.SURVEY):
            return []
        codes = search.tokens("code")
        scales = [scale for scale, coding in terms.SCALES.items() if means(codes, coding)]
        wanted = asked(partner, search)
        rows = await reads.list_observations(conn, wanted, scales=scales if codes else None)
        told = await provenances(conn, partner, search, [row.session_id for row, _ in rows])
        return [
            match(observation_from_rating(row, who), row.rating_id, row, told.get(row.session_id))
            for row, who in rows
        ]

    @router.read("DocumentReference", kinds={HUB})
    async def read_document(
        conn: Connection, partner: Partner, id_: str, *, on: date
    ) -> Resource | None:
        return await one(conn, partner, id_, on, reads.list_documents, document)

    @router.search(
        "DocumentReference",
        {"_id": Token, "patient": PATIENT, "category": Token, "type": Token, "date": Date},
        kinds={HUB},
        together=[("patient", "category"), ("patient", "category", "date"), ("patient", "type")],
    )
    async def search_documents(
        conn: Connection, partner: Partner, search: Search
    ) -> Sequence[Match]:
        if not means(search.tokens("category"), terms.CLINICAL_NOTE):
            return []
        if not means(search.tokens("type"), terms.PROGRESS_NOTE):
            return []
        rows = await reads.list_documents(conn, asked(partner, search))
        told = await provenances(conn, partner, search, [row.session_id for row, _ in rows])
        return [
            match(document(row, who), row.document_id, row, told.get(row.session_id))
            for row, who in rows
        ]

    @router.read("Provenance", kinds={HUB})
    async def read_provenance(
        conn: Connection, partner: Partner, id_: str, *, on: date
    ) -> Resource | None:
        if (key := as_uuid(id_)) is None:
            return None
        wanted = Asked(partner.organisation_id, partner.kind, on, ids=[key])
        rows = await reads.list_provenances(conn, wanted)
        return provenance(rows[0][0]) if rows else None

    async def provenances(
        conn: Connection, partner: Partner, search: Search, sessions: Sequence[UUID]
    ) -> Mapping[UUID, list[Resource]]:
        """By session, who answers for its note in each version; if it was asked for."""
        asked_for = PROVENANCE in search.revinclude and partner.may("Provenance", "r")
        if not asked_for or not sessions:
            return {}
        most = len(sessions) * MOST_VERSIONS
        wanted = Asked(partner.organisation_id, partner.kind, search.on, limit=most)
        found: dict[UUID, list[Resource]] = {}
        for row, _ in await reads.list_provenances(conn, wanted, sessions=sessions):
            found.setdefault(row.session_id, []).append(provenance(row))
        return found

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
        if not means(search.tokens("category"), terms.ASSESS_PLAN):
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


def match(
    resource: Resource, id_: UUID, row: View, provenances: Sequence[Resource] | None = None
) -> Match:
    """A hit; of the provenances of its session those that name it."""
    own = f"{resource['resourceType']}/{resource['id']}"
    included = [one for one in provenances or () if {"reference": own} in one["target"]]
    return Match(resource, row.updated_at, str(id_), included)


def means(wanted: Sequence[Token] | None, coding: Mapping[str, str]) -> bool:
    """True when no code is asked for, or this one is among them."""
    system, code = coding["system"], coding["code"]
    ours = [(system, code), (None, code), (system, None)]
    return wanted is None or any((token.system, token.code) in ours for token in wanted)
