"""Writes what others read of our events: JSON Schemas, asyncapi.yaml, a page. `make contracts`.

Nothing is written that would break a reader of what is committed: such a change is a new type,
`….v2`, published beside the old one until no consumer needs it.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from contracts import asyncapi
from contracts import page as pages
from contracts.compatibility import breaks
from contracts.events import BY_TYPE, Event

FOLDER = Path(__file__).parent
SCHEMAS = FOLDER / "schemas"
ASYNCAPI = FOLDER / "asyncapi.yaml"
PAGE = FOLDER / "index.html"


def schema_of(event: type[Event]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one event's body."""
    schema = event.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://waypost.example/schemas/{event.type}",
        **schema,
        "x-data-class": event.data_class.value,
        "x-topic": event.topic,
    }


def files() -> Iterator[tuple[Path, str]]:
    """Every generated file and the content that it should have."""
    for name, event in BY_TYPE.items():
        yield SCHEMAS / f"{name}.schema.json", json.dumps(schema_of(event), indent=2) + "\n"
    described = asyncapi.document(BY_TYPE)
    schemas = {name: schema_of(event) for name, event in BY_TYPE.items()}
    yield PAGE, pages.page(BY_TYPE, schemas, FOLDER / "examples")
    yield ASYNCAPI, yaml.safe_dump(described, sort_keys=False, allow_unicode=True, width=100)


def broken() -> list[str]:
    """What the models would break for a reader of the committed schemas; a sentence each."""
    found = []
    for path, text in files():
        if path.suffix == ".json" and path.exists():
            old, new = json.loads(path.read_text()), json.loads(text)
            found += [f"{path.stem}: {sentence}" for sentence in breaks(old, new)]
    gone = {path.name for path in SCHEMAS.glob("*.json")} - {path.name for path, _ in files()}
    return [*found, *(f"{name}: the event is gone" for name in sorted(gone))]


def main() -> None:
    if sentences := broken():
        sys.exit("These changes break readers; make a new version:\n  " + "\n  ".join(sentences))
    SCHEMAS.mkdir(exist_ok=True)
    for path, text in files():
        path.write_text(text)


if __name__ == "__main__":
    main()
