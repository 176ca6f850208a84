"""What each entry of a submission is answered: its location and version, and what to know."""

from collections.abc import Iterable, Sequence

from services.chassis.fhir.outcome import Issue
from services.referral.commands.case import Case, is_written
from services.referral.domain.states import TaskRow
from services.referral.mapping.inbound.entries import Entry
from services.referral.mapping.transaction import Answer


def answers(
    case: Case,
    said: Iterable[Issue],
    *,
    task: TaskRow | None = None,
    is_replay: bool = False,
) -> tuple[Answer, ...]:
    """One answer per entry of the request; each remark goes with the entry that it concerns.

    `is_replay`: nothing of the submission was stored.
    """
    by_path: dict[str, list[Issue]] = {}
    for issue in (*case.issues, *said):
        by_path.setdefault(entry_path(issue), []).append(issue)
    return tuple(
        answer(case, entry, by_path.get(entry.path, ()), task, is_replay=is_replay)
        for entry in case.reading.submission.entries
    )


def answer(
    case: Case, entry: Entry, issues: Sequence[Issue], task: TaskRow | None, *, is_replay: bool
) -> Answer:
    told = tuple(issues)
    path, now, stored = entry.path, case.machine_now, entry.stored
    if found := entry.organisation:
        return Answer(path, entry.ref, False, found.version, found.updated_at or now, told)
    if entry.type == "Task" and task:
        ref = f"Task/{task.task_id}"
        return Answer(path, ref, False, max(task.version, 1), task.updated_at, told)
    if is_replay and stored is None:
        return Answer(path, None, False, 1, None, told)
    if stored is None:
        return Answer(path, entry.ref, True, 1, now, told)
    if is_written(entry) and not is_replay:
        return Answer(path, entry.ref, False, stored.version + 1, now, told)
    return Answer(path, stored.ref, False, stored.version, stored.updated_at, told)


def entry_path(issue: Issue) -> str:
    """The path of the entry that an issue concerns: of a Bundle's resource, or of one alone."""
    place = issue.expression or ""
    head, resource, _ = place.partition(".resource")
    if resource and place.startswith("Bundle."):
        return head + resource
    return place.partition(".")[0].partition("[")[0]
