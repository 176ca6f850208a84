"""`waypost client add`: a hub, a payer or a scheduler, and its client, as often as you like."""

import asyncio
import json
import os
import re
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from contracts.codes import PartnerKind
from services.chassis import audit
from services.chassis.audit import Access
from services.chassis.db import transaction
from services.chassis.errors import Refused
from services.cli.databases import database, text_of
from services.referral.commands import clients
from services.referral.commands.clients import NPI, Registered, Registration

app = typer.Typer(no_args_is_help=True, help="Partner organisations and their clients.")

# A referral is a Bundle of many types, each of which needs its right; what a hub writes beside
# the referral itself is a mirror that it alone reads.
HUB_SCOPES = "system/*.crus system/Subscription.cruds"
SCHEDULER_SCOPES = "system/Event.r"
PAYER_SCOPES = "system/Patient.rs system/Encounter.rs system/Organization.rs system/Location.rs"
SCOPES = {
    PartnerKind.HUB: HUB_SCOPES,
    PartnerKind.PAYER: PAYER_SCOPES,
    PartnerKind.SCHEDULER: SCHEDULER_SCOPES,
}


@app.callback()
def about() -> None:
    """Partner organisations and their clients."""


@app.command("add")
def add(
    kind: Annotated[PartnerKind, typer.Option(help="hub, payer or scheduler")],
    name: Annotated[str, typer.Option(help="What the organisation is called.")],
    npi: Annotated[str | None, typer.Option(help="Its NPI; a hub has one.")] = None,
    payer_identifier: Annotated[
        str | None,
        typer.Option("--payer-identifier", "--identifier", help="Else its system|value."),
    ] = None,
    mrn_system: Annotated[str | None, typer.Option(help="System of a hub's MRNs, a URI.")] = None,
    phone: Annotated[str | None, typer.Option()] = None,
    jwks: Annotated[Path | None, typer.Option(help="Its public keys, as a JWKS.")] = None,
    scopes: Annotated[str | None, typer.Option(help='Such as "system/Task.rs".')] = None,
    client_id: Annotated[
        str | None, typer.Option(help="Default: made from the identifier.")
    ] = None,
    eligibility_url: Annotated[str | None, typer.Option(help="Where a payer is asked.")] = None,
    eligibility_token_file: Annotated[
        Path | None, typer.Option(help="Holds the token that the payer gave us.")
    ] = None,
    secret_file: Annotated[
        Path | None, typer.Option(help="Write a new webhook secret here, not to the screen.")
    ] = None,
) -> None:
    """Register a partner, or bring it up to date; the same again changes nothing.

    Prints the ids, and the webhook secret of a new client, once. Needs WAYPOST_DATABASE_DSN of
    the referral service; with WAYPOST_AGENCY_ID, _NPI and _NAME the agency is registered, too.
    """
    default = SCOPES[kind]
    check_writable(secret_file)
    try:
        registration = Registration(
            kind=kind,
            name=name,
            **identifier(npi, payer_identifier),
            mrn_system=mrn_system,
            phone=phone,
            eligibility_url=eligibility_url,
            eligibility_token=text_of(eligibility_token_file).strip()
            if eligibility_token_file
            else None,
            client_id=client_id,
            scopes=tuple((scopes or default).split()),
            jwks=json.loads(text_of(jwks)) if jwks else None,
        )
        registered = asyncio.run(register(registration))
    except Refused as error:
        raise SystemExit(str(error)) from None
    except json.JSONDecodeError:
        raise SystemExit("The JWKS file is not JSON.") from None
    show(registered, secret_file)


def identifier(npi: str | None, payer_identifier: str | None) -> dict[str, Any]:
    if bool(npi) == bool(payer_identifier):
        raise SystemExit("Say who it is: --npi, or --identifier system|value.")
    system, _, value = (payer_identifier or f"{NPI}|{npi}").rpartition("|")
    return {"system": system, "value": value}


def check_writable(file: Path | None) -> None:
    """The secret of a new client is told once: where it goes must be known before."""
    if file and (file.is_dir() or not os.access(file.parent, os.W_OK)):
        raise SystemExit(f"{file} cannot be written.")


async def register(registration: Registration) -> Registered:
    async with (
        database("referral", setting("DATABASE_DSN")) as pool,
        transaction(pool) as conn,
    ):
        if agency_id := os.environ.get("WAYPOST_AGENCY_ID"):
            npi, name = setting("AGENCY_NPI"), setting("AGENCY_NAME")
            await clients.register_agency(conn, uuid_of(agency_id), npi=npi, name=name)
        registered = await clients.register(conn, registration)
        named = [f"Organization/{registered.organisation_id}"]
        await audit.record(conn, Access(operator(), "waypost client add", 200, named))
        return registered


def uuid_of(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise SystemExit("WAYPOST_AGENCY_ID is not a UUID.") from None


def setting(name: str) -> str:
    if not (value := os.environ.get(f"WAYPOST_{name}")):
        raise SystemExit(f"WAYPOST_{name} is missing.")
    return value


def operator() -> str:
    """Whose act this is: the account's name, as the machine knows it."""
    return re.sub(r"[^A-Za-z0-9_.-]", "", os.environ.get("USER", "")) or "operator"


def show(registered: Registered, secret_file: Path | None) -> None:
    typer.echo(f"organisation_id={registered.organisation_id}")
    if registered.client_id:
        typer.echo(f"client_id={registered.client_id}")
    if not registered.webhook_secret:
        return
    if secret_file:
        handle = os.open(secret_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(registered.webhook_secret + "\n")
        typer.echo(f"webhook_secret_file={secret_file}")
    else:
        typer.echo(f"webhook_secret={registered.webhook_secret}")
