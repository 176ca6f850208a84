"""Store a referral as it now stands, and tell what changed: the first time and each time after."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from uuid import UUID

from contracts.codes import Gap, HubService, ReferralState
from contracts.events import (
    HubDisengaged,
    HubEngaged,
    HubPlanUpdated,
    MentorGender,
    PlanGoal,
    ReferralAmended,
    ReferralReceived,
    Window,
)
from contracts.rules import RulePack
from services.chassis import outbox
from services.chassis.auth import Partner
from services.chassis.db import Connection
from services.chassis.fhir.guard import dumps
from services.chassis.fhir.outcome import Issue
from services.referral.commands.tasks import adopt_placer, open_task
from services.referral.commands.triage import triage
from services.referral.domain import eligibility
from services.referral.domain.eligibility import Facts, HubEnrolment
from services.referral.domain.intake import (
    Identifier,
    Intake,
    KnownReferral,
    SentPlan,
    Stored,
    open_items,
)
from services.referral.mapping.inbound.entries import Entry, content_of
from services.referral.mapping.inbound.facts import intake_from
from services.referral.mapping.inbound.graph import Graph
from services.referral.mapping.inbound.judge import Reading
from services.referral.mapping.inbound.remarks import remarks
from services.referral.mapping.inbound.resolve import is_typed, key_of
from services.referral.mapping.mirror import body_of
from services.referral.mapping.searching import found_by
from services.referral.mapping.transaction import Answer
from services.referral.store import coverage, hubs, mirror, plans, submissions, youths
from services.referral.store.mirror import Mirror
from services.referral.store.referrals import (
    Referral,
    add_referral,
    referral_by_id,
    update_referral,
)
from services.referral.store.tasks import Placer, TaskRow

Result = tuple[UUID, int, bool, tuple[Answer, ...]]


@dataclass(frozen=True, slots=True)
class Case:
    """One readable submission and all that it is stored with."""

    reading: Reading
    issues: list[Issue]
    body: bytes
    partner: Partner
    mrn_system: str | None
    now: datetime  # business time
    machine_now: datetime  # what versions are dated by
    rules: RulePack

    @property
    def youth_id(self) -> UUID:
        return self.reading.resolved.youth_id

    @property
    def referral_id(self) -> UUID:
        return self.reading.resolved.referral_id

    @property
    def today(self) -> date:
        return self.reading.today

    def intake(self, graph: Graph) -> Intake:
        request = graph.get(f"ServiceRequest/{self.referral_id}")
        assert request is not None, "a referral has its ServiceRequest"  # noqa: S101
        return intake_from(
            graph,
            request=request,
            youth_id=self.youth_id,
            organisation_id=self.partner.organisation_id,
            mrn_system=self.mrn_system,
        )


# --- The first time -------------------------------------------------------------------------------


async def first_receipt(conn: Connection, case: Case) -> Result:
    """Store a new referral, announce it, open its Task and see what becomes of it."""
    intake = case.intake(case.reading.graph)
    request = case.reading.submission.one("ServiceRequest")
    key = key_of(request) if request else None
    if key is None:
        raise AssertionError("a referral without a number is refused before")
    facts = facts_from(case, intake, version=1, received_at=case.now)
    referral = referral_from(case, intake, facts, key)
    await youths.add_youth(conn, intake.youth, case.partner.organisation_id)
    await add_referral(conn, referral)
    await keep_entries(conn, case)
    version = await keep_facts(conn, case, intake, before=None)
    await keep_bytes(conn, case, 1)
    received = ReferralReceived(**wanted(referral, intake), **about(case))
    await outbox.append(conn, received, at=case.now)
    await tell_hubs(conn, case, (), engaged(intake.hubs, case.today))
    await tell_plan(conn, case, intake.plan, version)
    await open_task(
        conn, case.referral_id, case.reading.resolved.task_id, placer=placer(case), now=case.now
    )
    await triage(conn, case.referral_id, now=case.now, rules=case.rules)
    said = remarks(case.reading.submission, intake, gaps=referral.gaps, items=referral.open_items)
    return case.referral_id, 1, True, answers(case, list(said))


# --- Each time after ------------------------------------------------------------------------------


async def amendment(
    conn: Connection,
    case: Case,
    known: KnownReferral,
    stored: Sequence[Stored],
    task: TaskRow | None,
) -> Result:
    """Lay what came over what is here; the same content changes nothing and tells nobody."""
    intake = case.intake(case.reading.graph)
    row = await referral_by_id(conn, known.referral_id)
    if row is None:
        raise AssertionError("the referral is locked")
    facts = facts_from(case, intake, version=known.version + 1, received_at=row.received_at)
    referral = replace(
        referral_from(case, intake, facts, row.key),
        received_on=row.received_on,
        mentor_gender_required=row.mentor_gender_required,
        mentor_gender_preferred=row.mentor_gender_preferred,
        windows=tuple(intake.windows) or row.windows,
    )
    said = list(
        remarks(case.reading.submission, intake, gaps=referral.gaps, items=referral.open_items)
    )
    if not any(is_written(entry) for entry in case.reading.submission.all):
        return known.referral_id, known.version, False, answers(case, said, task=task)
    before = case.intake(Graph((), stored, case.reading.graph.directory))
    was_engaged = await hubs.list_engaged(conn, known.referral_id)
    await youths.add_youth(conn, intake.youth, case.partner.organisation_id)
    await update_referral(conn, referral)
    await keep_entries(conn, case)
    version = await keep_facts(conn, case, intake, before=before)
    await keep_bytes(conn, case, referral.version)
    amended = ReferralAmended(
        version=referral.version,
        changed_fields=changed_fields(before, intake),
        **wanted(referral, intake),
        **about(case),
    )
    await outbox.append(conn, amended, at=case.now)
    await tell_hubs(conn, case, was_engaged, engaged(intake.hubs, case.today))
    await tell_plan(conn, case, intake.plan, version)
    if (number := placer(case)) and task and task.placer is None:
        task = await adopt_placer(conn, known.referral_id, number, now=case.now)
    await triage(conn, known.referral_id, now=case.now, rules=case.rules)
    return known.referral_id, referral.version, False, answers(case, said, task=task)


def changed_fields(before: Intake, after: Intake) -> tuple[str, ...]:
    """Names of what is no longer as it was."""
    names = [field.name for field in fields(Intake) if field.compare]
    return tuple(name for name in names if getattr(before, name) != getattr(after, name))


# --- Rows -----------------------------------------------------------------------------------------


def is_written(entry: Entry) -> bool:
    """Whether an entry becomes a row, or a new version of one."""
    if entry.organisation or (entry.only_if_new and entry.stored):
        return False
    return entry.stored is None or entry.stored.content != content_of(entry)


async def keep_entries(conn: Connection, case: Case) -> None:
    rows = []
    for entry in case.reading.submission.all:
        if is_written(entry):
            type_, _, id_ = entry.ref.partition("/")
            numbers = tuple(str(identifier) for identifier in entry.identifiers)
            tokens, names, dated = found_by(entry.resource)
            body, content = body_of(entry), content_of(entry)
            rows.append(
                Mirror(type_, id_, numbers, tokens, names, dated, body, entry.shape, content)
            )
    await mirror.add_mirrors(
        conn, case.partner.organisation_id, case.youth_id, case.referral_id, rows
    )


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
        since = {
            hub.enrolment_id: first_of(hub, case.today) for hub in engaged(intake.hubs, case.today)
        }
        await hubs.add_hubs(conn, youth_id, referral_id, intake.hubs, since)
    if intake.documents or before:
        await plans.add_documents(conn, referral_id, intake.documents)
    plan = intake.plan or (before and before.plan and replace(before.plan, goals=()))
    if not plan or (before and before.plan == intake.plan):
        return None
    details = [dumps(goal.details) for goal in plan.goals]
    return await plans.add_plan(
        conn, youth_id, referral_id, plan, details=details, effective=case.today
    )


async def keep_bytes(conn: Connection, case: Case, version: int) -> None:
    await submissions.add_submission(
        conn,
        case.referral_id,
        version,
        client_id=case.partner.client_id,
        organisation_id=case.partner.organisation_id,
        body=case.body,
        now=case.now,
    )


def facts_from(case: Case, intake: Intake, *, version: int, received_at: datetime) -> Facts:
    return Facts(
        referral_id=case.referral_id,
        youth_id=case.youth_id,
        organisation_id=case.partner.organisation_id,
        state=ReferralState.RECEIVED,
        version=version,
        received_at=received_at,
        birth_date=intake.youth.birth_date,
        deceased=intake.youth.deceased,
        coverages=tuple(sent.fact for sent in intake.coverages),
        hubs=intake.hubs,
        plan=intake.plan.fact(1) if intake.plan else None,
        open_items=open_items(intake, on=case.today, rules=case.rules),
    )


def referral_from(case: Case, intake: Intake, facts: Facts, key: Identifier) -> Referral:
    return Referral(
        referral_id=case.referral_id,
        youth_id=case.youth_id,
        organisation_id=case.partner.organisation_id,
        key=key,
        version=facts.version,
        received_at=facts.received_at,
        received_on=case.today,
        request_status=intake.request_status,
        priority=intake.priority,
        hub_service=service_named(facts, case.today),
        gaps=tuple(eligibility.gaps(facts, on=case.today)),
        open_items=facts.open_items,
        hours_per_week=intake.hours_per_week,
        windows=intake.windows,
        do_not_contact=intake.do_not_contact,
    )


def service_named(facts: Facts, on: date) -> HubService | None:
    """The active hub service, else the first that was named."""
    hub = eligibility.hub_of_record(facts, on=on)
    if hub:
        return hub.hub_service
    return next((hub.hub_service for hub in facts.hubs if hub.hub_service), None)


# --- Events ---------------------------------------------------------------------------------------


def about(case: Case) -> dict[str, UUID]:
    return {"youth_id": case.youth_id, "referral_id": case.referral_id}


def wanted(referral: Referral, intake: Intake) -> dict[str, object]:
    """The fields of ReferralReceived as they now stand."""
    return {
        "organisation_id": referral.organisation_id,
        "hub_service": referral.hub_service,
        "priority": referral.priority,
        "received_on": referral.received_on,
        "gaps": tuple(Gap(gap) for gap in referral.gaps),
        "languages": intake.youth.languages,
        "interpreter_needed": intake.youth.interpreter_needed,
        "mentor_gender": MentorGender(
            required=referral.mentor_gender_required, preferred=referral.mentor_gender_preferred
        ),
        "area": intake.youth.area,
        "hours_per_week": referral.hours_per_week,
        "windows": tuple(
            Window(weekday=w.weekday, begins=w.begins, ends=w.ends) for w in referral.windows
        ),
    }


def engaged(named: Sequence[HubEnrolment], today: date) -> list[HubEnrolment]:
    return [hub for hub in named if hub.covers(today)]


def first_of(hub: HubEnrolment, today: date) -> date:
    return hub.begins or today


async def tell_hubs(
    conn: Connection, case: Case, before: Sequence[hubs.Engaged], after: Sequence[HubEnrolment]
) -> None:
    """One HubEngaged per hub service that became active, one HubDisengaged per one that ended."""
    was = {(e.organisation_id, e.hub_service) for e in before}
    now = {(e.organisation_id, e.hub_service): e for e in after if e.hub_service}
    ends = {h.enrolment_id: h.ends for h in after}
    for (organisation_id, service), hub in now.items():
        if (organisation_id, service) not in was:
            engaged_ = HubEngaged(
                youth_id=case.youth_id,
                organisation_id=organisation_id,
                hub_service=service,
                effective=first_of(hub, case.today),
            )
            await outbox.append(conn, engaged_, at=case.now)
    for organisation_id, service in sorted(was - now.keys()):
        gone = HubDisengaged(
            youth_id=case.youth_id,
            organisation_id=organisation_id,
            hub_service=service,
            effective=case.today,
        )
        await outbox.append(conn, gone, at=case.now)
    del ends


async def tell_plan(
    conn: Connection, case: Case, plan: SentPlan | None, version: int | None
) -> None:
    if version is None:
        return
    goals = plan.goals if plan else ()
    event = HubPlanUpdated(
        youth_id=case.youth_id,
        referral_id=case.referral_id,
        version=version,
        period_start=plan.begins if plan else None,
        period_end=plan.ends if plan else None,
        effective=case.today,
        goals=tuple(
            PlanGoal(
                goal_id=goal.goal_id,
                tm_assigned=bool(plan and plan.assigned_on(goal, case.today)),
                status=goal.status,
            )
            for goal in goals
        ),
    )
    await outbox.append(conn, event, at=case.now)


def placer(case: Case) -> Placer | None:
    """The hub's own number of its Task, if it sent one."""
    task = case.reading.submission.one("Task")
    if task is None:
        return None
    listed = task.resource.get("identifier", ())
    chosen = next((i for i in listed if is_typed(i, "PLAC") and "value" in i), None)
    chosen = chosen or next((i for i in listed if "value" in i), None)
    return Placer(chosen.get("system"), chosen["value"]) if chosen else None


