"""Staff end an episode."""

from uuid import UUID

from fastapi import Request

from contracts.codes import Role
from services.chassis.doors import Forbidden
from services.chassis.staff import Caller, Conn, touch
from services.scheduling.api.bodies import EpisodeEnd, EpisodeView
from services.scheduling.api.staff.door import ENDS, now_of, staff
from services.scheduling.commands import close
from services.scheduling.domain.episodes import CLINICAL


@staff.post("/episodes/{episode_id}/close", roles=ENDS)
async def close_episode(
    episode_id: UUID, body: EpisodeEnd, conn: Conn, caller: Caller, request: Request
) -> EpisodeView:
    """End an episode today; what the youth needs is for a licensed supervisor to judge."""
    if body.reason in CLINICAL and Role.SUPERVISOR not in caller.roles:
        raise Forbidden
    touch(request, f"EpisodeOfCare/{episode_id}")
    end = close.End(body.reason, closed_by=caller.staff_id, attempts=body.attempts)
    episode = await close.close_episode(conn, episode_id, end, now=now_of(request))
    return EpisodeView(
        episode_id=episode.episode_id,
        referral_id=episode.referral_id,
        youth_id=episode.youth_id,
        state=episode.state,
        opened_on=episode.opened_on,
        closed_on=episode.closed_on,
        close_reason=episode.close_reason,
    )
