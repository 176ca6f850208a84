"""The door for partners: who serves a youth, what kinds of places there are, what is planned."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from contracts.codes import PartnerKind
from services.chassis.auth import Partner
from services.chassis.db import Connection
from services.chassis.fhir.server import (
    FhirRouter,
    Match,
    Reference,
    Resource,
    Search,
    Text,
    Token,
    as_uuid,
)
from services.scheduling.domain.people import DirectoryEntry
from services.scheduling.mapping import fhir as mapping
from services.scheduling.store import reads
from services.scheduling.store.reads import StaffFilter

HUBS = frozenset({PartnerKind.HUB})
EVERYBODY = frozenset({PartnerKind.HUB, PartnerKind.PAYER})


def door(agency_id: UUID) -> FhirRouter:
    """The routes of this agency; staff are read by hubs alone, kinds of places by everybody."""
    fhir = FhirRouter()

    @fhir.read("Practitioner", kinds=HUBS)
    async def read_practitioner(
        conn: Connection, partner: Partner, id_: str, *, on: date
    ) -> Resource | None:
        entry = await staff_by_id(conn, id_)
        return mapping.practitioner(entry) if entry else None

    @fhir.search("Practitioner", {"name": Text, "identifier": Token}, kinds=HUBS)
    async def search_practitioners(
        conn: Connection, partner: Partner, search: Search
    ) -> Sequence[Match]:
        found = await reads.list_staff(conn, staff_asked(search))
        return [match_of(entry, mapping.practitioner(entry)) for entry in found]

    @fhir.read("PractitionerRole", kinds=HUBS)
    async def read_practitioner_role(
        conn: Connection, partner: Partner, id_: str, *, on: date
    ) -> Resource | None:
        entry = await staff_by_id(conn, id_)
        return mapping.practitioner_role(entry, agency_id=agency_id) if entry else None

    @fhir.search(
        "PractitionerRole",
        {"specialty": Token, "practitioner": Reference(("Practitioner",))},
        kinds=HUBS,
        include=("PractitionerRole:practitioner",),
    )
    async def search_practitioner_roles(
        conn: Connection, partner: Partner, search: Search
    ) -> Sequence[Match]:
        """No role of ours names a specialty, so whoever asks for one finds nobody."""
        if search.get("specialty") is not None:
            return []
        found = await reads.list_staff(conn, staff_asked(search))
        with_person = "PractitionerRole:practitioner" in search.include
        return [
            match_of(
                entry,
                mapping.practitioner_role(entry, agency_id=agency_id),
                [mapping.practitioner(entry)] if with_person else (),
            )
            for entry in found
        ]

    @fhir.read("Location", kinds=EVERYBODY)
    async def read_location(
        conn: Connection, partner: Partner, id_: str, *, on: date
    ) -> Resource | None:
        return mapping.location(id_, agency_id=agency_id)

    @fhir.search("Location", {"name": Text, "address": Text}, kinds=EVERYBODY)
    async def search_locations(
        conn: Connection, partner: Partner, search: Search
    ) -> Sequence[Match]:
        """Kinds of places have no address, so whoever asks for one finds none."""
        if search.get("address") is not None:
            return []
        return places(search, agency_id)

    @fhir.read("Appointment", kinds=HUBS)
    async def read_appointment(
        conn: Connection, partner: Partner, id_: str, *, on: date
    ) -> Resource | None:
        """A planned session of a child whom this hub serves and may know about."""
        if not (appointment_id := as_uuid(id_)):
            return None
        org = partner.organisation_id
        found = await reads.appointment_for_hub(conn, appointment_id, org, on=on)
        return mapping.appointment_as_read(*found) if found else None

    @fhir.read("EpisodeOfCare", kinds=HUBS)
    async def read_episode(
        conn: Connection, partner: Partner, id_: str, *, on: date
    ) -> Resource | None:
        """The enrolment of a child whom this hub serves and may know about."""
        if not (episode_id := as_uuid(id_)):
            return None
        found = await reads.episode_for_hub(conn, episode_id, partner.organisation_id, on=on)
        return mapping.episode_as_read(*found, agency_id=agency_id) if found else None

    return fhir


async def staff_by_id(conn: Connection, id_: str) -> DirectoryEntry | None:
    if not (staff_id := as_uuid(id_)):
        return None
    found = await reads.list_staff(conn, StaffFilter(ids=[staff_id]))
    return found[0] if found else None


def staff_asked(search: Search) -> StaffFilter:
    """A search as a filter on the directory: a role has the id of its person."""
    ids = [found for found in map(search.uuids, ("_id", "practitioner")) if found is not None]
    return StaffFilter(
        ids=set.intersection(*map(set, ids)) if ids else None,
        names=search.get("name"),
        staff_numbers=staff_numbers(search),
        changed_from=search.last_updated.low,
        changed_before=search.last_updated.high,
        after_at=search.after_at,
        after_id=search.after_id,
        limit=search.limit,
    )


def staff_numbers(search: Search) -> list[str] | None:
    """The numbers asked for, under our system or none; None when any number will do."""
    tokens = search.tokens("identifier")
    if tokens is None:
        return None
    ours = [token for token in tokens if token.system in (None, mapping.STAFF_ID)]
    if any(token.code is None for token in ours):
        return None
    return [token.code for token in ours if token.code]


def match_of(entry: DirectoryEntry, resource: Resource, included: Sequence[Resource] = ()) -> Match:
    return Match(resource, entry.updated_at, str(entry.person.staff_id), included)


def places(search: Search, agency_id: UUID) -> list[Match]:
    """The kinds of places that a search means; all are as old as their list."""
    at = datetime.fromisoformat(mapping.PLACES_SINCE)
    low, high = search.last_updated.low, search.last_updated.high
    if (low and at < low) or (high and at >= high):
        return []
    ids, names = search.get("_id"), search.get("name")
    found = []
    for id_ in sorted(mapping.PLACES):
        resource = mapping.location(id_, agency_id=agency_id)
        if resource is None or (ids is not None and id_ not in ids):
            continue
        name = resource["name"].lower()
        if names is not None and not any(name.startswith(start.lower()) for start in names):
            continue
        if search.after is None or (at, id_) > search.after:
            found.append(Match(resource, at, id_))
    return found[: search.limit]
