"""The referral service's token endpoint with one hub registered, and a small service of our own."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest_asyncio
from joserfc.jwk import ECKey

from contracts.codes import PartnerKind
from services.chassis.db import transaction
from services.chassis.migrate import migrate
from services.referral.api import token
from services.referral.commands import clients
from services.referral.commands.clients import NPI, Registered, Registration
from tests.conftest import run
from tests.postgres import Server
from tests.security.world import World, database, open_world

KEY = ECKey.generate_key("P-384", {"use": "sig"}, auto_kid=True)
HUB_SCOPES = ("system/Task.rs", "system/ServiceRequest.crus")


@dataclass
class Desk:
    """The token endpoint, and one hub that is registered there."""

    world: World
    key: ECKey
    registered: Registered

    @property
    def client_id(self) -> str:
        assert self.registered.client_id
        return self.registered.client_id


# One database for a module: making one takes longer than a test.
@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(server: Server) -> AsyncIterator[World]:
    await run(server, "postgres", "DROP DATABASE IF EXISTS template_desk")
    await run(server, "postgres", "CREATE DATABASE template_desk")
    await migrate("referral", server.dsn("template_desk"))
    async with (
        database(server, "desk", template="template_desk") as pool,
        open_world("referral", pool, doors=[token.router]) as world,
    ):
        yield world


@pytest_asyncio.fixture(loop_scope="module")
async def desk(office: World) -> Desk:
    await office.pool.execute(
        "TRUNCATE partner_organisation, client, client_organisation, client_assertion, audit"
    )
    await office.pool.execute("UPDATE audit_chain SET length = 0, last_hash = ''")
    async with transaction(office.pool) as conn:
        registered = await clients.register(conn, hub(KEY))
    return Desk(office, KEY, registered)


def hub(key: ECKey, **changes: object) -> Registration:
    values: dict[str, object] = {
        "kind": PartnerKind.HUB,
        "name": "Riverbend",
        "system": NPI,
        "value": "1234567893",
        "mrn_system": "https://riverbend.test/mrn",
        "scopes": HUB_SCOPES,
        "jwks": {"keys": [key.as_dict(private=False)]},
    }
    return Registration(**(values | changes))  # type: ignore[arg-type]
