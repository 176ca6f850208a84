"""The Task of each referral, as its hub sees it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from contracts.codes import Check, HubService, OpenItem, TaskStatus
from services.chassis.db import Connection, Record
from services.referral.domain.states import Approval, Business, Placer, Reason, TaskRow, View

__all__ = ["Placer", "TaskRow", "Wanted", "add_task", "list_tasks", "lock_task", "task_by_id"]
__all__ += ["task_by_referral", "update_note", "update_past", "update_placer", "update_task"]

FILLER_SYSTEM = "https://waypost.example/ids/referral"


async def add_task(
    conn: Connection,
    referral_id: UUID,
    task_id: UUID,
    placer: Placer | None,
    *,
    authored_on: datetime | None = None,
    now: datetime,
) -> None:
    """Open the Task of a referral that was just stored; it is shown with version 1 later.

    `authored_on`: of a later one; the first is as old as its referral.
    """
    await conn.execute(
        """
        INSERT INTO task (task_id, referral_id, organisation_id, youth_id, placer_system,
                          placer_value, priority, authored_on, version, status, last_modified)
        SELECT $2, referral_id, organisation_id, youth_id, $3, $4, priority,
               coalesce($6, received_at), 0, 'requested', $5
          FROM referral
         WHERE referral_id = $1
        """,
        referral_id,
        task_id,
        *((placer.system, placer.value) if placer else (None, None)),
        *(now, authored_on),
    )


async def update_past(conn: Connection, referral_id: UUID) -> None:
    """Leave a Task that has ended behind: another one will stand for the referral."""
    await conn.execute(
        "UPDATE task SET is_current = false WHERE referral_id = $1 AND is_current", referral_id
    )


async def update_placer(conn: Connection, referral_id: UUID, placer: Placer) -> bool:
    """Adopt the hub's number; False when the Task has another one already."""
    adopted = await conn.fetchval(
        """
        UPDATE task
           SET placer_system = $2, placer_value = $3, version = version + 1, updated_at = now()
         WHERE referral_id = $1 AND is_current AND placer_value IS NULL
        RETURNING true
        """,
        *(referral_id, placer.system, placer.value),
    )
    return adopted is True


async def update_task(
    conn: Connection, referral_id: UUID, view: View, *, version: int, now: datetime
) -> None:
    """Show a new version. `updated_at` is machine time: what searches by time rely on."""
    await conn.execute(
        """
        UPDATE task
           SET version = $2, status = $3, business = $4, business_text = $5, reason = $6,
               outputs = $7, started_at = $8, ended_at = $9, last_modified = $10,
               updated_at = now()
         WHERE referral_id = $1 AND is_current
        """,
        *(referral_id, version, view.status, view.business, view.business_text),
        *(reason_out(view.reason), outputs_out(view), view.started_at, view.ended_at, now),
    )


async def update_note(conn: Connection, task_id: UUID, note: list[dict[str, Any]]) -> None:
    """Keep the remarks that a hub left on its Task."""
    await conn.execute("UPDATE task SET note = $2 WHERE task_id = $1", task_id, note)


async def task_by_referral(conn: Connection, referral_id: UUID) -> TaskRow | None:
    """The Task that stands for a referral now; those that ended before it was reopened do not."""
    row = await conn.fetchrow(
        """
        SELECT task_id, referral_id, organisation_id, youth_id, placer_system, placer_value,
               priority, authored_on, version, status, business, business_text, reason, outputs,
               started_at, ended_at, note, last_modified, updated_at, is_current
          FROM task
         WHERE referral_id = $1 AND is_current
        """,
        referral_id,
    )
    return row_of(row) if row else None


