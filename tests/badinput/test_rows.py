"""RELIABILITY.md §6 through the real door: body, JSON and content of what is sent.

Each row is refused with its status, code and place, or kept for a reason.
"""

import gzip
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.badinput.rows import (
    CONDITION,
    ORG,
    PATIENT,
    REQUEST,
    Row,
    another_child,
    at,
    attachment,
    base64_of,
    more,
    rows_of,
    said,
    send,
    with_,
)
from tests.postgres import Server
from tests.referral.bundles import make_bundle
from tests.referral.desk import Office
from tests.referral.rig import Hub

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rows(server: Server) -> AsyncIterator[tuple[Office, Hub]]:
    async with rows_of(server) as opened:
        yield opened


PLAIN = b'{"resourceType": "Patient"'
DEEP: dict[str, Any] = {"url": "https://a.example/x", "valueString": "x"}
for _ in range(100):
    DEEP = {"url": "https://a.example/x", "extension": [DEEP]}
ITEM: dict[str, Any] = {"linkId": "1"}
for _ in range(200):
    ITEM = {"linkId": "1", "item": [ITEM]}
FORM = {"resourceType": "QuestionnaireResponse", "status": "completed", "item": [ITEM]}
ENTRY = {"resource": FORM, "request": {"method": "POST", "url": "QuestionnaireResponse"}}
SHORT = {"url": "https://a.example/x", "valueBoolean": True}
INNER = {"resourceType": "Patient", "id": "inner"}
OUTER = {
    "resourceType": "RelatedPerson",
    "id": "r",
    "name": [{"family": "x"}],
    "patient": {"reference": "#inner"},
}
NUMBER = {"system": "https://a.example/i", "value": "1"}
UNKNOWN = {"extension": [{"url": "https://a.example/absent", "valueCode": "unknown"}]}


def no_json(id_: str, body: bytes) -> Row:
    return Row(id_, body, 400, "invalid", None)


def structure(id_: str, path: str, name: str, value: Any, place: str | None = None) -> Row:
    body = with_(f"{path}.resource.{name}", value)
    return Row(id_, body, 400, "structure", at(path, place or name))


BODIES = [
    no_json("B-01 empty", b""),
    no_json("B-01 blank", b" \n"),
    no_json("B-01 truncated", PLAIN),
    no_json("B-03 trailing garbage", PLAIN + b"} x"),
    no_json("B-03 comment", PLAIN + b" /* no */}"),
    *(Row(f"B-02 {body.decode()}", body, 400, "structure", None)
      for body in (b"null", b"[]", b"1", b'"x"')),
    no_json("B-04 byte order mark", b"\xef\xbb\xbf" + PLAIN + b"}"),
    no_json("B-04 Latin-1", '{"resourceType": "Bundle", "language": "é"}'.encode("latin-1")),
    Row("B-04 charset", make_bundle(), 415, "not-supported", None,
        headers={"content_type": "application/fhir+json; charset=iso-8859-1"}),
    no_json("B-05 equal", PLAIN + b', "active": true, "active": true}'),
    no_json("B-05 not equal", PLAIN + b', "active": true, "active": false}'),
    no_json("B-06 NaN", PLAIN + b', "x": NaN}'),
    no_json("B-06 -Infinity", PLAIN + b', "x": -Infinity}'),
    no_json("B-06 1e999999", PLAIN + b', "x": 1e999999}'),
    no_json("B-06 1e-99999999999999999999", PLAIN + b', "x": 1e-99999999999999999999}'),
    no_json("B-10 lone surrogate", PLAIN + b', "language": "\\ud800"}'),
    no_json("B-07 10,000 digits", PLAIN + b', "x": ' + b"9" * 10_000 + b"}"),
    Row("B-08 extensions", with_(f"{PATIENT}.resource.extension", [DEEP]), 400, "too-costly", None),
    Row("B-08 brackets", b"[" * 100_000, 400, "too-costly", None),
    Row("B-08 items", more(ENTRY), 400, "too-costly", None),
    Row("B-12 6 MB", b" " * 6_000_000, 413, "too-costly", None),
    *(Row(f"B-13 {coding}", make_bundle(), 415, "not-supported", None,
          headers={"content_encoding": coding}) for coding in ("gzip", "br", "br,gzip")),
    Row("B-13 gzip bomb", gzip.compress(b" " * 50_000_000), 415, "not-supported", None,
        headers={"content_encoding": "gzip"}),
    *(Row(f"B-14 {kind}", make_bundle(), 415, "not-supported", None,
          headers={"content_type": kind})
      for kind in ("text/plain", "", "application/fhir+xml",
                   "application/fhir+json; fhirVersion=5.0")),
    *(Row(f"B-15 {accept}", make_bundle(), 406, "not-supported", None, headers={"accept": accept})
      for accept in ("text/html", "application/fhir+xml")),
    Row("B-15 _format=xml", make_bundle(), 406, "not-supported", None, path="/fhir?_format=xml"),
]  # fmt: skip

