"""A service with one route for staff and one for partners: `python -m tests.fault.audited`."""

from datetime import UTC, date, datetime
from uuid import UUID

from fastapi import Request

from contracts.codes import PartnerKind, Role
from services.chassis.auth import Partner
from services.chassis.db import Connection
from services.chassis.fhir.server import FhirRouter, Resource
from services.chassis.process import Service, run
from services.chassis.settings import ServiceSettings
from services.chassis.staff import StaffRouter, touch

staff = StaffRouter(prefix="/api/scheduling")
fhir = FhirRouter()


@staff.get("/things/{id_}", roles={Role.SCHEDULER})
async def read_thing(id_: UUID, request: Request) -> dict[str, str]:
    touch(request, f"Thing/{id_}")
    return {"id": str(id_)}


@fhir.read("Basic", kinds=frozenset(PartnerKind))
async def read_basic(conn: Connection, partner: Partner, id_: str, *, on: date) -> Resource | None:
    """Half of what is asked for is not there: that, too, is an access."""
    if int(UUID(id_)) % 2:
        return None
    told = datetime(2026, 3, 2, tzinfo=UTC).isoformat()
    return {"resourceType": "Basic", "id": id_, "meta": {"versionId": "1", "lastUpdated": told}}


if __name__ == "__main__":
    run(Service("scheduling", ServiceSettings.read(), doors=[staff, fhir]))
