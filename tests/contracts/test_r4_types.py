"""The tables of R4's types are those of the library, and the walk has all of them."""

from services.chassis.fhir.guard.schema import RESOURCE_TYPES, type_named
from services.cli import r4_types


def test_the_tables_are_as_the_library_has_them() -> None:
    assert r4_types.FILE.read_text() == r4_types.text(), "run `make contracts`"


def test_every_type_that_may_come_has_a_table_and_so_have_its_parts() -> None:
    todo, seen = list(RESOURCE_TYPES), set[str]()
    while todo:
        if (name := todo.pop()) not in seen and name != "Resource":
            seen.add(name)
            todo += [e.kind for e in type_named(name).elements.values() if not e.primitive]

    assert len(seen) > 500
