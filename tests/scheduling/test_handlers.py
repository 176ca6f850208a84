from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from contracts.codes import Attestation, ConsentKind, Modality, PlaceOfService, Priority
from contracts.events import (
    BillingImpact,
    ConsentRevoked,
    CoverageLapsed,
    Event,
    ReferralAmended,
    ReferralClosed,
    ReferralWithdrawn,
    SessionLogged,
    SessionVoided,
)
from services.chassis.db import Pool
from tests.scheduling.builders import MENTOR, NOW, SUPERVISOR, TODAY, Child, make_plan


async def wait_state(child: Child) -> str | None:
    state: str | None = await child.pool.fetchval(
        "SELECT state FROM waitlist_entry WHERE referral_id = $1", child.referral_id
    )
    return state


async def episode_state(child: Child) -> str | None:
    state: str | None = await child.pool.fetchval(
        "SELECT state FROM episode WHERE referral_id = $1", child.referral_id
    )
    return state


async def test_an_eligible_youth_waits_from_its_day_of_receipt(child: Child) -> None:
    await child.hear(*child.gate_one)

    assert await child.told() == ["ReferralWaitlisted"]
    assert (await child.body("ReferralWaitlisted"))["wait_started"] == "2026-11-10"


async def test_a_referral_that_is_not_eligible_yet_does_not_wait(child: Child) -> None:
    await child.hear(child.received(), child.engaged())

    assert await wait_state(child) is None
    assert await child.told() == []


async def test_a_second_confirmation_announces_no_second_wait(child: Child) -> None:
    await child.hear(*child.gate_one, child.confirmed())

    assert await child.told() == ["ReferralWaitlisted"]


async def test_a_denial_holds_the_place_and_keeps_its_day(child: Child) -> None:
    await child.hear(*child.gate_one, child.denied())
    assert await wait_state(child) == "held"

    await child.hear(child.confirmed(), at=NOW + timedelta(days=9))

    assert await wait_state(child) == "waiting"
    assert (await child.body("ReferralWaitlisted"))["wait_started"] == "2026-11-10"


async def test_an_amendment_changes_the_wish_and_not_the_day_of_receipt(child: Child) -> None:
    await child.wait()
    amended = ReferralAmended(
        **child.received(priority=Priority.URGENT, received_on=TODAY).model_dump(),
        version=2,
        changed_fields=("priority",),
    )

    await child.hear(amended)

    row = await child.pool.fetchrow("SELECT priority, received_on, version FROM request")
    assert row is not None
    assert tuple(row) == ("urgent", date(2026, 11, 10), 2)


@pytest.mark.parametrize("end", [ReferralWithdrawn, ReferralClosed])
async def test_a_referral_that_ended_leaves_the_list(
    child: Child, end: type[ReferralWithdrawn | ReferralClosed]
) -> None:
    await child.wait()

    await child.hear(end(youth_id=child.youth_id, referral_id=child.referral_id, reason="family"))

    assert await wait_state(child) == "left"


async def test_a_referral_that_ended_before_service_gives_its_mentor_back(child: Child) -> None:
    await child.wait()
    await child.assign()

    await child.hear(
        ReferralWithdrawn(youth_id=child.youth_id, referral_id=child.referral_id, reason="family")
    )

    assert await episode_state(child) == "closed"
    assert await child.pool.fetchval("SELECT count(*) FROM assignment WHERE ended IS NULL") == 0


async def test_the_last_attestation_opens_the_episode(child: Child) -> None:
    await child.wait()
    await child.assign()
    await child.hear(*child.gate_two)

    assert await child.told() == ["ReferralWaitlisted", "MentorAssigned", "EpisodeOpened"]
    opened = await child.body("EpisodeOpened")
    assert opened["effective"] == TODAY.isoformat()
    assert opened["mentor_id"] == str(MENTOR)
    assert opened["supervisor_id"] == str(SUPERVISOR)


@pytest.mark.parametrize("missing", range(4))
async def test_no_episode_opens_while_one_attestation_is_missing(
    child: Child, missing: int
) -> None:
    told = [event for n, event in enumerate(child.gate_two) if n != missing]
    await child.wait()
    await child.assign()

    await child.hear(*told)

    assert await episode_state(child) == "pending"


async def test_an_attestation_taken_back_in_time_keeps_the_episode_closed(child: Child) -> None:
    await child.wait()
    await child.hear(*child.gate_two, child.attested(Attestation.DOCUMENTS, stands=False))

    assert (await child.assign()).episode == "pending"


async def test_a_release_to_another_hub_opens_no_episode(child: Child) -> None:
    await child.wait()
    await child.assign()
    treatment, release, *rest = child.gate_two
    other = release.model_copy(update={"organisation_id": uuid4()})

    await child.hear(treatment, other, *rest)

    assert await episode_state(child) == "pending"


