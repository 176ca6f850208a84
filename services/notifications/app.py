"""The notifications service, wired: `python -m services.notifications.app`."""

from services.chassis.process import Service, run
from services.chassis.settings import ServiceSettings
from services.notifications import work
from services.notifications.api import fhir
from services.notifications.handlers import events

# Each endpoint has one message in hand at most, so that a slow one takes one place of these.
MOST_CALLS = 64


def service() -> Service:
    settings = ServiceSettings.read()
    return Service(
        name="notifications",
        settings=settings,
        doors=(fhir,),
        handlers=events,
        listens_to=("referral", "scheduling", "documentation"),
        most_calls=MOST_CALLS,
        work=lambda c: work.kinds(c.pool, c.clock, c.peers, c.settings),
        measures=work.measures,
    )


if __name__ == "__main__":
    run(service())
