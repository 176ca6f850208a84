"""One referral, as each of its witnesses knows it."""

from dataclasses import dataclass, field
from uuid import UUID

NOBODY_KNOWS = "-"


@dataclass
class Line:
    """What the four databases, the payer's log and the hubs' logs say of one referral."""

    placer: str
    referral_id: UUID
    youth_id: UUID
    task_id: UUID
    hub: str
    state: str
    task: str
    business: str
    gaps: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    items: frozenset[str] = frozenset()  # what a person still has to look at
    attested: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()  # the numbers under which the payer may be asked
    telling: dict[str, int] = field(default_factory=dict)  # events about it and its Task, by type
    determinations: int = 0
    alike: int = 0  # open referrals of other hubs that came earlier and name the same member
    payer_says: str | None = None  # yes, no, excluded, nothing, rejects; None: was never asked
    assigned: bool = False
    episode: str = NOBODY_KNOWS
    hold_reason: str | None = None
    booked: int = 0  # still ahead, or over
    over: frozenset[UUID] = frozenset()  # booked sessions of which the time has passed
    no_shows: int = 0
    written: frozenset[UUID] = frozenset()  # appointments with a final note
    session_ids: frozenset[str] = frozenset()
    undone: int = 0  # notes whose co-signing was answered with yes, and that still wait for it
    has_witness: bool = True  # its hub's own log is here to be read
    planned: frozenset[UUID] = frozenset()  # goals for us in the hub's plan as it stands
    active: frozenset[UUID] = frozenset()  # goals of our care plan
    retired: int = 0
    told: int = 0  # notifications delivered, by our own record
    heard_of_task: int = 0
    heard_of_sessions: int = 0
    problems: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)  # what people have left to do

    @property
    def sessions(self) -> int:
        return len(self.session_ids)

    @property
    def goals(self) -> int:
        return len(self.active)
