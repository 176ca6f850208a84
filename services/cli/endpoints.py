"""The part of `waypost status` about endpoints: which are told, what waits for which."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from services.chassis import work
from services.chassis.db import Pool, Record, acquired
from services.cli.databases import console
from services.notifications.commands.queueing import lane_of
from services.notifications.store import subscriptions

STATUSES = ("active", "requested", "error", "off")


async def show(pool: Pool) -> None:
    """Print a row for each endpoint of each client; `pool` is of the database of notifications."""
    async with acquired(pool) as conn:
        rows = await subscriptions.list_endpoints(conn)
        next_in = await work.next_tries(conn)
    if not rows:
        console.print("Nobody has subscribed to be told.")
        return
    console.print(endpoints(next_in, rows))


def endpoints(next_in: Mapping[str, float | None], rows: Sequence[Record]) -> Table:
    """An endpoint is named by its lane: its address may hold a secret of the client's."""
    names = ("endpoint", "subscriptions", "queued", "tried for", "next try", "given up")
    table = Table(title="Endpoints", title_justify="left")
    for name in ("client", *names):
        table.add_column(name, overflow="fold")  # on a narrow screen, too, an id is whole
    for row in rows:
        lane = lane_of(row["client"], row["endpoint"])
        standing = ", ".join(f"{row[name]} {name}" for name in STATUSES if row[name])
        told = (lane.rpartition("/")[2], standing or "-", str(row["queued"]))
        table.add_row(row["client"], *told, *when(row, lane, next_in), str(row["given_up"]))
    return table


def when(row: Record, lane: str, next_in: Mapping[str, float | None]) -> tuple[str, str]:
    """Since when its oldest message is tried, and when it is tried next."""
    tried = "-" if row["tried_for"] is None else f"{row['tried_for']:.0f} s"
    if lane not in next_in:
        return tried, "-"
    seconds = next_in[lane] or 0.0
    return tried, f"in {seconds:.0f} s" if seconds > 0 else "now"
