"""Where the whole journey of one referral can be looked at as a trace."""

import asyncpg

from deploy.local.stack import Addresses
from services.chassis.telemetry import trace_of


async def trace_page(addresses: Addresses, referral_id: str) -> str:
    """The trace that began with the hub's POST, as the first event of the referral stores it."""
    connection = await asyncpg.connect(addresses.dsn["referral"])
    try:
        traceparent = await connection.fetchval(
            """
            SELECT headers ->> 'traceparent'
              FROM event
             WHERE event_type = 'ReferralReceived.v1'
               AND headers ->> 'ce_subject' = $1
            """,
            referral_id,
        )
    finally:
        await connection.close()
    return addresses.trace(trace_of({"traceparent": traceparent or ""}) or "")
