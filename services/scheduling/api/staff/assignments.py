"""Staff give a youth a mentor, offer one first, see why, and end it."""

from uuid import UUID, uuid4

from fastapi import Request

from contracts.codes import Role
from services.chassis.db import Connection
from services.chassis.staff import Caller, Conn, touch
from services.scheduling.api.bodies import (
    AssignmentEnd,
    AssignmentView,
    Declined,
    ExplainedView,
    JudgedView,
    NewAssignment,
    NewOffer,
    OfferView,
    PassedView,
)
from services.scheduling.api.staff.door import LISTS, names_of, now_of, staff
from services.scheduling.commands import assign as commands
from services.scheduling.commands import offers, reassign
from services.scheduling.commands.assign import Assigned
from services.scheduling.commands.offers import Choice
from services.scheduling.domain.episodes import EndOfAssignment
from services.scheduling.domain.offers import DeclinedBy
from services.scheduling.store.assignments import Made, Offer, PassedOver


@staff.post("/assignments", roles={Role.SCHEDULER}, status_code=201)
async def assign_mentor(
    body: NewAssignment, conn: Conn, caller: Caller, request: Request
) -> AssignmentView:
    """Give a waiting youth a mentor; the episode opens as soon as nothing else is missing."""
    done = await commands.assign(
        conn,
        body.referral_id,
        body.mentor_id,
        assignment_id=uuid4(),
        assigned_by=caller.staff_id,
        passed_reason=body.passed_reason,
        now=now_of(request),
    )
    touch(request, f"ServiceRequest/{body.referral_id}")
    return assignment_view(done)


@staff.get("/assignments/{assignment_id}", roles=LISTS | {Role.SUPERVISOR})
async def explain_assignment(
    assignment_id: UUID, conn: Conn, caller: Caller, request: Request
) -> ExplainedView:
    """Why this mentor and why not the others, as it was judged on that day."""
    made = await commands.explained(conn, assignment_id)
    touch(request, f"ServiceRequest/{made.assignment.referral_id}")
    return await explained_view(conn, made)


@staff.post("/assignments/{assignment_id}/end", roles={Role.SCHEDULER, Role.SUPERVISOR})
async def end_assignment(
    assignment_id: UUID, body: AssignmentEnd, conn: Conn, caller: Caller, request: Request
) -> ExplainedView:
    """Seek another mentor for this youth: what is planned is cancelled, the episode waits."""
    reason = EndOfAssignment(body.reason)
    made = await reassign.change_mentor(conn, assignment_id, reason, now=now_of(request))
    touch(request, f"ServiceRequest/{made.assignment.referral_id}")
    return await explained_view(conn, made)


@staff.post("/offers", roles={Role.SCHEDULER}, status_code=201)
async def offer_mentor(body: NewOffer, conn: Conn, caller: Caller, request: Request) -> OfferView:
    """Offer a mentor to a family; the mentor's hours are kept until it is answered."""
    made = await offers.offer(
        conn,
        Choice(body.referral_id, body.mentor_id, body.passed_reason),
        offer_id=uuid4(),
        offered_by=caller.staff_id,
        now=now_of(request),
    )
    touch(request, f"ServiceRequest/{body.referral_id}")
    return offer_view(made)


@staff.post("/offers/{offer_id}/accept", roles=LISTS)
async def accept_offer(
    offer_id: UUID, conn: Conn, caller: Caller, request: Request
) -> AssignmentView:
    """The family agrees: the mentor is assigned."""
    done = await offers.accept(conn, offer_id, accepted_by=caller.staff_id, now=now_of(request))
    touch(request, f"ServiceRequest/{done.assignment.referral_id}")
    return assignment_view(done)


@staff.post("/offers/{offer_id}/decline", roles=LISTS)
async def decline_offer(
    offer_id: UUID, body: Declined, conn: Conn, caller: Caller, request: Request
) -> OfferView:
    """The family, the mentor or we say no; the youth waits on from the day of receipt."""
    made = await offers.decline(conn, offer_id, DeclinedBy(body.by), now=now_of(request))
    touch(request, f"ServiceRequest/{made.referral_id}")
    return offer_view(made)


# --- Views ---------------------------------------------------------------------------------------


def assignment_view(done: Assigned) -> AssignmentView:
    assignment = done.assignment
    return AssignmentView(
        assignment_id=assignment.assignment_id,
        referral_id=assignment.referral_id,
        youth_id=assignment.youth_id,
        mentor_id=assignment.mentor_id,
        supervisor_id=assignment.supervisor_id,
        standing_until=assignment.standing_until,
        score=assignment.score,
        reasons=assignment.reasons,
        passed_over=len(done.passed_over),
        passed=tuple(map(passed_view, done.passed_over)),
        episode_id=done.episode_id,
        episode_state=done.episode,
    )


async def explained_view(conn: Connection, made: Made) -> ExplainedView:
    assignment = made.assignment
    names = await names_of(conn, [UUID(one["mentor_id"]) for one in made.considered])
    return ExplainedView(
        assignment_id=assignment.assignment_id,
        referral_id=assignment.referral_id,
        youth_id=assignment.youth_id,
        mentor_id=assignment.mentor_id,
        began=assignment.began,
        ended=made.ended,
        end_reason=made.end_reason,
        reasons=assignment.reasons,
        considered=tuple(
            JudgedView(**one, name=names[UUID(one["mentor_id"])]) for one in made.considered
        ),
        passed=tuple(map(passed_view, made.passed.over)),
        passed_reason=made.passed.reason,
    )


def passed_view(one: PassedOver) -> PassedView:
    return PassedView(referral_id=one.referral_id, days_waiting=one.days_waiting)


def offer_view(offer: Offer) -> OfferView:
    return OfferView(
        offer_id=offer.offer_id,
        referral_id=offer.referral_id,
        youth_id=offer.youth_id,
        mentor_id=offer.mentor_id,
        expires_on=offer.expires_on,
        state=offer.state,
    )
