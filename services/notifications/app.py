"""The notifications service, wired: `python -m services.notifications.app`."""

from pathlib import Path

from services.chassis.process import Service, run
from services.notifications import work
from services.notifications.api.preferences import staff
from services.notifications.api.subscriptions import fhir
from services.notifications.handlers import events
from services.notifications.settings import Settings

# Each endpoint has one message in hand at most, so that a slow one takes one place of these.
MOST_CALLS = 64


def service() -> Service:
    settings = Settings.read()
    return Service(
        name="notifications",
        settings=settings,
        migrations=Path(__file__).with_name("migrations") / "versions",
        doors=(fhir, staff),
        handlers=events,
        listens_to=("referral", "scheduling", "documentation"),
        most_calls=MOST_CALLS,
        work=lambda c: work.kinds(c.pool, c.clock, c.peers, settings),
        measures=work.measures,
    )


if __name__ == "__main__":
    run(service())
