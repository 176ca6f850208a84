"""A demonstration that runs against the real thing, and counts what really came of it."""
