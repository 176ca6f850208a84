"""`make up`, `make down`: `python -m deploy.local.up [up|down|status|remove] [--home FOLDER]`."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from deploy.local.machine import Missing
from deploy.local.stack import NO_TRACE_PAGE, ROOT, Addresses, Stack

HOME = ROOT / "var"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what was asked; 1, with one plain sentence, where it cannot be done."""
    parser = argparse.ArgumentParser(description="Runs the whole of Waypost on this machine.")
    parser.add_argument("verb", nargs="?", default="up", choices=list(VERBS))
    parser.add_argument("--home", type=Path, default=HOME, help=f"default: {HOME}")
    asked = parser.parse_args(arguments)
    stack = Stack(asked.home)
    try:
        return VERBS[asked.verb](stack)
    except (Missing, TimeoutError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def up(stack: Stack) -> int:
    began = time.monotonic()
    addresses = stack.up()
    sys.stdout.write(f"{described(addresses)}\nUp in {time.monotonic() - began:.1f} seconds.\n")
    return 0


def down(stack: Stack) -> int:
    stack.down()
    sys.stdout.write("Everything is stopped; the data is kept.\n")
    return 0


def remove(stack: Stack) -> int:
    stack.remove()
    sys.stdout.write("Everything is stopped, and its data removed.\n")
    return 0


def status(stack: Stack) -> int:
    for name, running in stack.folder.running().items():
        sys.stdout.write(f"{name:15} {running.pid}\n")
    return 0 if stack.folder.supervisor() else 3


def described(addresses: Addresses) -> str:
    lines = {
        "FHIR for partners": addresses.fhir,
        "Doors for staff": f"{addresses.base_url}/api/<service>",
        "Kafka": addresses.kafka,
        **{f"{name}, simulated": url for name, url in addresses.simulators.items()},
        "Traces": addresses.traces or NO_TRACE_PAGE,
        "Logs": addresses.files["log"],
        "For the waypost command": f". {addresses.home}/waypost.env",
    }
    return "\n".join(f"{name + ':':26}{value}" for name, value in lines.items())


VERBS = {"up": up, "down": down, "status": status, "remove": remove}

if __name__ == "__main__":
    sys.exit(main())
