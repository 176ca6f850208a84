"""The middle of the demonstration: a service is killed, Kafka is gone, and both come back."""

import asyncio

from deploy.demo.actors import Refusal
from deploy.demo.backlog import Backlog
from deploy.local.stack import Stack

KILLED = "scheduling"
AWAY_SECONDS = 5.0
DRAINING_SECONDS = 120.0  # on a machine that does much else; a few seconds where it does not


async def strike(stack: Stack, backlog: Backlog) -> None:
    """Kill a service with -9 and stop Kafka for five seconds; returns when both answer again."""
    backlog.mark(f"{KILLED} is killed with -9")
    await asyncio.to_thread(stack.kill, KILLED)
    try:
        await asyncio.to_thread(stack.stop, "kafka")
        backlog.mark("Kafka is stopped")
        await asyncio.sleep(AWAY_SECONDS)  # not a wait for anything: so long it is away
    finally:  # whatever else has failed meanwhile: nobody is left without Kafka
        await asyncio.to_thread(stack.start, "kafka")
    backlog.mark("Kafka answers again")
    await asyncio.to_thread(stack.wait_for, KILLED)


async def pass_over(backlog: Backlog) -> None:
    """Wait until all that was told is applied everywhere. Raises Refusal when it is not."""
    if not await backlog.drained(seconds=DRAINING_SECONDS):
        left = backlog.samples[-1].behind if backlog.samples else "?"
        raise Refusal(f"{DRAINING_SECONDS:.0f} seconds after the storm {left} events wait still.")
    backlog.mark("everything told is applied")
    await backlog.look_on()
