"""Lines to paste when the demonstration is over; each works as it stands, in this checkout."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.demo.journey import Journey
from deploy.local.stack import Addresses
from deploy.local.up import HOME

PYTHON = ".venv/bin/python"


@dataclass(frozen=True)
class Line:
    """What it is for, and what to paste; `address`: for a browser instead of a shell."""

    about: str
    text: str
    is_address: bool = False


def lines(addresses: Addresses, journey: Journey, trace: str) -> Sequence[Line]:
    """What to look at, by whom: hub, operations, outside scheduler, everybody."""
    home = Path(addresses.home)
    usual = home == HOME
    elsewhere = "" if usual else f" --home {home}"
    env_file = "" if usual else f" --env-file {home}/waypost.env"
    token = f"$({PYTHON} -m deploy.demo.token {journey.hub}{elsewhere})"
    read = f"{addresses.fhir}/Task/{journey.task_id}"
    down = "make down" if usual else f"{PYTHON} -m deploy.local.up down{elsewhere}"
    return (
        Line(
            "as a hub: the Task of a referral, with a fresh token",
            f'curl -s -H "Authorization: Bearer {token}" {read}',
        ),
        Line(
            "as a supervisor: one child's goals and sessions again",
            f"{PYTHON} -m deploy.demo.picture {journey.referral_id}{elsewhere}",
        ),
        Line(
            "in operations: a journey, event by event, and how all services stand",
            f".venv/bin/waypost{env_file} story {journey.referral_id}",
        ),
        Line("", f".venv/bin/waypost{env_file} status"),
        Line("a trace, from a hub's POST to what the hub was told", trace, is_address=True),
        Line(
            "as an outside scheduler: who may be matched, who has a mentor (Ctrl-C ends it; a group"
            " of its own each time hears everything; contracts/README.md says how to get a token)",
            f"{PYTHON} deploy/examples/scheduler.py {addresses.kafka}"
            f' {addresses.base_url}/events token "demo-$(date +%s)"',
        ),
        Line("what a hub was told", f"{addresses.simulators['hub']}/hubs/{journey.hub}/log", True),
        Line("metrics of a service", f"{addresses.ops['referral']}/metrics", True),
        Line("everything goes on running; to stop it", down),
    )


def printed(found: Sequence[Line]) -> str:
    """Each with what it is for above it, so that a line can be taken whole."""
    told = []
    for line in found:
        if line.about:
            told.append(f"\n  # {line.about}")
        told.append(f"  {line.text}")
    return "\n".join(told)
