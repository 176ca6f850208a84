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


async def mailboxes(office: Office, referred: Referred) -> Any:
    path = f"/internal/youths/{referred.youth_id}/mailboxes"
    return (await office.as_peer(path, name="notifications")).json()


async def agree(office: Office, referred: Referred, **body: Any) -> Any:
    path = f"/api/referral/referrals/{referred.referral_id}/email-consent"
    return await office.as_staff("POST", path, body)


GIVE_ADDRESSES = """
    UPDATE related_person
       SET is_guardian = true,
           telecom = '[{"system": "phone", "value": "413-555-0147"},
                       {"system": "email", "value": "old@family.example", "use": "old"},
                       {"system": "email", "value": "was@family.example",
                        "period": {"end": "2020-01-01"}},
                       {"system": "email", "value": "second@family.example", "rank": 2},
                       {"system": "email", "value": "first@family.example", "rank": 1}]'
"""


async def test_a_familys_address_is_told_while_it_agrees_to_email(
    office: Office, referred: Referred
) -> None:
    await office.pool.execute(GIVE_ADDRESSES)
    before = await mailboxes(office, referred)

    await agree(office, referred)
    agreed = await mailboxes(office, referred)
    await agree(office, referred, stands=False)
    after = await mailboxes(office, referred)

    assert {one["address"] for one in agreed["mailboxes"]} == {"first@family.example"}
    assert agreed["mailboxes"][0]["languages"]
    assert (before["stands"], agreed["stands"], after["stands"]) == (False, True, False)
    assert before["mailboxes"] == after["mailboxes"] == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE youth SET birth_date = '2006-01-01'",
        "UPDATE referral SET do_not_contact = true",
        "UPDATE related_person SET is_guardian = false",
        "UPDATE related_person SET is_active = false",
        'UPDATE related_person SET telecom = \'[{"system": "phone", "value": "1"}]\'',
    ],
    ids=["of age", "not to be contacted", "no guardian", "no contact any more", "no address"],
)
async def test_nobody_else_may_be_written_to(
    office: Office, referred: Referred, change: str
) -> None:
    await office.pool.execute(GIVE_ADDRESSES)
    await agree(office, referred)
    assert (await mailboxes(office, referred))["mailboxes"]

    await office.pool.execute(change)

    assert (await mailboxes(office, referred))["mailboxes"] == []


async def test_consent_to_email_is_told_once_each_time_it_changes(
    office: Office, referred: Referred
) -> None:
    answers = [await agree(office, referred, **b) for b in ({}, {}, {"given_on": "2099-01-01"})]
    await agree(office, referred, stands=False)

    assert [answer.status_code for answer in answers] == [200, 200, 422]
    told = await office.pool.fetch(
        """
        SELECT event_type, body FROM event
         WHERE event_type IN ('ConsentGranted.v1', 'ConsentRevoked.v1') ORDER BY position
        """
    )
    assert [row["event_type"] for row in told] == ["ConsentGranted.v1", "ConsentRevoked.v1"]
    assert all(b"text_email_contact" in bytes(row["body"]) for row in told)


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
