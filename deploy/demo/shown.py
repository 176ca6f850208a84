"""The account of every referral as a table, and in one line what the four databases agree on."""

from rich import box
from rich.console import Console
from rich.table import Table

from deploy.demo.account import Account, Line

WIDTH = 150
SAID = {  # BSeR's numbers, in a word
    "3.0": "eligible",
    "4.0": "declined",
    "5.1.1": "visit booked",
    "5.1.2": "no show",
    "5.1.3": "visit cancelled",
    "5.1.4": "visit held",
    "5.2": "withdrawal asked",
    "6.0": "withdrawn",
    "7.0": "service ended",
}


def show_account(account: Account) -> None:
    console = Console(width=WIDTH)
    table = Table(
        title="Every referral, from the four databases and the partners' own logs",
        title_justify="left",
        box=box.SIMPLE,
        padding=(0, 1, 0, 0),
    )
    for name in ("referral", "hub", "payer says", "state", "the hub's Task"):
        table.add_column(name, no_wrap=True)
    for name in ("held", "missed", "goals", "Task news", "session news"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for line in account.lines:
        table.add_row(*cells(line))
    console.print(table)
    told = ", ".join(f"{name} {number}" for name, number in account.events.items())
    console.print(f"Events told: {told}. Submissions refused and kept: {account.refused}.")
    for what, placers in (
        ("Accepted from a hub, but in no database", account.unknown),
        ("Refused to a hub, but in a database", account.ghosts),
    ):
        if placers:
            console.print(f"[red]{what}: {', '.join(placers)}")
    colour = "red" if account.wrongs else "green"
    console.print(f"Four databases and the hubs' logs compared: [{colour}]{account.wrongs}[/].")


def show_table(table: Table) -> None:
    console = Console(width=WIDTH)
    console.print()
    console.print(table)


def cells(line: Line) -> list[str]:
    """One line; numbers of what has come are beside those of what was to come."""
    goals = f"{line.goals}" + (f" (-{line.retired})" if line.retired else "")
    return [
        line.placer.rpartition("|")[2],
        line.hub.partition(" ")[0],
        line.payer_says or "not asked",
        line.state,
        ", ".join(filter(None, (line.task, SAID.get(line.business, line.business)))),
        f"{line.sessions}/{line.booked}",
        str(line.no_shows),
        goals,
        str(line.heard_of_task),
        str(line.heard_of_sessions),
        verdict(line),
    ]


def verdict(line: Line) -> str:
    if line.problems:
        return "[red]" + "; ".join(line.problems)
    return "[yellow]right; " + "; ".join(line.notices) if line.notices else "[green]right"
