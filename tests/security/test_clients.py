"""Registering partners: as often as you like, the secret once, and nothing that cannot be right."""

import asyncio
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from contracts.codes import PartnerKind
from services.chassis.auth import narrowed
from services.chassis.db import transaction
from services.chassis.errors import Refused
from services.cli.clients import show
from services.referral.commands import clients
from services.referral.commands.clients import NPI, Registered, Registration, is_npi
from services.referral.store import clients as store
from tests.postgres import Server
from tests.security.conftest import HUB_SCOPES, KEY, Desk, hub
from tests.security.world import AGENCY

pytestmark = pytest.mark.asyncio(loop_scope="module")

AGENCY_NPI = "1245319599"
PAYER = Registration(
    kind=PartnerKind.PAYER,
    name="MassHealth",
    system="urn:payer",
    value="DMA7384",
    eligibility_url="http://127.0.0.1:9/masshealth/eligibility",
    eligibility_token="token",  # noqa: S106
)


async def register(desk: Desk, registration: Registration) -> Registered:
    async with transaction(desk.world.pool) as conn:
        return await clients.register(conn, registration)


async def test_the_same_again_changes_nothing_and_shows_no_secret(desk: Desk) -> None:
    before = await desk.world.pool.fetch("SELECT * FROM partner_organisation")

    again = await register(desk, hub(KEY))

    assert desk.registered.webhook_secret
    assert desk.registered.webhook_secret.startswith("whsec_")
    assert again.client_id == desk.client_id
    assert again.webhook_secret is None
    assert await desk.world.pool.fetch("SELECT * FROM partner_organisation") == before


async def test_another_name_is_a_new_version_of_the_same_partner(desk: Desk) -> None:
    again = await register(desk, hub(KEY, name="Riverbend Inc."))

    async with transaction(desk.world.pool) as conn:
        found = await store.organisation_by_id(conn, again.organisation_id)

    assert again.organisation_id == desk.registered.organisation_id
    assert found is not None
    assert (found.name, found.version) == ("Riverbend Inc.", 2)


async def test_a_payer_that_is_only_asked_has_no_client(desk: Desk) -> None:
    registered = await register(desk, PAYER)

    assert (registered.client_id, registered.webhook_secret) == (None, None)


async def test_the_agency_stands_in_the_directory(desk: Desk) -> None:
    async with transaction(desk.world.pool) as conn:
        for _ in range(2):
            await clients.register_agency(conn, AGENCY, npi=AGENCY_NPI, name="Agency")
        found = await store.organisation_by_id(conn, AGENCY)

    assert found is not None
    assert (found.kind, found.version) == ("agency", 1)


async def test_a_webhook_secret_is_found_by_its_client(desk: Desk) -> None:
    async with transaction(desk.world.pool) as conn:
        found = await store.webhook_secret_of_client(conn, desk.client_id)
        unknown = await store.webhook_secret_of_client(conn, "unknown")

    assert found == (desk.registered.webhook_secret, desk.registered.organisation_id)
    assert unknown is None


WRONG: dict[str, dict[str, Any]] = {
    "npi": {"value": "1234567890"},
    "mrn-system": {"mrn_system": None},
    "name-missing": {"name": " "},
    "identifier": {"system": "npi"},
    "scopes": {"scopes": ("Task.rs",)},
    "key-set": {"jwks": {"keys": [KEY.as_dict(private=True)]}},
    "eligibility-url": {"eligibility_url": "ftp://x", "eligibility_token": "t"},
    "eligibility-token": {"eligibility_url": "https://x.test/e"},
}


@pytest.mark.parametrize(("code", "change"), WRONG.items(), ids=WRONG.keys())
async def test_what_cannot_be_right_is_refused(
    desk: Desk, code: str, change: dict[str, Any]
) -> None:
    with pytest.raises(Refused) as refused:
        await register(desk, hub(KEY, **change))

    assert refused.value.code == code


async def test_nobody_is_registered_under_the_agencys_own_number(desk: Desk) -> None:
    async with transaction(desk.world.pool) as conn:
        await clients.register_agency(conn, AGENCY, npi=AGENCY_NPI, name="Agency")

    with pytest.raises(Refused, match="belongs to another"):
        await register(desk, hub(KEY, value=AGENCY_NPI))


async def test_npis_by_their_check_digit() -> None:
    assert is_npi("1234567893")
    assert not any(map(is_npi, ("1234567890", "123456789", "12345678931", "123456789x", "")))


async def test_scopes_are_only_ever_cut() -> None:
    assert narrowed(["system/*.cruds"], HUB_SCOPES) == [
        "system/ServiceRequest.crus",
        "system/Task.rs",
    ]
    assert narrowed(["system/Goal.rs"], ["system/*.r"]) == ["system/Goal.r"]
    assert narrowed(["system/Goal.cud"], ["system/*.rs"]) == []


async def test_an_operator_registers_from_the_command_line(
    desk: Desk, server: Server, tmp_path: Path
) -> None:
    jwks, secret = tmp_path / "jwks.json", tmp_path / "secret"
    jwks.write_text(json.dumps({"keys": [KEY.as_dict(private=False)]}))
    command = [
        *(sys.executable, "-m", "services.cli", "client", "add", "--kind", "hub"),
        *("--name", "Harbor", "--npi", "1588667638", "--mrn-system", "https://harbor.test/mrn"),
        *("--jwks", str(jwks), "--scopes", "system/Task.rs", "--secret-file", str(secret)),
    ]
    environment = {
        **os.environ,
        "WAYPOST_DATABASE_DSN": server.dsn("desk"),
        "WAYPOST_AGENCY_ID": str(AGENCY),
        "WAYPOST_AGENCY_NPI": AGENCY_NPI,
        "WAYPOST_AGENCY_NAME": "Agency",
    }

    def run() -> "subprocess.CompletedProcess[str]":
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    first = await asyncio.to_thread(run)
    assert first.returncode == 0, first.stderr
    told = secret.read_text()
    secret.unlink()
    second = await asyncio.to_thread(run)
    assert second.returncode == 0, second.stderr

    assert told.startswith("whsec_")
    assert told.strip() not in first.stdout
    assert not secret.exists()
    organisation_id = clients.organisation_id_of(NPI, "1588667638")
    for ended in (first, second):
        assert f"organisation_id={organisation_id}\nclient_id=" in ended.stdout


async def test_the_secret_file_is_its_owners_alone(
    desk: Desk, server: Server, tmp_path: Path
) -> None:
    show(Registered(AGENCY, "client", "whsec_x"), tmp_path / "secret")

    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
