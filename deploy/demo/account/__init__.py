"""The account of every referral: counted from the four databases and the partners' own logs.

It asks nobody who acted. Where a referral should be follows from the records themselves
(`verdict`), and whether anything was lost, done twice or done out of order from a comparison of all
four databases with each other and with what hubs have heard (`streams`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg

from deploy.demo.account.line import Line
from deploy.demo.account.partners import answered, ask, hear
from deploy.demo.account.streams import PRODUCERS, Wrongs, compare, told_by
from deploy.demo.account.verdict import judge
from deploy.demo.account.witnesses import (
    add_documentation,
    add_notifications,
    add_scheduling,
    referrals,
    refused_by_us,
)

__all__ = ["Account", "Line", "Logs", "Wrongs", "draw_up"]

Log = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Logs:
    """What partners wrote down themselves: each hub's log by its name, and the payer's."""

    hubs: Mapping[str, Log] = field(default_factory=dict)
    payer: Log = ()


@dataclass
class Account:
    lines: list[Line]
    unknown: list[str]  # accepted from a hub, but in no database
    ghosts: list[str]  # refused to a hub, but in a database
    refused: int  # submissions that were refused, and kept for whoever helps their sender
    events: dict[str, int]
    wrongs: Wrongs

    @property
    def is_right(self) -> bool:
        """True when there is something to account for and nothing of it is wrong."""
        problems = any(line.problems for line in self.lines)
        return bool(self.lines) and not (problems or self.unknown or self.ghosts or self.wrongs)


async def draw_up(
    dsn: Mapping[str, str],
    logs: Logs,
    *,
    now: datetime | None = None,
    only: Collection[str] | None = None,
) -> Account:
    """The account of a stack: its databases by service, and its partners' logs.

    `now`: business time, the machine's if none is given. `only`: the ids of the referrals to
    judge; None judges all that there are.
    """
    databases = {name: await asyncpg.connect(address) for name, address in dsn.items()}
    try:
        lines = await referrals(databases["referral"])
        await add_scheduling(databases["scheduling"], lines, now or datetime.now(UTC))
        await add_documentation(databases["documentation"], lines)
        await add_notifications(databases["notifications"], lines)
        refused = await refused_by_us(databases["referral"])
        wrongs = await compare(databases, logs.hubs)
        events = {name: await told_by(databases[name]) for name in PRODUCERS}
    finally:
        for connection in databases.values():
            await connection.close()
    known = {line.placer for line in lines}
    hear(lines, logs.hubs)
    ask(lines, logs.payer)
    if only is not None:
        lines = [line for line in lines if str(line.referral_id) in only]
    accepted, declined = answered(logs.hubs)
    for line in lines:
        line.has_witness = line.placer in accepted
        judge(line)
    return Account(
        lines,
        unknown=sorted(accepted - known),
        ghosts=sorted((declined - accepted) & known),
        refused=refused,
        events=events,
        wrongs=wrongs,
    )
