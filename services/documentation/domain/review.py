"""What a session note must satisfy before its author may sign it, and who has to sign it, too.

Source: DOMAIN 3.3 `supervision.linkage`, 3.4 `session.*`, `hub.grace_days`, 3.5 `note.*`, 5.6 (G1,
G2), 5.7 (guards of signing). Overlap is not here: the database decides it, for all at once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from contracts.codes import Modality, PlaceOfService
from contracts.rules import RulePack
from services.chassis.clock import AGENCY, agency_day
from services.chassis.errors import Refused
from services.documentation.domain import goals
from services.documentation.domain.goals import PlanVersion
from services.documentation.domain.notes import (
    AppointmentState,
    Assignment,
    Episode,
    HubDays,
    Note,
)
from services.documentation.domain.units import Rounding

TELEHEALTH = {PlaceOfService.TELEHEALTH_AT_HOME, PlaceOfService.TELEHEALTH_ELSEWHERE}
# What substantiates a session for its payer (`note.fields`, `note.required`).
NEEDED_TEXTS = ("intervention", "response")


@dataclass(frozen=True, slots=True)
class NoteRules:
    """The rule-pack values that hold on the date of service."""

    rounding: Rounding
    max_minutes: int
    one_day: bool
    hub_grace: timedelta
    plan_grace: timedelta
    cosign: str
    cosign_sample: int
    late_after: timedelta
    late_is_billable: bool
    version: str


def rules_on(pack: RulePack, day: date, product: str | None) -> NoteRules:
    """The values of a pack for a date of service and the product that covers it, if one does."""

    def value(key: str) -> Any:
        return pack.value(key, on=day, product=product).value

    return NoteRules(
        rounding=Rounding(value("unit.rounding")),
        max_minutes=value("session.max_minutes"),
        one_day=value("session.one_day"),
        hub_grace=timedelta(days=value("hub.grace_days")),
        plan_grace=timedelta(days=value("plan.grace_days")),
        cosign=value("note.cosign"),
        cosign_sample=value("note.cosign_sample"),
        late_after=timedelta(hours=value("clock.note_due")["late_hours"]),
        late_is_billable=value("note.late_is_billable"),
        version=pack.version,
    )


@dataclass(frozen=True, slots=True)
class Circumstances:
    """All that other services have told and that decides about a note."""

    episode: Episode
    assignments: Sequence[Assignment] = ()
    plan: Sequence[PlanVersion] = ()
    hub_days: Sequence[HubDays] = ()
    appointment: AppointmentState | None = None
    coverage_confirmed: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """A stable code and a sentence for the person who can do something about it."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Review:
    """What stands in the way of a signature, what is only odd, and what may be claimed.

    `cosign` are codes of why a supervisor has to sign too; where there is none she need not.
    """

    problems: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    supervisor_id: UUID | None
    billable: bool
    citable: frozenset[UUID]
    cosign: tuple[str, ...]


def review(note: Note, facts: Circumstances, rules: NoteRules, *, now: datetime) -> Review:
    """Every rule that a note breaks as of its date of service, so that it is corrected once."""
    day = note.service_day
    plan = goals.version_on(facts.plan, day)
    citable = plan.citable() if plan else frozenset()
    hub_active = any(days.covers(day) for days in facts.hub_days)
    supervisor, unsupervised = supervisor_on(facts.assignments, note.mentor_id, day)
    on_plan, off_plan = plan_findings(note, plan, citable, rules)
    late = is_late(note, rules, authored=note.signed_at or now)
    problems = [
        *time_findings(note, rules, now=now),
        *late_findings(note, rules, late=late),
        *place_findings(note),
        *text_findings(note),
        *appointment_findings(facts.appointment),
        *episode_findings(facts.episode, day),
        *hub_findings(facts.hub_days, day, rules),
        *unsupervised,
        *on_plan,
    ]
    warnings = [*off_plan, *length_findings(note, rules)]
    if note.billable and not hub_active:
        warnings.append(
            Finding("hub-ended", f"No hub service was active on {day}: the session is not billed.")
        )
    if late and note.billable and not rules.late_is_billable:
        warnings.append(Finding("note-is-late", "A note that is so late is not billed."))
    if not facts.coverage_confirmed:
        warnings.append(Finding("coverage-not-confirmed", f"No coverage is confirmed for {day}."))
    return Review(
        problems=tuple(problems),
        warnings=tuple(warnings),
        supervisor_id=supervisor,
        billable=note.billable and hub_active and (rules.late_is_billable or not late),
        citable=citable,
        cosign=cosign_reasons(note, rules, late=late),
    )


def demand(review: Review) -> UUID:
    """The supervisor who answers for a good note.

    Refuses one that is not, with all that is wrong in sentences, under the code of the first.
    """
    if review.problems or review.supervisor_id is None:
        sentences = " ".join(finding.sentence for finding in review.problems)
        raise Refused(review.problems[0].code, sentences)
    return review.supervisor_id


# --- One rule each -------------------------------------------------------------------------------


def time_findings(note: Note, rules: NoteRules, *, now: datetime) -> Iterable[Finding]:
    if note.ends_at > now:
        yield Finding("session-in-the-future", "The session has not ended yet.")
    if rules.one_day and not is_within_one_day(note.starts_at, note.ends_at):
        sentence = "The session crosses midnight in New York: log two sessions."
        yield Finding("session-crosses-midnight", sentence)


def is_late(note: Note, rules: NoteRules, *, authored: datetime) -> bool:
    """True when too long passed from the session's end to its author's signature (T6).

    A correction is as late as the mistake was found: only the first version can be late.
    """
    return not note.is_amendment and authored - note.ends_at > rules.late_after