CONTENT = [
    structure("B-09 NUL", REQUEST, "patientInstruction", "a\x00b"),
    structure("B-09 ESC", REQUEST, "patientInstruction", "a\x1b[31m"),
    structure("B-09 BEL", REQUEST, "patientInstruction", "a\x07"),
    Row("B-16 identifiers", with_(f"{PATIENT}.resource.identifier", [NUMBER] * 2_001),
        413, "too-costly", at(PATIENT, "identifier")),
    Row("B-17 extensions", with_(f"{PATIENT}.resource.extension", [SHORT] * 30_000),
        413, "too-costly", at(PATIENT, "extension")),
    Row("B-18 unused", with_(f"{REQUEST}.resource.contained", [INNER]),
        422, "invariant", at(REQUEST, "contained[0]")),
    Row("B-18 contained in contained",
        with_(f"{CONDITION}.resource.asserter", {"reference": "#r"},
              with_(f"{CONDITION}.resource.contained", [{**OUTER, "contained": [INNER]}])),
        422, "invariant", at(CONDITION, "contained[0].contained")),
    Row("B-19 text for a resource", with_(f"{REQUEST}.resource", "ServiceRequest"),
        400, "structure", at(REQUEST)),
    structure("B-24 no type", REQUEST, "resourceType", ...),
    structure("B-24 a list as type", REQUEST, "resourceType", ["Patient"]),
    *(Row(f"B-25 {name}", with_(f"{REQUEST}.resource.resourceType", name),
          400, "not-supported", at(REQUEST, "resourceType"))
      for name in ("Referral", "ActorDefinition", "SubscriptionStatus", "Citation")),
    structure("B-27 unknown element", REQUEST, "urgency", "high"),
    structure("B-27 fhir_comments", REQUEST, "fhir_comments", ["x"], "…"),
    Row("B-28 modifierExtension", with_(f"{REQUEST}.resource.modifierExtension", [SHORT]),
        422, "extension", at(REQUEST, "modifierExtension")),
    Row("B-28 implicitRules", with_(f"{REQUEST}.resource.implicitRules", "https://a.example/r"),
        422, "not-supported", at(REQUEST, "implicitRules")),
    Row("B-29 bogus", with_(f"{REQUEST}.resource.status", "bogus"),
        422, "code-invalid", at(REQUEST, "status")),
    Row("B-29 draft", with_(f"{REQUEST}.resource.status", "draft"),
        422, "business-rule", at(REQUEST, "status")),
    *(Row(f"B-29 {intent}", with_(f"{REQUEST}.resource.intent", intent),
          422, "business-rule", at(REQUEST, "intent")) for intent in ("proposal", "plan")),
    Row("B-29 Task accepted", with_("entry.15.resource.status", "accepted"),
        422, "business-rule", at("entry.15", "status")),
    Row("B-29 no status but a reason", with_(f"{REQUEST}.resource", {
        k: v for k, v in make_bundle()["entry"][14]["resource"].items() if k != "status"
    } | {"_status": UNKNOWN}), 400, "required", at(REQUEST, "status")),
    Row("B-30 no subject", with_(f"{REQUEST}.resource.subject", ...),
        400, "required", at(REQUEST, "subject")),
    Row("B-30 Group", with_(f"{REQUEST}.resource.subject", {"reference": "Group/1"}),
        422, "business-rule", at(REQUEST, "subject")),
    structure("B-31 blank", REQUEST, "patientInstruction", "   "),
    structure("B-31 empty text", REQUEST, "patientInstruction", ""),
    structure("B-31 empty list", REQUEST, "note", []),
    structure("B-31 empty object", REQUEST, "occurrencePeriod", {}),
    *(structure(f"B-32 {id_[:10]!r}", REQUEST, "id", id_) for id_ in ("../../x", "a" * 65, "a\n")),
    *(structure(f"B-33 {date}", REQUEST, "authoredOn", date)
      for date in ("2026-13-01", "2026-02-30", "2026-11-09T15:20:00", "0000-01-01", 1_700_000_000,
                   "2026-11-09T15:20:00+99:99", "2026-11-0\u0669")),
    Row("B-34 in the future", with_(f"{PATIENT}.resource.birthDate", "2026-11-10"),
        422, "business-rule", at(PATIENT, "birthDate")),
    Row("B-34 1890", with_(f"{PATIENT}.resource.birthDate", "1890-01-01"),
        422, "business-rule", at(PATIENT, "birthDate")),
    structure("B-35 text for a boolean", REQUEST, "doNotPerform", "true"),
    structure("B-35 text for a number", REQUEST, "quantityQuantity", {"value": "12"},
              "quantityQuantity.value"),
    Row("B-38 hash", more(attachment(data="YWJj", hash="AAAA")),
        422, "invariant", "Bundle.entry[16].resource.content[0].attachment.hash"),
    Row("B-38 size", more(attachment(data="YWJj", size=9)),
        422, "invariant", "Bundle.entry[16].resource.content[0].attachment.size"),
    Row("B-38 over 3 MB", more(attachment(data=base64_of(3_000_001))),
        413, "too-costly", "Bundle.entry[16].resource.content[0].attachment"),
    *(Row(f"B-39 {text}", with_(f"{REQUEST}.resource.requester", {"reference": text}),
          422, "not-supported", at(REQUEST, "requester.reference"))
      for text in ("javascript:alert(1)", "file:///etc/passwd", "Patient/../../x",
                   "http://169.254.169.254/latest/meta-data")),
    Row("B-39 #missing", with_(f"{REQUEST}.resource.requester", {"reference": "#missing"}),
        422, "invariant", at(REQUEST, "requester.reference")),
    Row("B-39 wrong type", with_(f"{REQUEST}.resource.basedOn.0", {"reference": "Patient/1"}),
        422, "invariant", at(REQUEST, "basedOn[0].reference")),
    structure("B-40 system", REQUEST, "code", {"coding": [{"system": "HCPCS", "code": "T1027"}]},
              "code.coding[0].system"),
    Row("B-40 fullUrl", with_(f"{ORG}.fullUrl", "Organization/1"),
        400, "structure", "Bundle.entry[0].fullUrl"),
]  # fmt: skip


