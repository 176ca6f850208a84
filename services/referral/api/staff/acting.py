"""What staff do with a referral: attest, add facts, close, judge a duplicate (DOMAIN.md §9)."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, Field

from contracts.codes import Attestation, HubService, Role
from contracts.events import MentorGender, Window
from services.chassis.auth import Staff
from services.chassis.doors import Forbidden
from services.chassis.staff import Caller, Conn, touch
from services.referral.api.staff.router import READERS, Body, StateView, now_of, staff, state_of
from services.referral.commands import attest, close, facts
from services.referral.commands.attest import Act
from services.referral.commands.facts import PayerAnswer
from services.referral.domain.states import CloseReason


class NewAttestation(Body):
    kind: Attestation
    stands: bool = True
    given_by: Annotated[str | None, Field(max_length=200)] = None
    given_on: date | None = None
    evidence: Annotated[str | None, Field(max_length=2000)] = None
    organisation_id: Annotated[
        UUID | None, Field(description="To which hub a release goes; else the one that asked.")
    ] = None


class Attested(BaseModel):
    attestation_id: UUID


class YouthFacts(Body):
    birth_date: date | None = None
    deceased: bool | None = None


class HubFacts(Body):
    """A hub service that the hub confirmed; without an organisation it is the asking one's."""

    hub_service: HubService
    organisation_id: UUID | None = None
    begins: date | None = None
    ends: Annotated[date | None, Field(description="Last day.")] = None


class CoverageFacts(Body):
    payer_id: Annotated[UUID, Field(description="A registered payer.")]
    member_id: Annotated[str, Field(min_length=1, max_length=80)]
    rank: Annotated[int, Field(ge=1, le=9)] = 1


class GoalFacts(Body):
    """Goals of the hub's plan that it says are for Therapeutic Mentoring."""

    goal_ids: Annotated[list[UUID], Field(min_length=1, max_length=50)]


class Wishes(Body):
    mentor_gender: MentorGender | None = None
    windows: Annotated[list[Window] | None, Field(max_length=50)] = None
    hours_per_week: Annotated[float | None, Field(gt=0, le=40)] = None


class PayerAnswerFacts(Body):
    """What a payer told a person; `product` is a code of the rule pack."""

    coverage_id: UUID
    is_active: bool
    product: str | None = None
    begins: date | None = None
    ends: Annotated[date | None, Field(description="Last day.")] = None


class NewFacts(Body):
    """What staff learned; what is left out stays as it is."""

    youth: YouthFacts | None = None
    hub: HubFacts | None = None
    coverage: CoverageFacts | None = None
    tm_goals: GoalFacts | None = None
    wishes: Wishes | None = None
    payer_answer: PayerAnswerFacts | None = None


class Closing(Body):
    """`text` is shown to the hub in its Task."""

    reason: CloseReason
    text: Annotated[str | None, Field(max_length=1000)] = None


class DuplicateJudgement(Body):
    """That it is the same child is said by joining the two: POST …/merge."""

    distinct: Annotated[bool, Field(description="True: another child; the referral goes on.")]


@staff.post("/referrals/{referral_id}/attestations", roles=READERS, status_code=201)
async def add_attestation(
    referral_id: UUID, body: NewAttestation, conn: Conn, caller: Caller, request: Request
) -> Attested:
    """A coordinator attests consents and documents, a licensed supervisor medical necessity."""
    refuse_other_roles(body.kind, caller)
    touch(request, f"ServiceRequest/{referral_id}")
    act = Act(
        *(body.kind, body.stands, caller.staff_id),
        *(body.given_by, body.given_on, body.evidence),
        organisation_id=body.organisation_id,
    )
    id_ = await attest.attest(conn, referral_id, act, now=now_of(request))
    return Attested(attestation_id=id_)


def refuse_other_roles(kind: Attestation, caller: Staff) -> None:
    necessity = kind is Attestation.MEDICAL_NECESSITY
    needed = Role.SUPERVISOR if necessity else Role.COORDINATOR
    if needed not in caller.roles:
        raise Forbidden


@staff.post("/referrals/{referral_id}/facts", roles={Role.COORDINATOR})
async def add_facts(
    referral_id: UUID, body: NewFacts, conn: Conn, caller: Caller, request: Request
) -> StateView:
    """Keep what was learned; gate 1 runs again. With nothing in it, it only runs again."""
    touch(request, f"ServiceRequest/{referral_id}")
    learned = body.model_dump(mode="json", exclude_none=True, exclude={"payer_answer"})
    told = body.payer_answer
    await facts.learn(
        conn,
        referral_id,
        learned,
        answer=PayerAnswer(**told.model_dump()) if told else None,
        staff_id=caller.staff_id,
        now=now_of(request),
    )
    return await state_of(conn, referral_id)


@staff.post("/referrals/{referral_id}/close", roles={Role.COORDINATOR})
async def close_referral(
    referral_id: UUID, body: Closing, conn: Conn, caller: Caller, request: Request
) -> StateView:
    """End a referral that is not in service, or confirm that it is withdrawn."""
    touch(request, f"ServiceRequest/{referral_id}")
    now = now_of(request)
    if body.reason is CloseReason.WITHDRAWN:
        await close.withdraw(conn, referral_id, now=now, text=body.text, by_staff=True)
    else:
        await close.close(conn, referral_id, body.reason, text=body.text, now=now)
    return await state_of(conn, referral_id)


@staff.post("/referrals/{referral_id}/duplicate-review", roles={Role.COORDINATOR})
async def judge_duplicate(
    referral_id: UUID, body: DuplicateJudgement, conn: Conn, caller: Caller, request: Request
) -> StateView:
    """Say that a referral under duplicate review is another child's."""
    touch(request, f"ServiceRequest/{referral_id}")
    if body.distinct:
        await close.clear_duplicate(conn, referral_id, now=now_of(request))
    return await state_of(conn, referral_id)