# --- Answers --------------------------------------------------------------------------------------


def answers(
    case: Case, said: Sequence[Issue], *, task: TaskRow | None = None
) -> tuple[Answer, ...]:
    """One answer per entry of the request; each remark goes with the entry that it concerns."""
    issues = [*case.issues, *said]
    return tuple(answer_of(case, entry, issues, task) for entry in case.reading.submission.entries)


def answer_of(case: Case, entry: Entry, issues: Sequence[Issue], task: TaskRow | None) -> Answer:
    concerned = tuple(i for i in issues if concerns(i, entry))
    path, now = entry.path, case.machine_now
    if entry.organisation:
        at = entry.organisation.updated_at or now
        return Answer(path, entry.ref, False, entry.organisation.version, at, concerned)
    if entry.type == "Task" and task:
        ref = f"Task/{task.task_id}"
        return Answer(path, ref, False, max(task.version, 1), task.updated_at, concerned)
    if case.reading.is_known and entry.stored is None and not is_kept(case, entry):
        return Answer(path, None, False, 1, None, concerned)
    if entry.stored is None:
        return Answer(path, entry.ref, True, 1, now, concerned)
    if is_written(entry) and is_kept(case, entry):
        return Answer(path, entry.ref, False, entry.stored.version + 1, now, concerned)
    stored = entry.stored
    return Answer(path, stored.ref, False, stored.version, stored.updated_at, concerned)


def is_kept(case: Case, entry: Entry) -> bool:
    """False for what came with a referral posted again: nothing of that is stored."""
    request = case.reading.submission.one("ServiceRequest")
    replayed = case.reading.is_known and request is not None and request.method == "POST"
    return not replayed and is_written(entry)


def concerns(issue: Issue, entry: Entry) -> bool:
    path = issue.expression or ""
    return path == entry.path or path.startswith((f"{entry.path}.", f"{entry.path}["))
