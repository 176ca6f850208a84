"""Alembic's entry: runs revisions over asyncpg, each in a transaction of its own."""

import asyncio

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool


async def run() -> None:
    dsn: str = context.config.attributes["dsn"]
    url = "postgresql+asyncpg://" + dsn.split("://", 1)[1]
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as conn:
        await conn.run_sync(upgrade)
        await conn.commit()
    await engine.dispose()


def upgrade(conn: Connection) -> None:
    context.configure(connection=conn, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


asyncio.run(run())
