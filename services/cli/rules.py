"""`waypost seed <folder>`: put a rule pack in force, in every service that decides by it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from contracts.rules import BadRules
from services.chassis import audit, rule_packs, work
from services.chassis.audit import Access
from services.chassis.db import transaction
from services.chassis.rule_packs import File
from services.cli.databases import database
from services.referral.commands.new_rules import CHANGED

DECIDING = ("referral", "scheduling", "documentation")


def files_of(folder: Path) -> Sequence[File]:
    """The TOML files of a folder; SystemExit when they are no pack that this release can use."""
    try:
        files = [(path.name, path.read_text()) for path in sorted(folder.glob("*.toml"))]
        if not files:
            raise BadRules(f"{folder.name} has no TOML files.")
        rule_packs.parse(files)
    except (OSError, ValueError) as error:
        raise SystemExit(f"Nothing was changed: {error}") from None
    return files


async def keep(files: Sequence[File], *, by: str) -> str:
    """Put the pack in force; gives its version. Stopped half-way it is run again, to the same end.

    Those whom the pack before kept waiting are looked at again, by the referral service.
    """
    version = ""
    for service in DECIDING:
        async with database(service) as pool, transaction(pool) as conn:
            pack = await rule_packs.keep(conn, files, by=by)
            version = pack.version
            await audit.record(conn, Access(by, "waypost seed", 200, [f"RulePack/{version}"]))
            if service == "referral":
                # Business time may run ahead of the machine's, never behind: due at once.
                payload = {"version": version}
                await work.add(conn, CHANGED, payload, due_at=datetime.now(UTC), lane=None)
    return version