async def test_an_episode_stays_closed_when_gate_one_has_fallen(child: Child) -> None:
    await child.wait()
    await child.assign()
    await child.hear(child.denied(), *child.gate_two)

    assert await episode_state(child) == "pending"

    await child.hear(child.confirmed())

    assert await episode_state(child) == "open"


async def test_the_last_hub_that_ends_holds_the_episode(child: Child) -> None:
    await child.admit()

    await child.hear(child.disengaged())

    held = await child.body("EpisodeOnHold")
    assert held["reason"] == "hub_inactive"
    assert held["effective"] == TODAY.isoformat()


async def test_a_hub_that_is_to_end_holds_nothing_before_its_day(child: Child) -> None:
    await child.admit()

    await child.hear(child.disengaged(TODAY + timedelta(days=5)))

    assert await episode_state(child) == "open"
    due = await child.pool.fetchrow("SELECT kind, due_at FROM work WHERE kind = 'settle-youth'")
    assert due is not None
    assert due["due_at"] == datetime.fromisoformat("2026-11-27T00:00-05:00")


async def test_a_revoked_treatment_holds_the_episode_and_a_revoked_release_does_not(
    child: Child,
) -> None:
    await child.admit()

    def revoked(kind: ConsentKind) -> Event:
        release = child.hub if kind == ConsentKind.ROI_HUB else None
        return ConsentRevoked(
            youth_id=child.youth_id, kind=kind, organisation_id=release, effective_at=NOW
        )

    await child.hear(revoked(ConsentKind.ROI_HUB))
    assert await episode_state(child) == "open"

    await child.hear(revoked(ConsentKind.TREATMENT))
    assert (await child.body("EpisodeOnHold"))["reason"] == "consent_revoked"


async def test_eligibility_lost_pauses_the_episode_until_it_is_back(child: Child) -> None:
    await child.admit()

    await child.hear(child.denied())
    assert (await child.body("EpisodeOnHold"))["reason"] == "eligibility_lost"

    await child.hear(child.confirmed())
    assert await episode_state(child) == "open"


async def test_a_lapse_is_kept_and_a_later_determination_removes_it(child: Child) -> None:
    await child.wait()
    lapsed = CoverageLapsed(youth_id=child.youth_id, payer=child.payer, effective=TODAY)

    await child.hear(lapsed)
    assert await child.pool.fetchval("SELECT effective FROM coverage_lapse") == TODAY

    await child.hear(child.confirmed())
    assert await child.pool.fetchval("SELECT count(*) FROM coverage_lapse") == 0


def logged_of(child: Child, episode_id: UUID, appointment_id: UUID) -> SessionLogged:
    plan = make_plan()
    return SessionLogged(
        youth_id=child.youth_id,
        session_id=uuid4(),
        version=1,
        referral_id=child.referral_id,
        episode_id=episode_id,
        appointment_id=appointment_id,
        start=plan.slot.start,
        end=plan.slot.end,
        place_of_service=PlaceOfService.OTHER,
        modality=Modality.IN_PERSON,
        units=4,
        billable=True,
        goal_ids=(uuid4(),),
        mentor_id=MENTOR,
        supervisor_id=SUPERVISOR,
        rule_pack_version="test",
    )


async def test_a_void_session_leaves_its_appointment_to_be_told_again(child: Child) -> None:
    episode_id = await child.admit()
    appointment_id = await child.book(make_plan())
    logged = logged_of(child, episode_id, appointment_id)
    await child.hear(logged)
    voided = SessionVoided(
        youth_id=child.youth_id,
        session_id=logged.session_id,
        version=2,
        supersedes=1,
        referral_id=child.referral_id,
        episode_id=episode_id,
        appointment_id=appointment_id,
        reason="did_not_take_place",
        billing_impact=BillingImpact(units_before=4, units_after=0),
        goal_ids=logged.goal_ids,
        care_plan_id=uuid4(),
    )

    await child.hear(voided)

    assert await child.pool.fetchval("SELECT state FROM appointment") == "booked"


async def test_a_session_that_was_logged_completes_its_appointment(child: Child) -> None:
    episode_id = await child.admit()
    appointment_id = await child.book(make_plan())
    logged = logged_of(child, episode_id, appointment_id)

    await child.hear(logged)

    assert await child.pool.fetchval("SELECT state FROM appointment") == "completed"


async def test_hubs_may_read_what_their_events_say(pool: Pool, child: Child) -> None:
    await child.wait()
    await child.hear(child.granted(ConsentKind.ROI_HUB))

    row = await pool.fetchrow(
        "SELECT released, reads @> $2::date AS reads FROM reader WHERE organisation_id = $1",
        *(child.hub, TODAY),
    )
    assert row is not None
    assert tuple(row) == (True, True)
