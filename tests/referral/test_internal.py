"""What the other services may ask, and who of them (ARCHITECTURE.md §7)."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.referral.desk import Office, Referred, refer
from tests.referral.rig import Hub


@pytest.fixture
async def referred(office: Office, riverbend: Hub) -> Referred:
    return await refer(riverbend)


async def test_the_hubs_plan_comes_with_its_texts(office: Office, referred: Referred) -> None:
    plan = (await office.as_peer(f"/internal/hub-plans/{referred.youth_id}/1")).json()

    assert plan["referral_id"] == referred.referral_id
    assert plan["hub_service"] == "in-home-therapy"
    assert plan["plan_reference"].startswith("CarePlan/h-")
    assert [goal["tm_assigned"] for goal in plan["goals"]] == [True, True]
    assert all(goal["text"] and goal["identifiers"] for goal in plan["goals"])


async def test_a_reader_is_told_its_own_number_of_the_youth(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    payer = await office.pool.fetchval(
        "SELECT organisation_id FROM partner_organisation WHERE kind = 'payer'"
    )
    base = f"/internal/youths/{referred.youth_id}/identifiers"

    hubs = await office.as_peer(f"{base}/{riverbend.organisation_id}")
    payers = await office.as_peer(f"{base}/{payer}")
    strangers = await office.as_peer(f"{base}/{uuid4()}")

    assert hubs.json()["value"] == "RB-204417"
    assert payers.json()["value"] == "100023456789"
    assert strangers.status_code == 404


async def test_names_and_contacts_are_told_at_the_time_of_use(
    office: Office, referred: Referred
) -> None:
    path = f"/internal/youths/{referred.youth_id}"

    youth = (await office.as_peer(path)).json()
    await office.pool.execute("UPDATE referral SET do_not_contact = true")
    silent = (await office.as_peer(path)).json()

    assert youth["name"] == {"given": ["Jordan", "M"], "family": "Okafor-Reyes"}
    assert youth["contacts"]
    assert silent["contacts"] == []
    assert (await office.as_peer(f"/internal/youths/{uuid4()}")).status_code == 404


async def consent(office: Office, referred: Referred, hub: Hub, kind: str = "roi_hub") -> Any:
    query = f"kind={kind}&organisation_id={hub.organisation_id}"
    path = f"/internal/consents/{referred.youth_id}?{query}"
    answer = (await office.as_peer(path, name="notifications")).json()
    return answer["stands"], answer["hub_active"]


async def test_a_consent_stands_from_its_attestation_to_its_revocation(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    path = f"/api/referral/referrals/{referred.referral_id}/attestations"
    found = [await consent(office, referred, riverbend)]
    for stands in (True, False):
        await office.as_staff("POST", path, {"kind": "consent-roi-hub", "stands": stands})
        found.append(await consent(office, referred, riverbend))

    assert found == [(False, True), (True, True), (False, True)]


async def test_a_release_to_one_hub_is_none_to_another(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    path = f"/api/referral/referrals/{referred.referral_id}/attestations"
    await office.as_staff("POST", path, {"kind": "consent-roi-hub"})
    other = Hub(office.http, uuid4())

    assert await consent(office, referred, other) == (False, False)


async def test_a_hub_whose_service_has_ended_is_not_active(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    await office.pool.execute("UPDATE hub_enrolment SET ends = '2026-11-10'")
    on_last_day = await consent(office, referred, riverbend)
    office.clock.at += timedelta(days=2)

    assert on_last_day == (False, True)
    assert await consent(office, referred, riverbend) == (False, False)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/internal/hub-plans/{youth_id}/1", "scheduling"),
        ("/internal/hub-plans/{youth_id}/1", "notifications"),
        ("/internal/consents/{youth_id}?kind=roi_hub", "scheduling"),
        ("/internal/clients/any/webhook", "documentation"),
        ("/internal/youths/{youth_id}", "referral"),
    ],
)
async def test_a_service_that_need_not_know_is_refused(
    office: Office, referred: Referred, path: str, name: str
) -> None:
    answer = await office.as_peer(path.format(youth_id=referred.youth_id), name=name)

    assert answer.status_code == 403
