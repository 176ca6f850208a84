"""Letters that were or are to be written, and who wishes none."""

from datetime import datetime, timedelta
from uuid import UUID

from services.chassis.db import Connection, Record
from services.notifications.domain.mail import Letter, Mail, Preference
from services.notifications.domain.subscriptions import State


async def add_mail(conn: Connection, mail: Mail) -> bool:
    """Keep a letter; False when it is kept already, as when its event is heard again."""
    added = await conn.fetchval(
        """
        INSERT INTO mail (mail_id, letter, youth_id, subject_id, recipient, facts, occurred_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (mail_id) DO NOTHING
        RETURNING true
        """,
        *(mail.id, mail.letter, mail.youth_id, mail.subject_id, mail.recipient),
        *(dict(mail.facts), mail.occurred_at),
    )
    return added is True


async def mail_by_id(conn: Connection, id_: UUID) -> Mail:
    """A letter that work names: it is kept for good, so it is there."""
    row = await conn.fetchrow(
        """
        SELECT mail_id, letter, youth_id, subject_id, recipient, facts, state, attempts,
               first_sent_at, occurred_at
          FROM mail
         WHERE mail_id = $1
        """,
        id_,
    )
    assert row  # noqa: S101 (see above)
    return mail_of(row)


async def update_attempt(conn: Connection, id_: UUID, *, now: datetime) -> datetime:
    """Count an attempt; gives when the letter was first sent, which is its date for good."""
    first: datetime = await conn.fetchval(
        """
        UPDATE mail
           SET attempts = attempts + 1,
               tried_since = coalesce(tried_since, now()),
               first_sent_at = coalesce(first_sent_at, $2)
         WHERE mail_id = $1
        RETURNING first_sent_at
        """,
        *(id_, now),
    )
    return first


async def update_answer(
    conn: Connection, id_: UUID, *, answered: int | None, reason: str | None
) -> timedelta:
    """Note what came of an attempt; gives for how long the letter has been tried."""
    tried: timedelta = await conn.fetchval(
        """
        UPDATE mail SET answered = $2, reason = $3
         WHERE mail_id = $1
        RETURNING now() - coalesce(tried_since, now())
        """,
        *(id_, answered, reason),
    )
    return tried


async def update_state(conn: Connection, id_: UUID, state: State) -> None:
    """Close a letter; one that is closed stays as it was."""
    await conn.execute(
        """
        UPDATE mail SET state = $2, closed_at = now()
         WHERE mail_id = $1 AND state = 'queued'
        """,
        *(id_, state),
    )


async def is_told(conn: Connection, subject_id: UUID, letter: Letter) -> bool:
    """Whether somebody has had this letter about it, or perhaps has."""
    told: bool = await conn.fetchval(
        """
        SELECT EXISTS (
               SELECT FROM mail
                WHERE subject_id = $1
                  AND letter = $2
                  AND attempts > 0
                  AND state IN ('queued', 'delivered'))
        """,
        *(subject_id, letter),
    )
    return told


async def facts_of(conn: Connection, subject_id: UUID, letter: Letter) -> dict[str, str]:
    """What was last written about it; nothing, where nothing was."""
    facts: dict[str, str] | None = await conn.fetchval(
        """
        SELECT facts FROM mail
         WHERE subject_id = $1 AND letter = $2
         ORDER BY occurred_at DESC
         LIMIT 1
        """,
        *(subject_id, letter),
    )
    return facts or {}


async def add_disclosure(conn: Connection, mail: Mail) -> None:
    """Note, before it is sent, who is written to about whom; a repeat adds nothing."""
    await conn.execute(
        """
        INSERT INTO mail_disclosure (mail_id, recipient, youth_id, letter, ground)
        VALUES ($1, $2, $3, $4, 'text_email_contact')
            ON CONFLICT (mail_id) DO NOTHING
        """,
        *(mail.id, mail.recipient, mail.youth_id, mail.letter),
    )


async def add_cancelled(conn: Connection, appointment_id: UUID) -> None:
    await conn.execute(
        """
        INSERT INTO cancelled_appointment (appointment_id) VALUES ($1)
            ON CONFLICT (appointment_id) DO NOTHING
        """,
        appointment_id,
    )


async def is_cancelled(conn: Connection, appointment_id: UUID) -> bool:
    found: bool = await conn.fetchval(
        "SELECT EXISTS (SELECT FROM cancelled_appointment WHERE appointment_id = $1)",
        appointment_id,
    )
    return found


async def list_backlog(conn: Connection) -> tuple[float, int]:
    """For how long the oldest letter has been tried, and how many were given up."""
    row = await conn.fetchrow(
        """
        SELECT coalesce(extract(epoch FROM now() - (
               SELECT min(tried_since) FROM mail
                WHERE state = 'queued' AND tried_since IS NOT NULL)), 0)::float AS age,
               (SELECT count(*) FROM mail WHERE state = 'undeliverable') AS undeliverable
        """
    )
    assert row  # noqa: S101 (no table, one row)
    return row["age"], row["undeliverable"]


def mail_of(row: Record) -> Mail:
    return Mail(
        row["mail_id"],
        Letter(row["letter"]),
        row["youth_id"],
        row["subject_id"],
        row["recipient"],
        row["facts"],
        State(row["state"]),
        row["attempts"],
        row["first_sent_at"],
        row["occurred_at"],
    )


# --- Preferences ---------------------------------------------------------------------------------


async def preference_of(conn: Connection, subject_id: UUID) -> Preference:
    """What somebody wishes; the default where nobody said anything."""
    row = await conn.fetchrow(
        "SELECT language, opted_out, address FROM preference WHERE subject_id = $1", subject_id
    )
    if row is None:
        return Preference()
    return Preference(row["language"], frozenset(map(Letter, row["opted_out"])), row["address"])


async def update_preference(conn: Connection, subject_id: UUID, wish: Preference) -> None:
    await conn.execute(
        """
        INSERT INTO preference (subject_id, language, opted_out, address)
        VALUES ($1, $2, $3, $4)
            ON CONFLICT (subject_id) DO UPDATE
           SET language = excluded.language, opted_out = excluded.opted_out,
               address = excluded.address, updated_at = now()
        """,
        *(subject_id, wish.language, sorted(wish.opted_out), wish.address),
    )
