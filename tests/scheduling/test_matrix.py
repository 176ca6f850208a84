"""Every route of scheduling by everybody who may knock, with real tokens (P17)."""

from services.chassis.db import Pool
from services.scheduling.api import feeds
from services.scheduling.api.fhir import door
from services.scheduling.api.staff import staff
from tests.scheduling.builders import MENTOR, Child, make_plan
from tests.scheduling.door import SetClock
from tests.security import matrix
from tests.security.world import AGENCY, OUR_HUB, PAYER, open_world


async def test_nobody_gets_in_by_the_wrong_door(pool: Pool, child: Child) -> None:
    one = Child(pool, hub=OUR_HUB, payer=PAYER)
    episode_id = await one.admit()
    ids = {
        "EpisodeOfCare": str(episode_id),
        "Appointment": str(await one.book(make_plan())),
        "Practitioner": str(MENTOR),
        "PractitionerRole": str(MENTOR),
        "Location": "loc-home",
    }

    doors = [door(AGENCY), staff, feeds.router]
    async with open_world("scheduling", pool, doors=doors, clock=SetClock()) as world:
        lines = await matrix.ask_everybody(world, ids=ids)

    matrix.assert_closed(lines, ids=ids)
    told = matrix.as_text(lines)
    everybody_else = "other hub=404 payer=404 staff=401 nobody=401"
    for type_ in ("Appointment", "EpisodeOfCare"):
        assert f"GET /fhir/{type_}/{{id_}}: our hub=200 {everybody_else}" in told
    for type_ in ("Practitioner", "PractitionerRole"):
        assert f"GET /fhir/{type_}/{{id_}}: our hub=200 other hub=200 payer=404" in told
    assert "GET /fhir/Location/{id_}: our hub=200 other hub=200 payer=200" in told