async def task_by_id(conn: Connection, task_id: UUID, organisation_id: UUID) -> TaskRow | None:
    """A Task of one organisation; None for another's and for none."""
    row = await conn.fetchrow(
        """
        SELECT task_id, referral_id, organisation_id, youth_id, placer_system, placer_value,
               priority, authored_on, version, status, business, business_text, reason, outputs,
               started_at, ended_at, note, last_modified, updated_at, is_current
          FROM task
         WHERE task_id = $1
           AND organisation_id = $2
           AND version > 0
        """,
        *(task_id, organisation_id),
    )
    return row_of(row) if row else None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a search asks for; None: anything. `numbers` are (system, value), None in either: any.

    Times are those of `updated_at`; a page begins behind (after_at, after_id).
    """

    organisation_id: UUID
    task_ids: tuple[UUID, ...] | None
    statuses: tuple[str, ...] | None
    referral_ids: tuple[UUID, ...] | None
    youth_ids: tuple[UUID, ...] | None
    numbers: tuple[tuple[str | None, str | None], ...] | None
    since: datetime | None
    before: datetime | None
    after_at: datetime | None
    after_id: str | None
    limit: int


async def list_tasks(conn: Connection, wanted: Wanted) -> list[TaskRow]:
    """The Tasks of one organisation that match, in the order of (updated_at, id)."""
    numbers = wanted.numbers
    rows = await conn.fetch(
        """
        SELECT task_id, referral_id, organisation_id, youth_id, placer_system, placer_value,
               priority, authored_on, version, status, business, business_text, reason, outputs,
               started_at, ended_at, note, last_modified, updated_at, is_current
          FROM task
         WHERE organisation_id = $1
           AND version > 0
           AND ($2::uuid[] IS NULL OR task_id = ANY ($2))
           AND ($3::text[] IS NULL OR status = ANY ($3))
           AND ($4::uuid[] IS NULL OR referral_id = ANY ($4))
           AND ($5::uuid[] IS NULL OR youth_id = ANY ($5))
           AND ($6::text[] IS NULL OR EXISTS (
               SELECT
                 FROM unnest($6::text[], $7::text[]) AS asked (system, value)
                 JOIN (VALUES (coalesce(placer_system, ''), placer_value),
                              ($8, referral_id::text)) AS own (system, value)
                   ON coalesce(asked.system, own.system) = own.system
                  AND coalesce(asked.value, own.value) = own.value))
           AND ($9::timestamptz IS NULL OR updated_at >= $9)
           AND ($10::timestamptz IS NULL OR updated_at < $10)
           AND ($11::timestamptz IS NULL OR (updated_at, task_id) > ($11, $12::uuid))
         ORDER BY updated_at, task_id
         LIMIT $13
        """,
        *(wanted.organisation_id, wanted.task_ids, wanted.statuses, wanted.referral_ids),
        wanted.youth_ids,
        None if numbers is None else [system for system, _ in numbers],
        None if numbers is None else [value for _, value in numbers],
        FILLER_SYSTEM,
        *(wanted.since, wanted.before, wanted.after_at),
        UUID(wanted.after_id) if wanted.after_id else None,
        wanted.limit,
    )
    return [row_of(row) for row in rows]


async def lock_task(conn: Connection, task_id: UUID) -> None:
    """Let nobody else change the Task's referral until the transaction ends."""
    await conn.execute(
        """
        SELECT FROM referral r JOIN task t USING (referral_id)
         WHERE t.task_id = $1 FOR UPDATE OF r
        """,
        task_id,
    )


# --- View ⇄ columns -----------------------------------------------------------------------------


def reason_out(reason: Reason | None) -> dict[str, Any] | None:
    if reason is None:
        return None
    return {"system": reason.system, "codes": list(reason.codes), "text": reason.text}


def outputs_out(view: View) -> dict[str, Any]:
    approval = view.approval
    return {
        "open_items": list(view.open_items),
        "care_plan_id": str(view.care_plan_id) if view.care_plan_id else None,
        "approval": approval
        and {
            "response_id": str(approval.response_id),
            "hub_service": approval.hub_service,
            "hub_since": approval.hub_since and approval.hub_since.isoformat(),
            "checks": list(approval.checks),
        },
    }


def row_of(row: Record) -> TaskRow:
    placer = Placer(row["placer_system"], row["placer_value"]) if row["placer_value"] else None
    return TaskRow(
        *(row["task_id"], row["referral_id"], row["organisation_id"], row["youth_id"], placer),
        *(row["priority"], row["authored_on"], row["version"], view_of(row)),
        *(row["last_modified"], row["updated_at"], tuple(row["note"]), row["is_current"]),
    )


def view_of(row: Record) -> View:
    reason, outputs = row["reason"], row["outputs"]
    care_plan = outputs.get("care_plan_id")
    return View(
        TaskStatus(row["status"]),
        Business(row["business"]) if row["business"] else None,
        row["business_text"],
        Reason(reason["system"], tuple(reason["codes"]), reason["text"]) if reason else None,
        approval_of(outputs.get("approval")),
        tuple(OpenItem(item) for item in outputs.get("open_items", ())),
        row["started_at"],
        row["ended_at"],
        UUID(care_plan) if care_plan else None,
    )


def approval_of(kept: dict[str, Any] | None) -> Approval | None:
    if not kept:
        return None
    since = kept["hub_since"]
    return Approval(
        UUID(kept["response_id"]),
        HubService(kept["hub_service"]),
        date.fromisoformat(since) if since else None,
        tuple(Check(check) for check in kept["checks"]),
    )
