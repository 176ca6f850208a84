"""S16: one child with two MassHealth ids is one chart; a link that was wrong is taken back."""

from typing import Any
from uuid import uuid4

import pytest

from contracts.events import EligibilityConfirmed, YouthIdentityLinked
from tests.referral.bundles import make_bundle, of
from tests.referral.desk import Desk, Office, Referred, refer
from tests.referral.rig import Hub

SECOND = "100023459999"


@pytest.fixture
async def referred(office: Office, desk: Desk, riverbend: Hub) -> Referred:
    """The first number is dead; the second came with the reinstatement."""
    await desk.teach(period={"start": "2026-01-01", "end": "2026-06-30"})
    await desk.teach(member_id=SECOND)
    found = await refer(riverbend)
    await office.work_until_done()
    return found


async def post(office: Office, referred: Referred, act: str, body: object = None) -> Any:
    path = f"/api/referral/referrals/{referred.referral_id}/{act}"
    return await office.as_staff("POST", path, body)


async def payer_of(office: Office) -> str:
    return str(await office.pool.fetchval("SELECT payer_id FROM coverage LIMIT 1"))


async def test_a_second_number_is_asked_about_and_outlasts_an_amendment(
    office: Office, desk: Desk, riverbend: Hub, referred: Referred
) -> None:
    assert await office.state(referred.referral_id) == "ineligible"
    body = {"payer_id": await payer_of(office), "member_id": SECOND}

    first, again = [await post(office, referred, "identities", body) for _ in range(2)]
    await office.work_until_done()

    assert (first.status_code, first.json()) == (201, again.json())
    assert await office.state(referred.referral_id) == "eligible"
    (linked,) = await office.told(YouthIdentityLinked)
    assert (str(linked.identity_id), linked.stands) == (first.json()["identity_id"], True)
    assert str(linked.youth_id) == referred.youth_id
    assert SECOND not in linked.model_dump_json()
    assert len(await office.told(EligibilityConfirmed)) == 1
    coverage = of(make_bundle(), "Coverage") | {
        "beneficiary": {"reference": f"Patient/{referred.youth_id}"},
        "payor": [{"display": "MassHealth"}],
        "order": 3,
    }
    number = coverage["identifier"][0]
    path = f"/fhir/Coverage?identifier={number['system']}|{number['value']}"
    assert (await riverbend.send("PUT", path, coverage)).status_code == 200
    named = await office.pool.fetchval("SELECT is_named FROM coverage WHERE member_id = $1", SECOND)
    assert named is True


async def test_a_link_that_was_wrong_is_taken_back(office: Office, referred: Referred) -> None:
    body = {"payer_id": await payer_of(office), "member_id": SECOND}
    identity_id = (await post(office, referred, "identities", body)).json()["identity_id"]
    await office.work_until_done()

    answers = [await post(office, referred, f"identities/{identity_id}/unlink") for _ in range(2)]
    await office.work_until_done()

    assert [answer.status_code for answer in answers] == [200, 200]
    assert [event.stands for event in await office.told(YouthIdentityLinked)] == [True, False]
    assert await office.state(referred.referral_id) == "on_hold"
    known = "SELECT count(*) FROM youth_identifier WHERE value = $1"
    assert await office.pool.fetchval(known, SECOND) == 0


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        pytest.param({"member_id": "12"}, 422, "member-id-not-valid", id="no number"),
        pytest.param({"payer_id": str(uuid4())}, 422, "payer-unknown", id="no payer"),
        pytest.param({"member_id": "100023456789"}, 409, "number-known", id="known"),
    ],
)
async def test_what_is_not_linked(
    office: Office, referred: Referred, changes: dict[str, str], status: int, code: str
) -> None:
    body = {"payer_id": await payer_of(office), "member_id": SECOND} | changes

    answer = await post(office, referred, "identities", body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await office.told(YouthIdentityLinked) == []
    unknown = await post(office, referred, f"identities/{uuid4()}/unlink")
    assert unknown.json()["code"] == "identity-unknown"
