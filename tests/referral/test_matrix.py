"""Every route of referral by everybody who may knock, with real tokens (P17)."""

from services.referral.api.staff import staff
from services.referral.api.token import router as token_router
from services.referral.app import fhir_router
from services.referral.store import clients
from services.referral.store.payers import Named
from tests.conftest import OpenDatabase
from tests.referral.desk import NORTHLIGHT, TOKEN, Desk, enrol, office_of, refer
from tests.referral.rig import AGENCY_ID, NPI, PAYER, Hub
from tests.security import matrix, world


async def test_nobody_gets_in_by_the_wrong_door(
    open_service_database: OpenDatabase, desk: Desk
) -> None:
    pool = await open_service_database("referral")
    await enrol(pool, clients.Organisation(world.OUR_HUB, "hub", "Riverbend", NPI, "1234567893"))
    await enrol(
        pool,
        clients.Organisation(
            *(world.PAYER, "payer", "MassHealth", PAYER, "masshealth"),
            eligibility_url=f"{desk.url}/masshealth",
            eligibility_token=TOKEN,
        ),
    )
    async with office_of(pool) as office:
        ours = await refer(Hub(office.http, world.OUR_HUB))
        await office.work_until_done()
        clock = office.clock
    found = await pool.fetchrow(
        """
        SELECT (SELECT related_person_id FROM related_person) AS "RelatedPerson",
               (SELECT coverage_id FROM coverage) AS "Coverage",
               (SELECT inquiry_id FROM eligibility_inquiry) AS "CoverageEligibilityRequest",
               (SELECT response_id FROM eligibility_inquiry) AS "CoverageEligibilityResponse"
        """
    )
    assert found is not None
    ids = {type_: str(id_) for type_, id_ in found.items()} | {
        "Patient": ours.youth_id,
        "Task": ours.task_id,
        "ServiceRequest": ours.referral_id,
        "Organization": str(world.OUR_HUB),
    }

    doors = [fhir_router(Named(AGENCY_ID, NORTHLIGHT)), staff, token_router]
    async with world.open_world("referral", pool, doors=doors, clock=clock) as opened:
        lines = await matrix.ask_everybody(opened, ids=ids)

    matrix.assert_closed(lines, ids=ids, payer_reads={"Patient"})
    told = matrix.as_text(lines)
    assert "GET /fhir/Patient/{id_}: our hub=200 other hub=404 payer=200 staff=401" in told
    for type_ in ("Task", "ServiceRequest", "RelatedPerson", "Coverage"):
        assert f"GET /fhir/{type_}/{{id_}}: our hub=200 other hub=404 payer=404 staff=401" in told
