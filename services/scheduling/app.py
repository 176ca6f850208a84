"""The scheduling service as one process: `python -m services.scheduling.app`."""

from pathlib import Path

from services.chassis.event_feed import feed
from services.chassis.process import Service, run
from services.scheduling.api import feeds
from services.scheduling.api.fhir import door
from services.scheduling.api.staff import staff
from services.scheduling.handlers import events
from services.scheduling.settings import Settings
from services.scheduling.work import work


def service() -> Service:
    settings = Settings.read()
    return Service(
        name="scheduling",
        settings=settings,
        migrations=Path(__file__).with_name("migrations") / "versions",
        doors=[door(settings.agency_id), staff, feeds.router, feed("scheduling")],
        handlers=events,
        listens_to=("referral", "documentation"),
        work=work,
        follows_rules=True,
    )


if __name__ == "__main__":
    run(service())
