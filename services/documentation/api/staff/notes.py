"""Notes: begun, signed and co-signed; returned, corrected, voided, added to."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request

from contracts.codes import Role
from services.chassis.errors import NotFound, Refused
from services.chassis.fhir.search import instant
from services.chassis.rule_packs import in_force
from services.chassis.staff import Caller, Conn, touch
from services.documentation.api.staff.bodies import (
    AddendumBody,
    AmendBody,
    AttestBody,
    ReasonBody,
    SessionBody,
    VoidBody,
)
from services.documentation.api.staff.router import NOTE_READERS, now_of, staff
from services.documentation.api.staff.views import (
    AddendumView,
    HistoryView,
    SessionsView,
    SessionView,
    addendum_view,
    history,
    signed,
    view,
)
from services.documentation.commands import corrections, notes
from services.documentation.domain.notes import Note, NoteState
from services.documentation.store import addenda
from services.documentation.store import notes as store
from services.documentation.store.notes import Place

MOST = 200
NOT_HERE = ("note-unknown", "There is no such note of yours.")


@staff.get("/sessions", roles=NOTE_READERS)
async def list_sessions(
    conn: Conn,
    caller: Caller,
    request: Request,
    state: Annotated[NoteState | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = MOST,
    after: Annotated[str | None, Query(description="`next` of the page before.")] = None,
) -> SessionsView:
    """The notes that the caller wrote or answers for, latest session first, a page of them."""
    place = place_of(after) if after else None
    found = await store.list_notes(conn, caller.staff_id, state=state, limit=limit + 1, after=place)
    shown = found[:limit]
    touch(request, *(f"Session/{note.session_id}" for note in shown))
    more = name_of(shown[-1]) if len(found) > limit else None
    return SessionsView(sessions=[view(note) for note in shown], next=more)


def name_of(note: Note) -> str:
    """A note's place in the list; whoever forges one still sees her own notes alone."""
    return f"{instant(note.starts_at)}_{note.session_id}_{note.version}"


def place_of(text: str) -> Place:
    try:
        starts_at, session_id, version = text.split("_")
        at = datetime.fromisoformat(starts_at)
        if at.tzinfo is None:
            raise ValueError
        return Place(at, UUID(session_id), int(version))
    except ValueError:
        sentence = "`after` is the `next` of a page: begin again without it."
        raise Refused("page-unknown", sentence) from None


@staff.get("/sessions/{session_id}", roles=NOTE_READERS)
async def read_session(
    session_id: UUID, conn: Conn, caller: Caller, request: Request
) -> HistoryView:
    """A note of one's own, or that one answers for: every version, and what was added."""
    versions = await store.list_versions(conn, session_id)
    if not versions or caller.staff_id not in await notes.readers(conn, versions):
        raise NotFound(*NOT_HERE)
    touch(request, f"Session/{session_id}")
    return history(versions, await addenda.list_addenda(conn, session_id))


@staff.post("/sessions", roles={Role.MENTOR}, status_code=201)
async def draft_session(
    body: SessionBody, conn: Conn, caller: Caller, request: Request
) -> SessionView:
    """Begin a note of a session with one's own youth."""
    note = await notes.draft_note(conn, body.told(), author=caller.staff_id, pack=in_force())
    touch(request, f"Session/{note.session_id}")
    return view(note)


@staff.post("/sessions/attested", roles={Role.SUPERVISOR}, status_code=201)
async def attest_session(
    body: AttestBody, conn: Conn, caller: Caller, request: Request
) -> SessionView:
    """Tell of a session in place of its mentor, as oneself; it is never billed."""
    result = await notes.attest_note(
        conn,
        body.told(),
        mentor_id=body.mentor_id,
        supervisor=caller.staff_id,
        pack=in_force(),
        now=now_of(request),
    )
    touch(request, f"Session/{result.note.session_id}")
    return signed(result)


@staff.put("/sessions/{session_id}", roles={Role.MENTOR})
async def revise_session(
    session_id: UUID, body: SessionBody, conn: Conn, caller: Caller
) -> SessionView:
    """Replace what one's own draft says."""
    return view(await notes.revise_note(conn, session_id, body.told(), author=caller.staff_id))


@staff.post("/sessions/{session_id}/submit", roles={Role.MENTOR})
async def submit_session(session_id: UUID, conn: Conn, caller: Caller) -> SessionView:
    """Ask one's supervisor to look at a draft before it is signed."""
    return view(await notes.submit_note(conn, session_id, author=caller.staff_id))


@staff.post("/sessions/{session_id}/sign", roles={Role.MENTOR})
async def sign_session(
    session_id: UUID, conn: Conn, caller: Caller, request: Request
) -> SessionView:
    """Sign one's own note; a refusal says every reason, and the note stays a draft."""
    now = now_of(request)
    return signed(
        await notes.sign_note(conn, session_id, author=caller.staff_id, pack=in_force(), now=now)
    )


@staff.post("/sessions/{session_id}/cosign", roles={Role.SUPERVISOR})
async def cosign_session(
    session_id: UUID, conn: Conn, caller: Caller, request: Request
) -> SessionView:
    """Co-sign a note of a mentor whom one supervises: it is final, and the session is told."""
    now = now_of(request)
    return signed(
        await notes.cosign_note(
            conn, session_id, supervisor=caller.staff_id, pack=in_force(), now=now
        )
    )


@staff.post("/sessions/{session_id}/return", roles={Role.SUPERVISOR})
async def return_session(
    session_id: UUID, body: ReasonBody, conn: Conn, caller: Caller
) -> SessionView:
    """Give a submitted or signed note back to its author, with a reason."""
    return view(
        await notes.return_note(conn, session_id, supervisor=caller.staff_id, reason=body.reason)
    )


@staff.post("/sessions/{session_id}/amend", roles={Role.MENTOR}, status_code=201)
async def amend_session(
    session_id: UUID, body: AmendBody, conn: Conn, caller: Caller
) -> SessionView:
    """Begin a corrected version of one's own final note, to be signed as any other."""
    return view(
        await corrections.amend_note(
            conn, session_id, body.told(), reason=body.reason, author=caller.staff_id
        )
    )


@staff.post("/sessions/{session_id}/void", roles={Role.SUPERVISOR})
async def void_session(
    session_id: UUID, body: VoidBody, conn: Conn, caller: Caller, request: Request
) -> SessionView:
    """Declare a final note entered in error: its session and ratings no longer count."""
    return view(
        await corrections.void_note(
            conn,
            session_id,
            reason=body.reason,
            supervisor=caller.staff_id,
            now=now_of(request),
        )
    )


@staff.post("/sessions/{session_id}/addenda", roles=NOTE_READERS, status_code=201)
async def add_addendum(
    session_id: UUID, body: AddendumBody, conn: Conn, caller: Caller, request: Request
) -> AddendumView:
    """Add to a signed note in one's own name; what was signed stays as it is."""
    added = await corrections.add_addendum(
        conn, session_id, body.text, author=caller.staff_id, now=now_of(request)
    )
    return addendum_view(added)
