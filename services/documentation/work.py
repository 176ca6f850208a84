"""What is due: a hub plan's words and each reader's number, asked of referral; missing notes."""

from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

from services.chassis.clock import Clock
from services.chassis.db import Connection
from services.chassis.fhir import readers
from services.chassis.rule_packs import in_force
from services.chassis.work import Call, Do, Item
from services.documentation.commands import overdue, plan
from services.documentation.mapping.plan import plan_text_from_answer


class Context(Protocol):
    """What of the process is needed here."""

    @property
    def clock(self) -> Clock: ...

    @property
    def peers(self) -> readers.Peers: ...


def work(context: Context) -> tuple[Mapping[str, Do], Mapping[str, Call]]:
    """The kinds of due work of this service."""
    calls = {plan.ASK_FOR_TEXT: hub_plan_text(context), readers.ASK_NUMBER: readers.work(context)}
    return {overdue.WATCH: missing_note(context)}, calls


def missing_note(context: Context) -> Do:
    """Look whether a session that ended has its note by now."""

    async def look(conn: Connection, item: Item) -> None:
        about_id = UUID(item.payload["about_id"])
        await overdue.look(conn, about_id, pack=in_force(), now=context.clock.now())

    return look


def hub_plan_text(context: Context) -> Call:
    """Ask the owner for the words of a hub plan's version, outside any transaction."""

    async def read(conn: Connection, item: Item) -> str:
        return f"/internal/hub-plans/{item.payload['youth_id']}/{item.payload['version']}"

    async def call(path: str) -> Any:
        return await context.peers.get("referral", path)

    async def record(conn: Connection, item: Item, answer: Any) -> None:
        youth_id, referral_id = (UUID(item.payload[name]) for name in ("youth_id", "referral_id"))
        text = plan_text_from_answer(answer)
        await plan.record_plan_text(conn, youth_id, referral_id, text, now=context.clock.now())

    return Call(read, call, record)
