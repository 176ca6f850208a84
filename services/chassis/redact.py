"""The seam that every exception passes before it leaves a door or enters a log: its class, alone.

Messages of pydantic, asyncpg and FHIR models repeat the values that they complain about.
"""

from services.chassis.errors import Refused


def redacted(error: BaseException) -> str:
    """What may be said of an exception: our own stable code, else the name of its class."""
    return error.code if isinstance(error, Refused) else type(error).__name__


def redacted_chain(error: BaseException) -> str:
    """The same, with what caused it: `RuntimeError<UniqueViolationError`."""
    names: list[str] = []
    at: BaseException | None = error
    while at is not None and len(names) < 5:
        names.append(redacted(at))
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    return "<".join(names)
