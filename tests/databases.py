"""Databases as their template is, for one test after the other.

To copy a template takes PostgreSQL ten times as long as to empty the tables that a test filled. So
a database is kept for the run and put back: what holds rows is truncated, what the template held
is put in again. One whose schema a test changed is made anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO

import asyncpg

from tests.postgres import Server

# Whatever a test could have changed besides rows.
SCHEMA = """
    SELECT md5(concat(
        (SELECT string_agg(concat(c.relname, c.relkind, c.relacl, c.reloptions), ','
                           ORDER BY c.relname)
           FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace),
        (SELECT string_agg(concat(a.attrelid::regclass, a.attname, a.atttypid, a.attnotnull), ','
                           ORDER BY a.attrelid::regclass::text, a.attnum)
           FROM pg_attribute a
           JOIN pg_class c ON c.oid = a.attrelid
          WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped),
        (SELECT string_agg(concat(tgname, tgenabled), ',' ORDER BY tgname)
           FROM pg_trigger WHERE NOT tgisinternal),
        (SELECT string_agg(concat(rulename, ev_enabled), ',' ORDER BY rulename) FROM pg_rewrite
          WHERE ev_class IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)),
        (SELECT string_agg(conname, ',' ORDER BY conname) FROM pg_constraint
          WHERE connamespace = 'public'::regnamespace),
        (SELECT string_agg(setconfig::text, ',') FROM pg_db_role_setting
          WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()))
    ))
"""
# Nobody of the test before may still hold a lock.
END_OTHERS = """
    SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
TABLES = """
    SELECT relname FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'
"""


@dataclass
class Template:
    """What a database holds when it is new."""

    tables: Sequence[str]
    schema: str
    rows: dict[str, bytes]


@dataclass
class Databases:
    """The databases of one server that tests have used; `made` says from which template."""

    server: Server
    made: dict[str, str] = field(default_factory=dict)
    templates: dict[str, Template] = field(default_factory=dict)

    async def fresh(self, name: str, template: str) -> None:
        """Make the database, or put it back to what its template is."""
        if self.made.get(name) == template and await self.put_back(name, template):
            return
        self.made.pop(name, None)
        await self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        if template not in self.templates:
            self.templates[template] = await read_template(self.server.dsn(name))
        self.made[name] = template

    async def put_back(self, name: str, template: str) -> bool:
        """False when it is not what it was, or not there; then it has to be made anew."""
        try:
            conn = await asyncpg.connect(self.server.dsn(name))
        except asyncpg.InvalidCatalogNameError:
            return False
        try:
            await conn.execute(END_OTHERS)
            known = self.templates[template]
            if await conn.fetchval(SCHEMA) != known.schema:
                return False
            await empty(conn, known)
            return True
        finally:
            await conn.close()

    async def run(self, sql: str) -> None:
        conn = await asyncpg.connect(self.server.dsn())
        try:
            await conn.execute(sql)
        finally:
            await conn.close()


async def read_template(dsn: str) -> Template:
    conn = await asyncpg.connect(dsn)
    try:
        tables = [row["relname"] for row in await conn.fetch(TABLES)]
        rows = {}
        for table in await filled(conn, tables):
            found: list[bytes] = []

            async def keep(data: bytes, found: list[bytes] = found) -> None:
                found.append(data)

            await conn.copy_from_table(table, output=keep)
            rows[table] = b"".join(found)
        return Template(tables, await conn.fetchval(SCHEMA), rows)
    finally:
        await conn.close()


async def empty(conn: "asyncpg.Connection[asyncpg.Record]", known: Template) -> None:
    if not (full := await filled(conn, known.tables)):
        return
    # Sequences begin again, too: a test may name a number.
    await conn.execute(f"TRUNCATE {', '.join(full)} RESTART IDENTITY CASCADE")
    await conn.execute("SET session_replication_role = replica")  # in any order
    for table, rows in known.rows.items():
        await conn.copy_to_table(table, source=BytesIO(rows))


async def filled(
    conn: "asyncpg.Connection[asyncpg.Record]", tables: Sequence[str]
) -> Sequence[str]:
    """Those that hold a row."""
    if not tables:
        return []
    asked = " UNION ALL ".join(
        f"SELECT '{table}' AS name WHERE EXISTS (SELECT FROM {table})"  # noqa: S608 (from pg_class)
        for table in tables
    )
    return [row["name"] for row in await conn.fetch(asked)]
