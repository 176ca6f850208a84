"""The rows of a referral: what was sent, what was read from it, and the bytes themselves."""

from collections.abc import Sequence
from dataclasses import replace

from services.chassis.db import Connection
from services.chassis.fhir.guard import dumps
from services.referral.commands.announce import active
from services.referral.commands.case import Case, is_written, off_loop
from services.referral.commands.hub_days import remember_days
from services.referral.domain.intake import Intake, SentPlan
from services.referral.mapping.inbound.entries import Entry, bundle_digest, content_of
from services.referral.mapping.mirror import body_of
from services.referral.mapping.searching import found_by
from services.referral.store import coverage, hubs, mirror, plans, submissions, youths
from services.referral.store.mirror import Mirror
from services.referral.store.staff_facts import staff_hub_id


async def keep_entries(conn: Connection, case: Case) -> None:
    """Store what was sent as its hub will read it back; what is unchanged is not touched."""
    rows = await off_loop(case.reading.submission, lambda: rows_of(case.entries))
    await mirror.add_mirrors(conn, case.organisation_id, case.youth_id, case.referral_id, rows)


def rows_of(entries: Sequence[Entry]) -> list[Mirror]:
    rows = []
    for entry in filter(is_written, entries):
        type_, _, id_ = entry.ref.partition("/")
        numbers = tuple(str(identifier) for identifier in entry.identifiers)
        tokens, names, dated = found_by(entry.resource)
        body, content = body_of(entry), content_of(entry)
        rows.append(Mirror(type_, id_, numbers, tokens, names, dated, body, entry.shape, content))
    return rows


async def keep_facts(
    conn: Connection, case: Case, intake: Intake, *, before: Intake | None
) -> int | None:
    """Store what was read from it; returns the number of a new version of the hub's plan."""
    youth_id, referral_id = case.youth_id, case.referral_id
    if intake.related:
        await youths.add_related_people(conn, youth_id, intake.related)
    if intake.coverages or before:
        await coverage.add_coverages(conn, youth_id, referral_id, intake.coverages)
    if intake.hubs or before:
        since = active(intake.hubs, case.today)
        by_staff = staff_hub_id(referral_id)
        await hubs.add_hubs(conn, youth_id, referral_id, intake.hubs, since, by_staff=by_staff)
        await remember_days(conn, referral_id, intake.hubs, today=case.today)
    if intake.documents or before:
        await plans.add_documents(conn, referral_id, intake.documents)
    plan = plan_to_keep(intake, before)
    if plan is None:
        return None
    details = [dumps(goal.details) for goal in plan.goals]
    return await plans.add_plan(
        conn, youth_id, referral_id, plan, details=details, effective=case.today
    )


def plan_to_keep(intake: Intake, before: Intake | None) -> SentPlan | None:
    """The plan, if it is another than before; without any goal where it was taken back."""
    was = before.plan if before else None
    if intake.plan == was:
        return None
    return intake.plan or (was and replace(was, goals=()))


async def keep_bytes(conn: Connection, case: Case, version: int) -> None:
    await submissions.add_submission(
        conn,
        case.referral_id,
        version,
        client_id=case.partner.client_id,
        organisation_id=case.organisation_id,
        body=case.body,
        content=bundle_digest(case.reading.submission),
        now=case.now,
    )
