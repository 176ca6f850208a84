"""What staff send: a session as its mentor tells it, and what is said of a note."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from contracts.codes import MeasuredBy, Modality, PlaceOfService, ProgressScale
from services.chassis.errors import Refused
from services.documentation.commands.corrections import AmendReason, VoidReason
from services.documentation.commands.notes import Told
from services.documentation.domain.goals import Rating
from services.documentation.domain.notes import CitedGoal

Text = Annotated[str, StringConstraints(max_length=20_000)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=2_000)]


class Body(BaseModel):
    """A body of ours takes what it names: a misspelt field is told, not lost."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class GoalBody(Body):
    """A goal that the session worked on; with a rating, or with none of its three parts."""

    goal_id: UUID
    scale: ProgressScale | None = None
    value: float | None = Field(default=None, allow_inf_nan=False)
    measured_by: MeasuredBy | None = None

    def cited(self) -> CitedGoal:
        if self.scale is None or self.value is None or self.measured_by is None:
            if (self.scale, self.value, self.measured_by) != (None, None, None):
                sentence = "A rating has a scale, a value and who measured it."
                raise Refused("rating-incomplete", sentence)
            return CitedGoal(self.goal_id)
        return CitedGoal(self.goal_id, Rating(self.scale, self.value, self.measured_by))


class TextsBody(Body):
    """The narrative parts of a note; staff read them, nobody else does."""

    intervention: Text = ""
    response: Text = ""
    family_contact: Text = ""
    next_plan: Text = ""


class SessionBody(Body):
    """A session as its mentor tells it. Units are computed, never sent."""

    episode_id: UUID
    appointment_id: UUID | None = None
    start: AwareDatetime
    end: AwareDatetime
    place_of_service: PlaceOfService
    modality: Modality
    billable: bool = True
    goals: tuple[GoalBody, ...] = Field(default=(), max_length=50)
    texts: TextsBody = TextsBody()
    late_reason: Reason | None = Field(default=None, description="Needed when the note is late.")

    def told(self) -> Told:
        return Told(
            episode_id=self.episode_id,
            appointment_id=self.appointment_id,
            starts_at=self.start,
            ends_at=self.end,
            place_of_service=self.place_of_service,
            modality=self.modality,
            billable=self.billable,
            goals=tuple(goal.cited() for goal in self.goals),
            texts=self.texts.model_dump(),
            late_reason=self.late_reason,
        )


class ReasonBody(Body):
    reason: Reason


class AmendBody(SessionBody):
    """A final note as it should have been; `reason` names the part that was wrong."""

    reason: AmendReason


class AttestBody(SessionBody):
    """A session of somebody's youth of which its mentor wrote no note."""

    mentor_id: UUID


class VoidBody(Body):
    reason: VoidReason


class AddendumBody(Body):
    text: Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
