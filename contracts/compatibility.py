"""Whether a changed schema still serves those who know the old one, in both directions.

A reader of either version must understand what a producer of the other writes, and every version
ever published counts: events are kept for good. So nothing is removed, renamed, narrowed, widened
or added as required; adding an optional field is what remains (STACK.md §8).
"""

from typing import Any

Schema = dict[str, Any]


def breaks(old: Schema, new: Schema) -> list[str]:
    """A sentence for each change that breaks somebody; an empty list when none does."""
    return list(dict.fromkeys(_object(old, new, _Definitions(old, new), "")))


class _Definitions:
    def __init__(self, old: Schema, new: Schema) -> None:
        self.old, self.new = old.get("$defs", {}), new.get("$defs", {})

    def resolve(self, schema: Schema, kept: dict[str, Schema]) -> Schema:
        if reference := schema.get("$ref"):
            return {**kept[reference.rpartition("/")[2]], **_without(schema, "$ref")}
        return schema


def _without(schema: Schema, key: str) -> Schema:
    return {name: value for name, value in schema.items() if name != key}


def _object(old: Schema, new: Schema, defs: _Definitions, at: str) -> list[str]:
    found = []
    before, after = old.get("properties", {}), new.get("properties", {})
    for name, schema in before.items():
        place = f"{at}{name}"
        if name not in after:
            found.append(f"{place} was removed")
        else:
            found += _value(schema, after[name], defs, place)
    needed = set(new.get("required", ())) - set(old.get("required", ()))
    found += [f"{at}{name} became required" for name in sorted(needed)]
    promised = set(old.get("required", ())) - set(new.get("required", ()))
    found += [f"{at}{name} is no longer promised" for name in sorted(promised & set(after))]
    return found


# Keywords that say which values are allowed; anything else is description.
_RULES = (
    *("type", "const", "format", "pattern", "minLength", "maxLength", "minItems", "maxItems"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
)


def _value(old: Schema, new: Schema, defs: _Definitions, at: str) -> list[str]:
    old, new = defs.resolve(old, defs.old), defs.resolve(new, defs.new)
    found = [
        f"{at} allows other values than before ({rule})"
        for rule in _RULES
        if old.get(rule) != new.get(rule)
    ]
    if "enum" in old or "enum" in new:
        was, is_ = set(old.get("enum", ())), set(new.get("enum", ()))
        found += [f"{at} lost the code {code}" for code in sorted(was - is_)]
        found += [f"{at} gained the code {code}, which old readers refuse" for code in is_ - was]
    if "properties" in old:
        found += _object(old, new, defs, f"{at}.")
    if "items" in old:
        found += _value(old["items"], new.get("items", {}), defs, f"{at}[]")
    was_any, is_any = old.get("anyOf", []), new.get("anyOf", [])
    if len(was_any) != len(is_any):
        found.append(f"{at} allows other kinds of value than before")
    for one, other in zip(was_any, is_any, strict=False):
        found += _value(one, other, defs, at)
    return found