def late_findings(note: Note, rules: NoteRules, *, late: bool) -> Iterable[Finding]:
    if late and not (note.late_reason or "").strip():
        hours = int(rules.late_after / timedelta(hours=1))
        sentence = f"The session ended more than {hours} hours ago: say why the note is late."
        yield Finding("late-reason-missing", sentence)


def cosign_reasons(note: Note, rules: NoteRules, *, late: bool) -> tuple[str, ...]:
    """Why a supervisor has to sign this note, too. Source: `note.signature`, S22.

    A late note needs her whatever the policy; what she attests herself is signed by her already.
    """
    if note.attested_by:
        return ()
    found = {"late": late}
    if rules.cosign == "always":
        found["policy"] = True
    elif rules.cosign == "rules":
        found["amended"] = note.is_amendment
        found["sample"] = note.session_id.int % rules.cosign_sample == 0
    return tuple(code for code, holds in found.items() if holds)


def is_within_one_day(starts_at: datetime, ends_at: datetime) -> bool:
    """True when both lie on one day in New York; an end at 24:00 still belongs to it."""
    after = agency_day(starts_at) + timedelta(days=1)
    return ends_at <= datetime.combine(after, time(), AGENCY)


def length_findings(note: Note, rules: NoteRules) -> Iterable[Finding]:
    if note.minutes > rules.max_minutes:
        sentence = f"The session is longer than {rules.max_minutes} minutes."
        yield Finding("session-is-long", sentence)


def place_findings(note: Note) -> Iterable[Finding]:
    remote = note.modality is not Modality.IN_PERSON
    if remote is not (note.place_of_service in TELEHEALTH):
        sentence = "Video and audio sessions have place of service 02 or 10, and only these."
        yield Finding("place-and-modality-differ", sentence)


def text_findings(note: Note) -> Iterable[Finding]:
    missing = [name for name in NEEDED_TEXTS if not note.texts.get(name, "").strip()]
    if missing:
        sentence = f"The note says nothing yet about: {', '.join(missing)}."
        yield Finding("note-incomplete", sentence)


def appointment_findings(state: AppointmentState | None) -> Iterable[Finding]:
    if state in (AppointmentState.CANCELLED, AppointmentState.NO_SHOW):
        word = "was cancelled" if state is AppointmentState.CANCELLED else "is recorded as no-show"
        sentence = (
            f"Its appointment {word}: log the session without it, or correct the appointment."
        )
        yield Finding("appointment-did-not-take-place", sentence)


def episode_findings(episode: Episode, day: date) -> Iterable[Finding]:
    if day < episode.opened_on:
        sentence = f"The episode opened on {episode.opened_on}, after the session."
        yield Finding("episode-not-open", sentence)
    held = episode.held_from is not None and day >= episode.held_from
    # A hub that ended is judged by its own grace days, which allow notes for a while.
    if held and episode.hold_reason != "hub_inactive":
        sentence = f"The episode is on hold since {episode.held_from}."
        yield Finding("episode-on-hold", sentence)
    if episode.closed_on and day > episode.closed_on:
        sentence = f"The episode ended on {episode.closed_on}, before the session."
        yield Finding("episode-closed", sentence)


def hub_findings(days: Sequence[HubDays], day: date, rules: NoteRules) -> Iterable[Finding]:
    """Within the grace days after the hub ended a session may be documented, never billed."""
    if any(one.covers(day) for one in days):
        return
    ended = [one.active_to for one in days if one.active_to and one.active_to <= day]
    if not ended or day - max(ended) >= rules.hub_grace:
        sentence = f"The youth had no active hub service on {day}, nor shortly before."
        yield Finding("hub-not-active", sentence)


def supervisor_on(
    assignments: Sequence[Assignment], mentor_id: UUID, day: date
) -> tuple[UUID | None, list[Finding]]:
    """Who supervised the mentor on a day, or what is wrong. Source: `supervision.linkage`."""
    own = [one for one in assignments if one.mentor_id == mentor_id and one.covers(day)]
    if not own:
        sentence = f"The mentor was not assigned to the youth on {day}."
        return None, [Finding("mentor-not-assigned", sentence)]
    standing = [one for one in own if one.standing_until is None or day <= one.standing_until]
    if not standing:
        sentence = f"The mentor had no valid credential and screening on {day}."
        return None, [Finding("mentor-without-standing", sentence)]
    supervisor = max(standing, key=lambda one: one.assigned_on).supervisor_id
    if supervisor == mentor_id:
        sentence = "A mentor cannot be her own supervisor."
        return None, [Finding("supervisor-is-author", sentence)]
    return supervisor, []


def plan_findings(
    note: Note, plan: PlanVersion | None, citable: frozenset[UUID], rules: NoteRules
) -> tuple[list[Finding], list[Finding]]:
    """G1 and G2: gates for a billable session, warnings for another."""
    day = note.service_day
    found = []
    cited = {one.goal_id for one in note.goals}
    if off := len(cited - citable):
        sentence = (
            f"{off} of the goals cited were not active in the hub's plan on {day}: pick an active "
            "goal, mark the session non-billable, or ask the hub to amend its plan."
        )
        found.append(Finding("goal-not-on-plan", sentence))
    elif not cited:
        sentence = "The note cites no goal: pick an active one, or mark the session non-billable."
        found.append(Finding("no-goal-cited", sentence))
    begun = plan and (plan.period_start is None or plan.period_start <= day)
    if not plan or not begun:
        found.append(Finding("no-plan-on-the-day", f"No hub plan was in force on {day}."))
    elif plan.period_end and day > plan.period_end + rules.plan_grace:
        sentence = f"The hub's plan ended on {plan.period_end}: ask the hub to renew it."
        found.append(Finding("plan-expired", sentence))
    return (found, []) if note.billable else ([], found)
