"""What the walk has found so far, and where it stands."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from services.chassis.fhir.outcome import Issue

MAX_ISSUES = 50  # as many problems as one answer names


class Enough(Exception):
    """No answer names more."""


@dataclass(slots=True, eq=False)
class Container:
    """A resource, wherever it stands; `outer` is the resource that it is contained in."""

    type: str
    place: tuple[str | int, ...]
    value: dict[str, Any]
    outer: "Container | None"
    referenced: set[str] = field(default_factory=set)  # ids of contained ones that are used

    @property
    def where(self) -> str:
        return path_of(self.place)


@dataclass(frozen=True, slots=True)
class Reference:
    """A Reference, the types that R4 allows there (none: any) and the resource it stands in."""

    place: tuple[str | int, ...]
    value: dict[str, Any]
    targets: frozenset[str]
    inside: Container

    @property
    def where(self) -> str:
        return path_of(self.place)


def path_of(place: Iterable[str | int]) -> str:
    """A FHIRPath: zero-based, choice types by their JSON name."""
    path = ""
    for step in place:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path += f".{step}" if path else step
    return path


@dataclass(slots=True)
class Findings:
    structure: list[Issue] = field(default_factory=list)  # 400
    meaning: list[Issue] = field(default_factory=list)  # 422
    warnings: list[Issue] = field(default_factory=list)
    place: list[str | int] = field(default_factory=list)
    depth: int = 0
    inside: Container | None = None
    containers: list[Container] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    unsafe: list[dict[str, Any]] = field(default_factory=list)  # resources whose text must go

    def where(self, *more: str | int) -> str:
        """The FHIRPath of where the walk stands."""
        return path_of((*self.place, *more))

    def wrong(self, text: str, *more: str | int, code: str = "structure") -> None:
        """Note that this is not R4's structure."""
        self.structure.append(Issue("error", code, text, expression=self.where(*more)))
        if len(self.structure) >= MAX_ISSUES:
            raise Enough

    def means(self, code: str, text: str, *more: str | int) -> None:
        """Note that this is well-formed but wrong."""
        self.means_at(self.where(*more), code, text)

    def means_at(self, where: str, code: str, text: str) -> None:
        if len(self.meaning) < MAX_ISSUES:
            self.meaning.append(Issue("error", code, text, expression=where))

    def warn(self, code: str, text: str, *more: str | int) -> None:
        if len(self.warnings) < MAX_ISSUES:
            self.warnings.append(Issue("warning", code, text, expression=self.where(*more)))

    def note_reference(self, value: dict[str, Any], targets: frozenset[str]) -> None:
        if self.inside:
            self.references.append(Reference(tuple(self.place), value, targets, self.inside))

    def note_contained(self, id_: str) -> None:
        """A canonical or uri names a contained resource, which is thereby in use."""
        if self.inside:
            (self.inside.outer or self.inside).referenced.add(id_)
