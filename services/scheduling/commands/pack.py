"""The rule pack of this process, read once: a pack that cannot be used keeps it from starting."""

from contracts import rules

RULES = rules.load()