@pytest.mark.parametrize("row", [*BODIES, *CONTENT], ids=str)
async def test_what_is_refused(rows: tuple[Office, Hub], row: Row) -> None:
    office, hub = rows
    before = await office.count("youth"), await office.count("event")

    answer = await send(office, hub, row)

    assert answer.status_code == row.status, answer.text
    assert (row.code, row.at) in said(answer)
    assert len(answer.json()["issue"]) <= 50
    assert answer.headers["content-type"].startswith("application/fhir+json")
    assert (await office.count("youth"), await office.count("event")) == before


async def test_broken_json_says_line_and_column(rows: tuple[Office, Hub]) -> None:
    answer = await rows[1].send("POST", "/fhir", b'{"resourceType":\n"Patient",}')

    assert answer.json()["issue"][0]["diagnostics"] == "line 2, column 11"


async def test_deep_nesting_is_refused_at_once(rows: tuple[Office, Hub]) -> None:
    """B-08: in less than 50 ms of this process's own time."""
    for row in (row for row in BODIES if row.id.startswith("B-08")):
        begin = time.process_time()
        await send(*rows, row)
        assert time.process_time() - begin < 0.05, row.id


@pytest.mark.parametrize(
    ("accept", "path"),
    [("*/*", "/fhir"), ("", "/fhir"), ("text/html", "/fhir?_format=json")],
)
async def test_b15_what_takes_json_is_fine(
    rows: tuple[Office, Hub], accept: str, path: str
) -> None:
    """B-15, and B-14: application/json is fine."""
    headers = {"content_type": "application/json"} | ({"accept": accept} if accept else {})

    answer = await rows[1].send("POST", path, another_child(), **headers)

    assert answer.status_code == 200, answer.text
