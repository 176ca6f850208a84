"""Letters: who is written to about what, in which words, and who does not wish it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.notifications.domain.subscriptions import State


class Letter(StrEnum):
    """What a letter is about. Few, because each is one more thing that somebody must read."""

    REFERRAL_RECEIVED = "referral-received"
    INFORMATION_MISSING = "information-missing"
    HUB_NOT_REACHED = "hub-not-reached"
    REASSIGNMENT_NEEDED = "reassignment-needed"
    MENTOR_FOUND = "mentor-found"
    MENTOR_LEAVES = "mentor-leaves"
    NEXT_APPOINTMENT = "next-appointment"
    APPOINTMENT_CANCELLED = "appointment-cancelled"
    NOTE_OVERDUE = "note-overdue"


class Audience(StrEnum):
    """Whom a letter is for: a mailbox of the agency, a youth's family, a member of staff."""

    COORDINATORS = "coordinators"
    FAMILY = "family"
    STAFF = "staff"


AUDIENCES = {
    Letter.REFERRAL_RECEIVED: Audience.COORDINATORS,
    Letter.INFORMATION_MISSING: Audience.COORDINATORS,
    Letter.HUB_NOT_REACHED: Audience.COORDINATORS,
    Letter.REASSIGNMENT_NEEDED: Audience.COORDINATORS,
    Letter.MENTOR_FOUND: Audience.FAMILY,
    Letter.MENTOR_LEAVES: Audience.FAMILY,
    Letter.NEXT_APPOINTMENT: Audience.FAMILY,
    Letter.APPOINTMENT_CANCELLED: Audience.FAMILY,
    Letter.NOTE_OVERDUE: Audience.STAFF,
}
LANGUAGES = ("en", "es")  # in which we have words; the first where nothing else is known

# A family is reminded two days before, and told at once of what is sooner than that.
REMINDED_BEFORE = timedelta(days=2)


@dataclass(frozen=True)
class Mailbox:
    """One person's address; `recipient` is our id of the person."""

    recipient: UUID
    address: str
    languages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mailboxes:
    """To whom may be written about a youth: nobody unless consent to e-mail stands."""

    stands: bool
    found: tuple[Mailbox, ...] = ()


@dataclass(frozen=True)
class Preference:
    """What a family or a member of staff wishes; staff alone also say their address here."""

    language: str | None = None
    opted_out: frozenset[Letter] = frozenset()
    address: str | None = None


@dataclass(frozen=True)
class Mail:
    """One letter to one recipient: a family's person, a member of staff, or the agency (None)."""

    id: UUID
    letter: Letter
    youth_id: UUID
    subject_id: UUID  # the referral, the appointment or the episode that it is about
    recipient: UUID | None
    facts: Mapping[str, str]
    state: State
    attempts: int
    first_sent_at: datetime | None
    occurred_at: datetime


ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?"
)


def is_address(text: str) -> bool:
    """True for one plain address: no name beside it, no second one, no line of its own."""
    return bool(ADDRESS.fullmatch(text)) and len(text) <= 254


def language_for(preference: Preference, spoken: tuple[str, ...]) -> str:
    """The language of a letter: as wished, else the first that is spoken and that we have."""
    wished = (preference.language,) if preference.language else ()
    known = (text.split("-")[0].lower() for text in (*wished, *spoken))
    return next((code for code in known if code in LANGUAGES), LANGUAGES[0])


def reminded_at(start: datetime, *, booked_at: datetime) -> datetime:
    """When a family is told of an appointment."""
    return max(booked_at, start - REMINDED_BEFORE)
