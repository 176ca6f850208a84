"""The account of every referral as a table, and in one line what the four databases agree on."""

from rich.console import Console
from rich.table import Table

from deploy.demo.account import Account, Line

WIDTH = 150


def show_account(account: Account) -> None:
    console = Console(width=WIDTH)
    table = Table(title="Every referral, from the four databases and the partners' own logs")
    for name in ("referral", "hub", "payer", "state", "Task", "episode"):
        table.add_column(name, no_wrap=True)
    for name in ("held", "missed", "goals", "told of Task", "of sessions"):
        table.add_column(name, justify="right")
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
        f"{line.task} ({line.business})" if line.business else line.task,
        line.episode,
        f"{line.sessions} of {line.booked}",
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
