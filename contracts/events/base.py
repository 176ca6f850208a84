"""What every event carries, whoever tells it."""

from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from contracts.codes import DataClass


class Frozen(BaseModel):
    """Readers ignore fields they do not know, so that a producer can be upgraded first."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Event(Frozen):
    """What every event carries: the youth whose stream it belongs to, and nothing personal.

    `youth_id` is our own pseudonym. Never a name, birth date, member number or free text: events
    are kept for good and read by every service.
    """

    topic: ClassVar[str]
    type: ClassVar[str]
    subject: ClassVar[str]  # the field that names what the event is about; becomes ce_subject
    data_class: ClassVar[DataClass] = DataClass.PHI_MIN

    youth_id: UUID

    @property
    def stream_id(self) -> UUID:
        """Events of one stream are numbered and applied in order."""
        return self.youth_id
