"""What becomes of other people's samples at our doors: each file has its outcome, and its reason.

| sample | door | outcome | why |
|---|---|---|---|
| SDOHCC, BSeR ServiceRequest | POST ServiceRequest | 422 | another service, no number, no child |
| SDOHCC, BSeR, CDex Task | POST Task | 422 | its focus is no referral of this client |
| BSeR, PAS document, message, collection | POST transaction | 422 | one transaction per referral |
| Synthea children, hospitals | POST transaction | 422 | no ServiceRequest in them; invented NPIs |
| CDex Task, Bundle with `"1"` for a number | as above | 400 | no R4: the place is named |
| Patients of all four | in a referral | 200 | read, kept, read back |

An invented NPI is refused wherever it stands (`invariant`), because a mistyped one is.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from services.chassis.fhir.guard import check
from services.chassis.fhir.outcome import FhirRefused
from tests.badinput.rows import another_child, rows_of, said
from tests.badinput.samples import folder, need
from tests.postgres import Server
from tests.referral.desk import Office
from tests.referral.rig import Hub, located

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOLDERS = ("sdohcc", "bser", "synthea-r4-ma-kids", "davinci-pas", "davinci-cdex")
DOORS = {
    **{"Bundle": "/fhir", "Task": "/fhir/Task"},
    "ServiceRequest": "/fhir/ServiceRequest",
}
NPI = ("invariant", r".*identifier(\[\d+\])?\.value")
NO_FOCUS = ("not-found", r"Task\.focus")
TYPE = ("not-supported", r"Bundle\.type")
MISNAMED = ("invariant", r"Bundle\.entry\[\d+\]\.fullUrl")  # of another id than its resource
QUOTED = ("structure", r".*(\.total|\.valueInteger)")
NOT_OURS = (
    *(("business-rule", r"ServiceRequest\.code"), ("business-rule", r"ServiceRequest\.identifier")),
    ("not-found", r"ServiceRequest\.subject\.reference"),
)
MORE = (
    *(("not-found", r"ServiceRequest\.requester\.reference"),),
    ("business-rule", r"ServiceRequest\.status"),
)

# Folder, files, status, what must be said, what may be said besides.
OUTCOMES: list[tuple[str, str, int, tuple[Any, ...], tuple[Any, ...]]] = [
    ("sdohcc", r"ServiceRequest-.*", 422, NOT_OURS, MORE),
    ("sdohcc", r"Task-.*", 422, (NO_FOCUS,), ()),
    ("bser", r"ServiceRequest-.*", 422, NOT_OURS, MORE),
    ("bser", r"Task-.*", 422, (NO_FOCUS,), ()),
    ("bser", r"Bundle-.*-message-.*", 422, (TYPE,), (NPI, ("not-supported", r"Bundle\.entry.*"))),
    ("bser", r"Bundle-.*", 422, (TYPE,), (NPI, MISNAMED)),
    (
        "synthea-r4-ma-kids",
        r"hospitalInformation.*",
        422,
        (("business-rule", r"Bundle\.entry"),),
        (),
    ),
    ("synthea-r4-ma-kids", r".*", 422, (NPI,), ()),
    (
        *("davinci-pas", r"PAS_notification.*", 422),
        *((("not-supported", r"Bundle\.entry.*\.request\..*"),), (NPI, TYPE)),
    ),
    ("davinci-pas", r".*", 422, (TYPE,), (NPI,)),
    (
        *("davinci-cdex", r"cdex-task-inline-scenario1-.*", 422, (TYPE,)),
        (("not-supported", r"Bundle\.entry.*"),),
    ),
    ("davinci-cdex", r"cdex-(bundle|task)-.*", 0, (), (NPI, NO_FOCUS, QUOTED)),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rows(server: Server) -> AsyncIterator[tuple[Office, Hub]]:
    async with rows_of(server) as opened:
        yield opened


def sent_alone(name: str) -> Iterator[tuple[Path, str]]:
    """The files of a folder that have a door of their own."""
    for file in need(folder(name), name):
        if door := DOORS.get(json.loads(file.read_bytes()).get("resourceType", "")):
            yield file, door


@pytest.mark.parametrize("name", FOLDERS)
async def test_each_sample_has_its_outcome(rows: tuple[Office, Hub], name: str) -> None:
    office, hub = rows
    before = [await office.count(table) for table in ("youth", "event", "mirror")]
    wrong = []

    for file, door in sent_alone(name):
        answer = await hub.send("POST", door, file.read_bytes())
        if problem := unexpected(name, file, answer.status_code, said(answer)):
            wrong.append((file.name, problem, said(answer)[:3]))

    assert wrong == []
    assert [await office.count(table) for table in ("youth", "event", "mirror")] == before


def unexpected(
    name: str, file: Path, status: int, issues: list[tuple[str, str | None]]
) -> str | None:
    """None where the answer is the one of the table."""
    row = next((r for r in OUTCOMES if r[0] == name and re.fullmatch(r[1], file.name)), None)
    if row is None:
        return "the table says nothing of it"
    *_, wanted_status, wanted, allowed = row
    if status != (wanted_status or (400 if any(c == "structure" for c, _ in issues) else 422)):
        return f"status {status}"
    matched = {one for one in (*wanted, *allowed) if any(is_like(i, one) for i in issues)}
    if missing := [one for one in wanted if one not in matched]:
        return f"not said: {missing}"
    known = (*wanted, *allowed)
    others = [i for i in issues if not any(is_like(i, one) for one in known)]
    return f"said besides: {others}" if others or not issues else None


def is_like(issue: tuple[str, str | None], wanted: tuple[str, str]) -> bool:
    return issue[0] == wanted[0] and re.fullmatch(wanted[1], issue[1] or "") is not None


@pytest.mark.parametrize("name", FOLDERS)
async def test_what_has_no_door_of_its_own_is_r4_but_for_invented_npis(name: str) -> None:
    for file in need(folder(name), name):
        resource = json.loads(file.read_bytes())
        if resource.get("resourceType") in (*DOORS, None):
            continue
        found = refused(file)
        assert all(is_like(issue, NPI) for issue in found), (file.name, found)


def refused(file: Path) -> list[tuple[str, str | None]]:
    try:
        check(file.read_bytes())
    except FhirRefused as error:
        return [(i.code, i.expression) for i in error.issues if i.severity == "error"]
    return []


def patients(name: str) -> Iterator[dict[str, Any]]:
    for file in need(folder(name), name):
        resource = json.loads(file.read_bytes())
        if resource.get("resourceType") == "Patient":
            yield resource
        elif resource.get("resourceType") == "Bundle":
            inside = [entry.get("resource", {}) for entry in resource.get("entry", ())]
            yield from (one for one in inside if one.get("resourceType") == "Patient")


@pytest.mark.parametrize("name", ["sdohcc", "bser", "synthea-r4-ma-kids", "davinci-pas"])
async def test_their_children_can_be_referred(rows: tuple[Office, Hub], name: str) -> None:
    """With all that real exports say of a child: extensions, old names, partial addresses."""
    _, hub = rows
    for patient in patients(name):
        bundle = another_child()
        entry = bundle["entry"][5]
        ours = entry["resource"]["identifier"]
        entry["resource"] = patient | {"identifier": ours}

        answer = await hub.refer(bundle)

        assert answer.status_code == 200, (patient.get("id"), answer.text)
        read = (await hub.read(located(answer.json(), "Patient"))).json()
        assert read["name"] == patient["name"]
        assert read.get("birthDate") == patient.get("birthDate")
