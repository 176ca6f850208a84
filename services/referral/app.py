"""Wires the referral service: `python -m services.referral.app`."""

from pathlib import Path

from services.chassis.event_feed import feed
from services.chassis.fhir import guard
from services.chassis.fhir.server import FhirRouter
from services.chassis.process import Service, run
from services.chassis.settings import ServiceSettings
from services.referral.api import metadata, token
from services.referral.api.intake import add_intake
from services.referral.api.internal import internal
from services.referral.api.reads import add_reads
from services.referral.api.staff import staff
from services.referral.api.task_requests import add_task_requests
from services.referral.api.tasks import add_tasks
from services.referral.handlers import events
from services.referral.mapping.inbound.remarks import USED
from services.referral.store.payers import Named
from services.referral.work import work


def service() -> Service:
    settings = ServiceSettings.read()
    guard.prepare({"Bundle", *USED})
    agency = Named(settings.agency_id, settings.agency_name)
    return Service(
        name="referral",
        settings=settings,
        migrations=Path(__file__).with_name("migrations") / "versions",
        doors=(fhir_router(agency), staff, token.router, metadata.router, feed("referral")),
        internal=(internal,),
        handlers=events,
        listens_to=("scheduling", "documentation", "notifications"),
        work=work,
        follows_rules=True,
    )


def fhir_router(agency: Named) -> FhirRouter:
    """All of /fhir that this service serves; what hubs sent, by `h-…`, comes last."""
    router = FhirRouter()
    add_tasks(router, agency)
    add_intake(router)
    add_task_requests(router, agency)
    add_reads(router)
    return router


if __name__ == "__main__":
    run(service())
