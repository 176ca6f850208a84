"""What staff may do, by role, and what follows (DOMAIN.md §9, §5.3)."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.codes import Attestation, ConsentKind, Role
from contracts.events import AttestationRecorded, ConsentGranted, ConsentRevoked
from services.chassis import auth
from tests.referral.desk import Office, Referred, refer
from tests.referral.rig import Hub


@pytest.fixture
async def referred(office: Office, riverbend: Hub) -> Referred:
    return await refer(riverbend)


def path(referred: Referred, act: str = "") -> str:
    return f"/api/referral/referrals/{referred.referral_id}{act and '/' + act}"


async def attest(
    office: Office, referred: Referred, kind: str, *, stands: bool = True, **more: Any
) -> Any:
    role = "supervisor" if kind == "medical-necessity" else "coordinator"
    body = {"kind": kind, "stands": stands, **more}
    answer = await office.as_staff("POST", path(referred, "attestations"), body, roles=role)
    assert answer.status_code == 201, answer.json()
    return answer.json()


# --- Roles --------------------------------------------------------------------------------------

ROUTES = [
    ("GET", "", None, {"coordinator", "supervisor"}),
    ("POST", "attestations", {"kind": "documents"}, {"coordinator"}),
    ("POST", "attestations", {"kind": "consent-treatment"}, {"coordinator"}),
    ("POST", "attestations", {"kind": "consent-roi-hub"}, {"coordinator"}),
    ("POST", "attestations", {"kind": "medical-necessity"}, {"supervisor"}),
    ("POST", "facts", {}, {"coordinator"}),
    ("POST", "close", {"reason": "declined"}, {"coordinator"}),
    ("POST", "duplicate-review", {"distinct": True}, {"coordinator"}),
]


@pytest.mark.parametrize(("method", "act", "body", "allowed"), ROUTES)
async def test_each_route_is_for_its_roles_alone(
    office: Office, referred: Referred, method: str, act: str, body: Any, allowed: set[str]
) -> None:
    answers = {
        role.value: await office.as_staff(method, path(referred, act), body, roles=role.value)
        for role in sorted(Role, key=lambda role: role.value in allowed)
    }

    refused = {role for role, answer in answers.items() if answer.status_code == 403}
    assert refused == {role.value for role in Role} - allowed
    assert {answers[role].status_code for role in allowed} <= {200, 201, 409}


async def test_the_list_is_for_coordinator_and_supervisor(office: Office) -> None:
    found = {
        role.value: (
            await office.as_staff("GET", "/api/referral/referrals", roles=role.value)
        ).status_code
        for role in Role
    }

    assert {role for role, status in found.items() if status == 200} == {
        *("coordinator", "supervisor"),
    }


# --- Looking ------------------------------------------------------------------------------------


async def test_the_list_shows_names_and_states_by_waiting_time(
    office: Office, referred: Referred
) -> None:
    listed = (await office.as_staff("GET", "/api/referral/referrals")).json()
    other = await office.as_staff("GET", "/api/referral/referrals?state=closed")

    assert [one["referral_id"] for one in listed] == [referred.referral_id]
    assert listed[0]["name"]["family"] == "Okafor-Reyes"
    assert listed[0]["state"] == "pending_eligibility"
    assert other.json() == []


async def test_one_referral_shows_all_that_holds_it_up(office: Office, referred: Referred) -> None:
    await office.work_until_done()
    await attest(office, referred, "documents")

    shown = (await office.as_staff("GET", path(referred))).json()

    assert shown["state"] == "eligible"
    assert shown["gaps"] == shown["work_items"] == []
    assert shown["open_items"] == ["consent-treatment", "consent-roi-hub"]
    assert shown["attestations"] == {"documents": True}
    assert shown["eligibility"]["product"] == "masshealth-standard"
    assert shown["eligibility"]["valid_to"] == "2034-03-08"


async def test_an_access_is_recorded_with_whom_it_concerns(
    office: Office, referred: Referred
) -> None:
    await office.as_staff("GET", path(referred))

    rows = await office.pool.fetch("SELECT resources FROM audit WHERE kind = 'staff'")
    assert [f"Patient/{referred.youth_id}" in row["resources"] for row in rows] == [True]


async def test_an_unknown_referral_is_not_there(office: Office) -> None:
    missing = f"/api/referral/referrals/{uuid4()}"

    assert (await office.as_staff("GET", missing)).status_code == 404
    for act, body in (("facts", {}), ("close", {"reason": "declined"})):
        assert (await office.as_staff("POST", f"{missing}/{act}", body)).status_code == 404


# --- Attestations -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["documents", "medical-necessity"])
async def test_what_is_no_consent_is_recorded_as_attested(
    office: Office, referred: Referred, kind: str
) -> None:
    await attest(office, referred, kind)
    await attest(office, referred, kind)
    await attest(office, referred, kind, stands=False)

    told = await office.told(AttestationRecorded)

    assert [(event.kind, event.stands) for event in told] == [(kind, True), (kind, False)]
    assert await office.count("attestation") == 3


async def test_a_release_names_the_hub_it_goes_to(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    await attest(office, referred, "consent-roi-hub", given_on="2026-11-02")
    await attest(office, referred, "consent-treatment")

    release, treatment = await office.told(ConsentGranted)

    assert release.kind is ConsentKind.ROI_HUB
    assert release.organisation_id == riverbend.organisation_id
    assert release.effective_at.isoformat() == "2026-11-02T05:00:00+00:00"
    assert (treatment.kind, treatment.organisation_id) == (ConsentKind.TREATMENT, None)


async def test_a_consent_is_revoked_from_now_on(office: Office, referred: Referred) -> None:
    await attest(office, referred, "consent-roi-hub", given_on="2026-11-02")
    office.clock.at += timedelta(hours=1)
    await attest(office, referred, "consent-roi-hub", stands=False, given_on="2026-11-02")

    (revoked,) = await office.told(ConsentRevoked)

    assert revoked.effective_at == office.clock.now()


async def test_an_attestation_closes_its_open_items_in_the_task(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    await office.work_until_done()
    for kind in Attestation:
        await attest(office, referred, kind.value)
    task = (await riverbend.read(f"Task/{referred.task_id}")).json()
    await attest(office, referred, "documents", stands=False)
    again = (await riverbend.read(f"Task/{referred.task_id}")).json()

    kinds = [output["type"]["coding"][0]["code"] for output in task["output"]]
    assert "open-item" not in kinds
    assert str(again["output"]).count("open-item") == 2


async def test_a_day_that_has_not_come_is_refused(office: Office, referred: Referred) -> None:
    body = {"kind": "documents", "given_on": "2026-11-10"}

    answer = await office.as_staff("POST", path(referred, "attestations"), body)

    assert (answer.status_code, answer.json()["code"]) == (422, "given-in-the-future")


async def test_nothing_is_attested_to_a_referral_that_has_ended(
    office: Office, referred: Referred
) -> None:
    await office.as_staff("POST", path(referred, "close"), {"reason": "declined"})

    answer = await office.as_staff("POST", path(referred, "attestations"), {"kind": "documents"})

    assert (answer.status_code, answer.json()["code"]) == (409, "referral-ended")


async def test_a_misspelt_field_is_refused(office: Office, referred: Referred) -> None:
    body = {"kind": "documents", "stand": False}

    answer = await office.as_staff("POST", path(referred, "attestations"), body)

    assert answer.status_code == 422


async def test_a_referral_in_service_is_not_closed_here(office: Office, referred: Referred) -> None:
    await office.pool.execute("UPDATE referral SET state = 'admitted'")

    answer = await office.as_staff("POST", path(referred, "close"), {"reason": "declined"})

    assert (answer.status_code, answer.json()["code"]) == (422, "service-not-ended")


async def test_staff_are_known_by_issuer_and_subject(office: Office, referred: Referred) -> None:
    await attest(office, referred, "documents")

    staff_id = await office.pool.fetchval("SELECT staff_id FROM attestation")

    assert staff_id == auth.staff_id("http://issuer.test", "pat")
    assert isinstance(staff_id, UUID)
