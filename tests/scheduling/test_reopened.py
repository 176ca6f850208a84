"""A referral that a person joined, separated or opened again, as the waiting list sees it."""

from datetime import timedelta
from uuid import uuid4

from contracts.events import ReferralClosed, ReferralMerged, ReferralReopened
from tests.scheduling.builders import NOW, Child
from tests.scheduling.door import Door
from tests.scheduling.test_close import close
from tests.scheduling.test_handlers import episode_state, wait_state


def merged(child: Child, *, on_stream_of: str = "joined") -> ReferralMerged:
    other = uuid4()
    joined, survivor = (
        (child.youth_id, other) if on_stream_of == "joined" else (other, child.youth_id)
    )
    return ReferralMerged(
        youth_id=child.youth_id,
        referral_id=child.referral_id if on_stream_of == "joined" else uuid4(),
        survivor=uuid4(),
        merged_youth_id=joined,
        survivor_youth_id=survivor,
    )


def reopened(child: Child, reason: str = "closed") -> ReferralReopened:
    return ReferralReopened(youth_id=child.youth_id, referral_id=child.referral_id, reason=reason)


async def test_a_joined_referral_waits_no_more(child: Child) -> None:
    await child.hear(*child.gate_one, merged(child))

    assert await wait_state(child) == "left"


async def test_the_survivor_waits_on(child: Child) -> None:
    await child.hear(*child.gate_one, merged(child, on_stream_of="survivor"))

    assert await wait_state(child) == "waiting"


async def test_what_the_survivors_stream_says_late_ends_no_reopened_referral(child: Child) -> None:
    """Both streams tell of a merge, in no order: the joined one alone says that it ended."""
    survivor = Child(child.pool)
    joined = merged(child)
    await child.hear(*child.gate_one, joined, reopened(child, "not a duplicate"))
    await child.hear(child.confirmed())

    await survivor.hear(joined.model_copy(update={"youth_id": survivor.youth_id}))

    assert await wait_state(child) == "waiting"


async def test_a_reopened_referral_waits_again_from_its_old_day_when_gate_1_is_passed_anew(
    child: Child,
) -> None:
    end = ReferralClosed(
        youth_id=child.youth_id, referral_id=child.referral_id, reason="no_response"
    )
    await child.hear(*child.gate_one, end, reopened(child))
    before = await wait_state(child)

    await child.hear(child.confirmed(), at=NOW + timedelta(days=9))

    assert (before, await wait_state(child)) == ("held", "waiting")
    assert await child.told() == ["ReferralWaitlisted", "ReferralWaitlisted"]
    assert (await child.body("ReferralWaitlisted"))["wait_started"] == "2026-11-10"


async def test_a_reopened_referral_continues_its_episode_with_a_mentor(
    child: Child, door: Door
) -> None:
    episode_id = await child.admit()
    await close(door, episode_id)
    end = ReferralClosed(
        youth_id=child.youth_id, referral_id=child.referral_id, reason="discharged"
    )
    await child.hear(end, reopened(child))
    assert await episode_state(child) == "closed"

    await child.hear(child.confirmed())
    again = await child.assign()

    assert (again.episode_id, await episode_state(child)) == (episode_id, "open")
