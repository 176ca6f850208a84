"""Wires the documentation service: `python -m services.documentation.app`."""

from pathlib import Path

from services.chassis.process import Service, run
from services.chassis.settings import ServiceSettings
from services.documentation.api.fhir import fhir_router
from services.documentation.api.staff import staff
from services.documentation.domain.views import Agency
from services.documentation.handlers import events
from services.documentation.work import work


def service() -> Service:
    settings = ServiceSettings.read()
    agency = Agency(settings.agency_id, settings.agency_name)
    return Service(
        name="documentation",
        settings=settings,
        migrations=Path(__file__).with_name("migrations") / "versions",
        doors=(fhir_router(agency), staff),
        handlers=events,
        listens_to=("referral", "scheduling"),
        work=work,
        follows_rules=True,
    )


if __name__ == "__main__":
    run(service())
