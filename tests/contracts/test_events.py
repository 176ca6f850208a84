"""What we promised of our events stays true: files, old readers, examples kept for ever."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from contracts import generate
from contracts.asyncapi import LISTENERS
from contracts.compatibility import breaks
from contracts.events import BY_TYPE, Event, ReferralReceived

EXAMPLES = Path(generate.__file__).parent / "examples"
TYPES = pytest.mark.parametrize("name", list(BY_TYPE))


def test_the_committed_files_are_what_the_models_say() -> None:
    for path, text in generate.files():
        assert path.read_text() == text, f"{path.name} has drifted: run `make contracts`"


def test_a_model_that_drifts_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Drifted(ReferralReceived):
        note_count: int = 0

    monkeypatch.setitem(BY_TYPE, "ReferralReceived.v1", Drifted)

    drifted = [path.name for path, text in generate.files() if path.read_text() != text]

    assert "ReferralReceived.v1.schema.json" in drifted


@TYPES
def test_no_model_breaks_a_reader_of_its_committed_schema(name: str) -> None:
    committed = json.loads((generate.SCHEMAS / f"{name}.schema.json").read_text())

    assert breaks(committed, generate.schema_of(BY_TYPE[name])) == []


def test_the_generator_refuses_to_write_what_breaks_readers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Narrowed(ReferralReceived):
        note_count: int

    monkeypatch.setitem(BY_TYPE, "ReferralReceived.v1", Narrowed)

    with pytest.raises(SystemExit, match="note_count became required"):
        generate.main()


OLD: dict[str, Any] = {
    "properties": {
        "id": {"type": "string"},
        "kind": {"$ref": "#/$defs/Kind"},
        "goals": {"type": "array", "items": {"$ref": "#/$defs/Goal"}},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["id"],
    "$defs": {
        "Kind": {"enum": ["a", "b"], "type": "string"},
        "Goal": {"properties": {"id": {"type": "string"}}, "required": ["id"]},
    },
}


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        ("properties.note", ..., "note was removed"),
        ("properties.id.type", "integer", "id allows other values than before (type)"),
        ("properties.id.maxLength", 3, "id allows other values than before (maxLength)"),
        ("required", ["id", "kind"], "kind became required"),
        ("required", [], "id is no longer promised"),
        ("$defs.Kind.enum", ["a"], "kind lost the code b"),
        ("$defs.Kind.enum", ["a", "b", "c"], "kind gained the code c, which old readers refuse"),
        ("$defs.Goal.properties", {}, "goals[].id was removed"),
        ("properties.note.anyOf", [{"type": "string"}], "note allows other kinds of value"),
    ],
)
def test_each_breaking_change_is_named(place: str, value: Any, sentence: str) -> None:
    new = json.loads(json.dumps(OLD))
    at, *rest = new, *place.split(".")
    for step in rest[:-1]:
        at = at[step]
    if value is ...:
        del at[rest[-1]]
    else:
        at[rest[-1]] = value

    assert any(found.startswith(sentence) for found in breaks(OLD, new))


def test_an_added_optional_field_breaks_nobody() -> None:
    class Grown(ReferralReceived):
        note_count: int = 0

    assert breaks(generate.schema_of(ReferralReceived), generate.schema_of(Grown)) == []


@TYPES
def test_every_event_has_an_example_that_producers_and_readers_agree_on(name: str) -> None:
    text = (EXAMPLES / f"{name}.json").read_text()

    event = BY_TYPE[name].model_validate_json(text)

    jsonschema.validate(json.loads(text), generate.schema_of(BY_TYPE[name]))
    assert json.loads(event.model_dump_json()) == json.loads(text)


def test_no_example_is_left_of_an_event_that_is_gone() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.json")} == set(BY_TYPE)


@TYPES
def test_a_reader_ignores_a_field_that_it_does_not_know(name: str) -> None:
    content = json.loads((EXAMPLES / f"{name}.json").read_text())

    BY_TYPE[name].model_validate_json(json.dumps({**content, "of_next_year": {"x": 1}}))


def test_names_are_versioned_and_one_service_publishes_each_topic() -> None:
    for name, event in BY_TYPE.items():
        assert name == event.type
        assert re.fullmatch(rf"{event.__name__}\.v\d+", name)
        assert event.subject in event.model_fields
    assert {event.topic for event in BY_TYPE.values()} == set(LISTENERS)


def test_no_event_has_a_field_for_a_name_an_address_or_a_text() -> None:
    """Free strings are codes: each such field is listed here, and reviewed when it is added."""
    codes = {
        "product", "bh_admin", "rule_pack_version", "rule", "reason", "scope", "area",
        "business_status", "begins", "ends", "required", "preferred",
    }  # fmt: skip
    for event in BY_TYPE.values():
        assert free_strings(event) <= codes, event.type


def free_strings(event: type[Event]) -> set[str]:
    schema = generate.schema_of(event)
    parts = [schema, *schema.get("$defs", {}).values()]
    return {
        name
        for part in parts
        for name, field in part.get("properties", {}).items()
        for kind in [field, *field.get("anyOf", ())]
        if kind.get("type") == "string" and "format" not in kind and "enum" not in kind
    }


def test_asyncapi_names_every_message_with_its_schema_file() -> None:
    described = yaml.safe_load(generate.ASYNCAPI.read_text())

    named = {m["name"]: m["payload"]["$ref"] for m in described["components"]["messages"].values()}

    assert set(named) == set(BY_TYPE)
    assert all((generate.FOLDER / reference).exists() for reference in named.values())


def test_the_page_names_every_event_field_and_code_and_asks_nobody_else_for_anything() -> None:
    text = generate.PAGE.read_text()

    assert all(f'id="{name}"' in text for name in BY_TYPE)
    for event in BY_TYPE.values():
        assert all(
            f"<code>{field}</code>" in text for field in event.model_json_schema()["properties"]
        )
    assert "in-home-therapy | intensive-care-coordination" in text
    assert not re.search(r"<script|<iframe|<link|@import|url\(|onclick|javascript:", text)
    links = re.findall(r'(?:href|src)="([^"]+)"', text)
    assert all(link.startswith(("#", "schemas/", "asyncapi.yaml")) for link in links)
    assert all((generate.FOLDER / link).exists() for link in links if not link.startswith("#"))
