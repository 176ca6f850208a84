"""What a hub has sent of one child, as it stands with a new submission laid over it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from services.chassis.fhir.guard.text import parse
from services.referral.domain.intake import Identifier, Organisation, Stored
from services.referral.mapping.inbound.entries import Entry, Resource, identifiers_of


class Directory:
    """The organisations that are registered, found as resources name them."""

    def __init__(self, organisations: Sequence[Organisation]) -> None:
        self.by_ref = {f"Organization/{o.organisation_id}": o for o in organisations}
        self.by_identifier = {str(o.identifier): o for o in organisations}

    def with_more(self, organisations: Sequence[Organisation]) -> "Directory":
        return Directory([*self.by_ref.values(), *organisations])

    def named(self, identifiers: Sequence[Identifier]) -> Organisation | None:
        found = (self.by_identifier.get(str(identifier)) for identifier in identifiers)
        return next((organisation for organisation in found if organisation), None)


class Graph:
    """Resources by our reference: what is new first, what was stored where nothing new came."""

    def __init__(
        self, entries: Sequence[Entry], stored: Sequence[Stored], directory: Directory
    ) -> None:
        self.entries: Mapping[str, Entry] = {e.ref: e for e in entries if not e.organisation}
        self.stored: Mapping[str, Stored] = {row.ref: row for row in stored}
        self.directory = directory
        self.read: dict[str, Resource] = {}

    def get(self, ref: str | None) -> Resource | None:
        """The resource behind a reference of ours, None when it is not here."""
        if ref is None:
            return None
        if entry := self.entries.get(ref):
            return entry.resource
        if ref not in self.read and (row := self.stored.get(ref)):
            self.read[ref] = parse(row.body.encode())
        return self.read.get(ref)

    def follow(self, element: Mapping[str, Any] | None, inside: Resource) -> Resource | None:
        """The resource that a Reference element means, contained ones included."""
        ref = (element or {}).get("reference")
        if ref and ref.startswith("#"):
            contained = inside.get("contained", ())
            return next((r for r in contained if r.get("id") == ref[1:]), None)
        return self.get(ref)

    def of(
        self, type_: str, youth_id: UUID, referral_id: UUID | None = None
    ) -> Iterator[tuple[str, Resource]]:
        """Each resource of a type that is this child's, or this referral's, with its reference."""
        for ref, entry in self.entries.items():
            if entry.type == type_:
                yield ref, entry.resource
        for ref, row in self.stored.items():
            if row.type != type_ or row.youth_id != youth_id or ref in self.entries:
                continue
            if referral_id in (None, row.referral_id):
                resource = self.get(ref)
                if resource is not None:
                    yield ref, resource

    def organisation(
        self, element: Mapping[str, Any] | None, inside: Resource
    ) -> Organisation | None:
        """The registered organisation that a Reference means, straight or through a role."""
        if not element:
            return None
        if found := self.directory.by_ref.get(element.get("reference", "")):
            return found
        if (identifier := element.get("identifier")) and "system" in identifier:
            named = Identifier(identifier["system"], identifier.get("value", ""))
            return self.directory.named([named])
        target = self.follow(element, inside)
        if target is None:
            return None
        if target["resourceType"] == "Organization":  # a contained one
            return self.directory.named(identifiers_of(target))
        return self.organisation(target.get("organization"), target)
