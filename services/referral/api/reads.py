"""What partners read of what was sent: each what it sent itself, and nobody else's.

A payer sees the Patient of its members. Foreign and absent are the same 404 (FHIR.md §4).
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date

from contracts.codes import PartnerKind
from services.chassis.auth import Partner
from services.chassis.db import Connection
from services.chassis.fhir.search import (
    Date,
    Filters,
    Match,
    Reference,
    Resource,
    Search,
    Text,
    Token,
)
from services.chassis.fhir.server import FhirRouter, as_uuid
from services.referral.domain.intake import Stored
from services.referral.mapping.mirror import mirror_from_stored
from services.referral.mapping.organization import organization
from services.referral.mapping.patient import patient_for_payer, patient_from_stored, seen_as
from services.referral.mapping.searching import sought
from services.referral.store import merges, mirror, organisations
from services.referral.store.clients import organisation_by_id
from services.referral.store.mirror import Wanted

HUBS = {PartnerKind.HUB}
EVERYBODY = {PartnerKind.HUB, PartnerKind.PAYER}
CHILD = Reference(("Patient",))


def add_reads(router: FhirRouter) -> None:
    """Give a router the reads and searches of our own types, then those of mirrors."""
    add_patient(router)
    add_own(router, "ServiceRequest", {"patient": CHILD, "category": Token, "code": Token})
    add_own(router, "Coverage", {"patient": CHILD})
    add_own(router, "RelatedPerson", {"patient": CHILD})
    add_organization(router)

    @router.read_mirror(kinds=HUBS)
    async def read_mirrored(
        conn: Connection, partner: Partner, type_: str, id_: str, *, on: date
    ) -> Resource | None:
        """Anything else that this hub sent, as it sent it."""
        row = await mirror.mirror_by_id(conn, partner.organisation_id, type_, id_)
        return mirror_from_stored(row) if row else None


def add_patient(router: FhirRouter) -> None:
    @router.read("Patient", kinds=EVERYBODY)
    async def read_patient(
        conn: Connection, partner: Partner, id_: str, *, on: date
    ) -> Resource | None:
        """A youth as its hub knows it, or as its payer does."""
        if partner.kind is PartnerKind.HUB:
            row = await mirror.mirror_by_id(conn, partner.organisation_id, "Patient", id_)
            return await (patient_for(conn, partner, row) if row else joined(conn, partner, id_))
        if (youth_id := as_uuid(id_)) is None:
            return None
        member = await mirror.patient_of_member(conn, partner.organisation_id, youth_id)
        return patient_for_payer(*member) if member else None

    @router.search(
        "Patient",
        {"identifier": Token, "name": Text, "birthdate": Date, "gender": Token},
        kinds=HUBS,
        together=(("birthdate", "name"), ("gender", "name")),
    )
    async def search_patients(
        conn: Connection, partner: Partner, search: Search
    ) -> Sequence[Match]:
        """The youths that this hub sent."""
        rows = await mirror.list_mirrors(conn, wanted(partner, search, date_name="birthdate"))
        return [match(row, await patient_for(conn, partner, row)) for row in rows]


async def patient_for(conn: Connection, partner: Partner, row: Stored) -> Resource:
    own = await organisation_by_id(conn, partner.organisation_id)
    return patient_from_stored(row, mrn_system=own.mrn_system if own else None)


async def joined(conn: Connection, partner: Partner, id_: str) -> Resource | None:
    """A child whom a person found to be the one that this hub sent: by the hub's own words."""
    if (youth_id := as_uuid(id_)) is None:
        return None
    row = await merges.patient_by_joined(conn, partner.organisation_id, youth_id)
    return seen_as(await patient_for(conn, partner, row), youth_id) if row else None


def add_own(router: FhirRouter, type_: str, filters: Filters) -> None:
    """Reads and searches of a type that only its sender sees, as it was sent."""
    dated: Filters = {"authored": Date} if type_ == "ServiceRequest" else {}
    combined = (("patient", "category"), ("patient", "code"), ("patient", "category", "authored"))

    @router.read(type_, kinds=HUBS)
    async def read_own(
        conn: Connection, partner: Partner, id_: str, *, on: date
    ) -> Resource | None:
        row = await mirror.mirror_by_id(conn, partner.organisation_id, type_, id_)
        return mirror_from_stored(row) if row else None

    @router.search(type_, {**filters, **dated}, kinds=HUBS, together=combined if dated else ())
    async def search_own(conn: Connection, partner: Partner, search: Search) -> Sequence[Match]:
        rows = await mirror.list_mirrors(conn, wanted(partner, search, date_name="authored"))
        return [match(row, mirror_from_stored(row)) for row in rows]


def wanted(partner: Partner, search: Search, *, date_name: str) -> Wanted:
    names = ("identifier", "gender", "category", "code")
    tokens = [sought(n, found) for n in names if (found := search.tokens(n)) is not None]
    beginnings = search.get("name")
    dates = search.dates(date_name)
    return Wanted(
        organisation_id=partner.organisation_id,
        type=search.type_,
        limit=search.limit,
        ids=search.get("_id"),
        youth_ids=search.uuids("patient"),
        tokens=tokens,
        names=None if beginnings is None else [text.lower() for text in beginnings],
        low=dates.low,
        high=dates.high,
        since=search.last_updated.low,
        before=search.last_updated.high,
        after_at=search.after_at,
        after_id=search.after_id,
    )


def match(row: Stored, resource: Resource) -> Match:
    return Match(resource, row.updated_at, row.id)


def add_organization(router: FhirRouter) -> None:
    @router.read("Organization", kinds=EVERYBODY)
    async def read_organization(
        conn: Connection, partner: Partner, id_: str, *, on: date
    ) -> Resource | None:
        """An entry of the directory, or a hub's own mirror of an organisation that is none."""
        if id_.startswith("h-") and partner.kind is PartnerKind.HUB:
            row = await mirror.mirror_by_id(conn, partner.organisation_id, "Organization", id_)
            return mirror_from_stored(row) if row else None
        if (uuid := as_uuid(id_)) is None:
            return None
        found = await organisations.search_directory(conn, ids=[uuid], limit=1)
        return organization(**asdict(found[0])) if found else None

    @router.search("Organization", {"name": Text, "address": Text}, kinds=EVERYBODY)
    async def search_organizations(
        conn: Connection, partner: Partner, search: Search
    ) -> Sequence[Match]:
        """The directory: hubs, payers and the agency."""
        found = await organisations.search_directory(
            conn,
            ids=search.uuids("_id"),
            names=lower(search.get("name")),
            addresses=lower(search.get("address")),
            after_at=search.after_at,
            after_id=search.after_id,
            since=search.last_updated.low,
            before=search.last_updated.high,
            limit=search.limit,
        )
        return [
            Match(organization(**asdict(row)), row.updated_at, str(row.organisation_id))
            for row in found
        ]


def lower(texts: Sequence[str] | None) -> list[str] | None:
    return None if texts is None else [text.lower() for text in texts]
