"""The events as one page to read: no script, nothing fetched from anywhere else."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from contracts.asyncapi import HEADERS, LISTENERS
from contracts.events import Event

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
       color: #1c2733; }
nav { columns: 3; column-gap: 2rem; } nav a { display: block; }
h2 { border-bottom: 2px solid #2b6e6a; margin-top: 3rem; } h3 { margin: 2rem 0 .2rem; }
a { color: #1d5f8a; } code, pre { font: 14px/1.45 ui-monospace, monospace; }
pre { background: #f3f5f7; padding: .8rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .8rem .25rem 0;
         border-bottom: 1px solid #dde3e8; }
.class { color: #66717c; }
"""
INTRODUCTION = """
<p>What the services of Waypost tell each other, and outside schedulers, over Apache Kafka:
CloudEvents in binary mode, the key is our opaque id of the youth. What is promised about order,
repeats, gaps, versions and retention stands in the README beside these contracts.
Machines read <a href="asyncapi.yaml">asyncapi.yaml</a> and the schemas.</p>
"""


def page(events: Mapping[str, type[Event]], schemas: Mapping[str, Any], examples: Path) -> str:
    """The page of all events: topics, who hears them, headers, and each event's fields."""
    topics = sorted({event.topic for event in events.values()})
    parts = [
        "<h1>Waypost events</h1>",
        INTRODUCTION,
        "<nav>",
        *(f'<a href="#{escape(name)}">{escape(name)}</a>' for name in sorted(events)),
        "</nav>",
        "<h2>Headers of each record</h2>",
        table(HEADERS, {}),
    ]
    for topic in topics:
        heard = ", ".join(LISTENERS[topic])
        parts.append(f"<h2>{escape(topic)}</h2><p>Heard by {escape(heard)}.</p>")
        for name, event in events.items():
            if event.topic == topic:
                parts += section(name, event, schemas[name], examples / f"{name}.json")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Waypost events</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(part.strip() for part in parts)
        + "\n</body></html>\n"
    )


def section(name: str, event: type[Event], schema: dict[str, Any], example: Path) -> Iterator[str]:
    about = (event.__doc__ or "").split("\n\n")[0]
    yield f'<h3 id="{escape(name)}">{escape(name)}</h3>'
    yield f'<p>{escape(" ".join(about.split()))} <span class="class">{event.data_class}</span></p>'
    yield table(schema, schema.get("$defs", {}))
    yield f'<p><a href="schemas/{name}.schema.json">Schema</a>. An example:</p>'
    if example.exists():
        shown = json.dumps(json.loads(example.read_text()), indent=2, ensure_ascii=False)
        yield f"<pre>{escape(shown)}</pre>"


def table(schema: dict[str, Any], definitions: Mapping[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = [
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(kind_of(field, definitions))}</td>"
        f"<td>{'' if name in required else 'optional'}</td>"
        f"<td>{escape(field.get('description', ''))}</td></tr>"
        for name, field in schema["properties"].items()
    ]
    return f"<table>{''.join(rows)}</table>"


def kind_of(field: dict[str, Any], definitions: Mapping[str, Any]) -> str:
    """A field's type in few words; a closed set of codes is written out."""
    if reference := field.get("$ref"):
        return kind_of(definitions[reference.rpartition("/")[2]], definitions)
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    if "const" in field:
        return str(field["const"])
    if "anyOf" in field:
        return " or ".join(kind_of(one, definitions) for one in field["anyOf"])
    if field.get("type") == "array":
        return f"list of {kind_of(field.get('items', {}), definitions)}"
    if field.get("type") == "object" and "properties" in field:
        inner = (f"{n}: {kind_of(one, definitions)}" for n, one in field["properties"].items())
        return f"{{{', '.join(inner)}}}"
    return str(field.get("format") or field.get("type", "anything"))
