"""A Task that comes alone: whom and what it names of all that is here (FHIR.md §7.2, B)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.chassis.fhir.outcome import Issue
from services.referral.domain.intake import Identifier
from services.referral.mapping.inbound.asked import conditional, in_base, is_typed

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pointer:
    """A Reference as it may be found here: `Type/id` of ours, a number, or (both None) neither."""

    ref: str | None = None
    number: Identifier | None = None

    def id_of(self, type_: str) -> str | None:
        found, _, id_ = (self.ref or "").partition("/")
        return id_ if found == type_ else None


@dataclass(frozen=True, slots=True)
class TaskAsk:
    """What a Task asks for. An absent element is None; its focus cannot be."""

    focus: Pointer
    youth: Pointer | None
    requester: Pointer | None
    owner: Pointer | None
    placer: tuple[str | None, str] | None
    status: str


def ask_of(task: Resource, *, base_url: str) -> TaskAsk:
    def pointer(name: str) -> Pointer | None:
        element = task.get(name)
        return pointer_of(element, base_url) if element else None

    return TaskAsk(
        focus=pointer("focus") or Pointer(),
        youth=pointer("for"),
        requester=pointer("requester"),
        owner=pointer("owner"),
        placer=placer_of(task),
        status=task["status"],
    )


def pointer_of(element: Mapping[str, Any], base_url: str) -> Pointer:
    """By what it can be found: our id, a condition, else the number beside an absent reference."""
    text = element.get("reference", "")
    if ours := in_base(text, base_url):
        return Pointer(ours)
    if named := conditional(text):
        return Pointer(number=named[1])
    number = element.get("identifier", {})
    if not text and "system" in number and "value" in number:
        return Pointer(number=Identifier(number["system"], number["value"]))
    return Pointer()


def placer_of(task: Resource) -> tuple[str | None, str] | None:
    listed = [i for i in task.get("identifier", ()) if "value" in i]
    chosen = next((i for i in listed if is_typed(i, "PLAC")), next(iter(listed), None))
    return (chosen.get("system"), chosen["value"]) if chosen else None


# --- What is refused ----------------------------------------------------------------------------


def no_focus() -> Issue:
    text = (
        "The focus is no referral of yours that is here: send a transaction with the ServiceRequest"
        " and this Task, or POST ServiceRequest first."
    )
    return Issue("error", "not-found", text, "Task.focus")


def nothing_here(name: str) -> Issue:
    return Issue("error", "not-found", "This refers to nothing here.", f"Task.{name}")


def other_child() -> Issue:
    return Issue("error", "business-rule", "The focus is another child's referral.", "Task.for")


def other_requester() -> Issue:
    text = "The requester's organisation is not registered to this client."
    return Issue("error", "business-rule", text, "Task.requester")


def other_owner() -> Issue:
    text = "This names others and not this agency, so it is not for us to fulfil."
    return Issue("error", "business-rule", text, "Task.owner")


def not_requested() -> Issue:
    text = "A new Task is requested: what follows is for us to say."
    return Issue("error", "business-rule", text, "Task.status")


def other_number() -> Issue:
    text = "This referral's Task has another number of yours already: a referral has one Task."
    return Issue("error", "conflict", text, "Task.identifier")
