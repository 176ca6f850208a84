"""Where a referral should be, by the records themselves, and what is wrong when it is not there.

Every rule takes the word of one witness and holds another to it: the payer's log against the
determination, the hub's plan against our goals, answered signatures against final notes.
"""

from collections.abc import Iterator

from deploy.demo.account.line import Line

ALL_ATTESTED = {"consent-treatment", "consent-roi-hub", "documents", "medical-necessity"}
ENDS = {
    "withdrawn": "ReferralWithdrawn.v1",
    "closed": "ReferralClosed.v1",
    "merged": "ReferralMerged.v1",
}
TASKS = {  # state: status and businessStatus; None: as the visits say
    "duplicate_review": ("requested", "eligibility-review"),
    "incomplete": ("requested", "awaiting-information"),
    "pending_eligibility": ("requested", "eligibility-review"),
    "ineligible": ("requested", "eligibility-problem"),
    "waitlisted": ("accepted", "waitlisted"),
    "accepted": ("accepted", "mentor-assigned"),
}
ENDED_TASKS = {
    "merged": {"cancelled"},
    "withdrawn": {"cancelled"},
    "closed": {"rejected", "failed", "completed", "entered-in-error"},
}


def judge(line: Line) -> None:
    """Note what is not as the records themselves say that it should be."""
    should = state_of(line)
    if line.state != should:
        line.problems.append(f"it is {line.state}, and should be {should}")
    line.problems += task_problems(line)
    line.problems += hub_problems(line)
    if line.assigned:
        line.problems += service_problems(line)
    line.notices += left_to_people(line)


def state_of(line: Line) -> str:
    """The state that follows from what everybody else knows."""
    if line.state in ENDS:
        told = line.telling.get(ENDS[line.state], 0)
        return line.state if told else "open: no event ends it"
    if "duplicate-review" in line.items or (line.alike and not line.determinations):
        return "duplicate_review"
    if line.episode in ("open", "on_hold"):
        return "on_hold" if line.episode == "on_hold" else "admitted"
    if line.failures:
        return "on_hold" if line.determinations else "ineligible"
    if line.gaps:
        return "on_hold" if line.determinations else "incomplete"
    return before_service(line)


def before_service(line: Line) -> str:
    if not line.determinations:
        return {"no": "ineligible", "excluded": "ineligible", "yes": "eligible"}.get(
            line.payer_says or "", "pending_eligibility"
        )
    if not line.assigned:
        return "waitlisted"
    return "open: all four are attested" if line.attested >= ALL_ATTESTED else "accepted"


def task_problems(line: Line) -> Iterator[str]:
    """What the hub reads must say where the referral is."""
    if line.state in ENDED_TASKS:
        if line.task not in ENDED_TASKS[line.state]:
            yield f"its Task is {line.task}, although the referral is {line.state}"
        return
    status, business = TASKS.get(line.state, (None, None))
    if line.state == "admitted":
        status = "in-progress" if line.sessions else "accepted"
    if line.state == "on_hold":
        status = "on-hold"
    if status and line.task != status:
        yield f"its Task is {line.task}, not {status}"
    if business and line.business != business:
        yield f"its Task says {line.business}, not {business}"


def hub_problems(line: Line) -> Iterator[str]:
    """The hub must have heard of each change of its Task and of each session."""
    told = line.telling.get("ReferralStatusChanged.v1", 0)
    if not told:
        yield "nothing was ever told of its Task"
    if not line.has_witness:
        return
    if line.heard_of_task < told:
        yield f"its Task changed {told} times, its hub heard of {line.heard_of_task}"
    if line.heard_of_sessions < line.sessions:
        yield f"of {line.sessions} sessions its hub was told of {line.heard_of_sessions}"


def service_problems(line: Line) -> Iterator[str]:
    """With a mentor: the payer agreed, the plan is worked on, what was signed is final."""
    if not line.determinations:
        yield "it has a mentor, and no determination says that it is eligible"
    if line.payer_says == "no" and "coverage-lapsed" not in line.items:
        yield "the payer says no, and nobody was asked to look"
    if line.payer_says != "no" and "coverage-lapsed" in line.items:
        yield "its coverage is said to have lapsed, and the payer says nothing of it"
    if line.undone:
        yield f"{line.undone} sessions were co-signed and still wait for it"
    if line.state != "admitted":
        return
    if missing := line.planned - line.active:
        yield f"{len(missing)} goals of the hub's plan are not in its care plan"
    if left := line.active - line.planned:
        yield f"{len(left)} goals are worked on that the hub's plan no longer has"


def left_to_people(line: Line) -> Iterator[str]:
    """What is nobody's fault but has to be done."""
    if unwritten := line.over - line.written:
        yield f"{len(unwritten)} sessions are over, and nobody has written them down"
