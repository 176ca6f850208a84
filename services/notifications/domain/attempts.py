"""What comes of an attempt to tell, and how long it is tried again."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

# Standard Webhooks tries for 75 hours and 35 minutes. We try more often than its ten times, for a
# hub that was away a minute should not wait for half an hour.
TRIED_FOR = timedelta(hours=75, minutes=35)
LONGEST_PAUSE = timedelta(hours=1)
LONGEST_ASKED_PAUSE = timedelta(hours=24)  # a Retry-After beyond it would end in silence
HOLD = timedelta(seconds=5)  # short: the lane goes on soon after our own service is back
STRANGER_HOLD = timedelta(minutes=10)
FAILURES_BEFORE_ERROR = 3
GONE = 410
REFUSED_FOR_GOOD = 500  # by a mail server; a hub's 500 may pass


class Unsent(StrEnum):
    """Why nothing was sent, or nothing is known of what was: fit for a log."""

    HELD = "no-answer-about-consent"
    NO_SECRET = "no-answer-about-secret"  # noqa: S105
    NO_CLIENT = "client-unknown"
    FORBIDDEN = "endpoint-forbidden"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True)
class Answered:
    """The endpoint's answer; `retry_after` is what it asks for with a 429 or 503."""

    status: int
    retry_after: timedelta | None = None


@dataclass(frozen=True)
class Failed:
    """No answer came."""

    why: Unsent


@dataclass(frozen=True)
class Held:
    """Nobody could say whether it may be sent: it is not sent, and asked again soon."""

    why: Unsent


@dataclass(frozen=True)
class Withheld:
    """It may not be sent: closed, without a number."""


@dataclass(frozen=True)
class Nothing:
    """There is nothing to send any more."""


Outcome = Answered | Failed | Held | Withheld | Nothing


def is_delivered(outcome: Outcome) -> bool:
    """Only 2xx is a yes: a redirection is followed nowhere and tells us nothing."""
    return isinstance(outcome, Answered) and 200 <= outcome.status < 300


def pause_after(attempts: int, outcome: Outcome, *, jitter: float) -> timedelta:
    """How long to wait before the next attempt. `jitter` between 0 and 1 spreads the hubs."""
    if isinstance(outcome, Held):
        return STRANGER_HOLD if outcome.why is Unsent.NO_CLIENT else HOLD
    asked_for = outcome.retry_after if isinstance(outcome, Answered) else None
    pause = max(doubled(attempts), min(asked_for or timedelta(), LONGEST_ASKED_PAUSE))
    return pause * (1 + jitter / 4)


def doubled(attempts: int) -> timedelta:
    return timedelta(seconds=min(2 ** min(attempts, 20), LONGEST_PAUSE.total_seconds()))
