"""What notifications tells: who could not be told."""

from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime, Field

from contracts.events.base import Event


class FromNotifications(Event):
    """Published by the notifications service."""

    topic: ClassVar[str] = "notifications.v1"


class NotificationFailed(FromNotifications):
    """A hub could not be told of a youth for days, or refused to be: a person tells it."""

    type: ClassVar[str] = "NotificationFailed.v1"
    subject: ClassVar[str] = "subscription_id"

    organisation_id: UUID
    subscription_id: UUID
    since: AwareDatetime = Field(description="When the first thing happened that it was not told.")
