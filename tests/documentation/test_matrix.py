"""Every route of documentation by everybody who may knock, with real tokens (P17)."""

from services.documentation.api.fhir import fhir_router
from services.documentation.api.staff import staff
from services.documentation.domain.goals import care_plan_id
from services.documentation.domain.views import Agency
from tests.documentation.builders import Child, Mentor, begin, hub_reads, session
from tests.documentation.rig import Rig
from tests.security import matrix
from tests.security.world import AGENCY, OUR_HUB, PAYER, open_world


async def test_nobody_gets_in_by_the_wrong_door(rig: Rig) -> None:
    ours = Child(hub=OUR_HUB, payer=PAYER)
    await begin(rig, ours)
    note = await Mentor(rig).logs(session(ours, "2026-11-19 16:00", "2026-11-19 17:00"))
    ids = {
        "Encounter": note["session_id"],
        "Goal": str(ours.goals[0].goal_id),
        "CarePlan": str(care_plan_id(ours.referral_id)),
    }
    for type_ in ("Observation", "DocumentReference"):
        found = await hub_reads(rig, ours, f"{type_}?patient={ours.youth_id}")
        ids[type_] = found.json()["entry"][0]["resource"]["id"]
    ids["Provenance"] = ids["DocumentReference"]

    doors = [fhir_router(Agency(AGENCY, "Agency")), staff]
    async with open_world("documentation", rig.pool, doors=doors, clock=rig.clock) as world:
        lines = await matrix.ask_everybody(world, ids=ids)

    matrix.assert_closed(lines, ids=ids, payer_reads={"Encounter"})
    told = matrix.as_text(lines)
    assert "GET /fhir/Encounter/{id_}: our hub=200 other hub=404 payer=200 staff=401" in told
    for type_ in ("Goal", "CarePlan", "Observation", "DocumentReference", "Provenance"):
        assert f"GET /fhir/{type_}/{{id_}}: our hub=200 other hub=404 payer=404 staff=401" in told
