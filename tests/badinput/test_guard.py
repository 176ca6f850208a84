"""Bad input, row by row (RELIABILITY.md §6): status, issue code and place of each refusal."""

import base64
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from services.chassis.fhir import guard
from services.chassis.fhir.guard import Checked, check, check_off_loop, dumps
from services.chassis.fhir.outcome import FhirRefused
from tests.badinput.samples import changed, ours

ROOT = Path(__file__).parents[2]
SAMPLE = ours("01")
SR = "entry.14.resource"
SR_AT = "Bundle.entry[14].resource"
PATIENT = "entry.5.resource"
PATIENT_AT = "Bundle.entry[5].resource"
DEEP = {"url": "https://a.example/x", "valueString": "x"}
for _ in range(100):
    DEEP = {"url": "https://a.example/x", "extension": [DEEP]}  # type: ignore[dict-item]


def refused(body: bytes | dict[str, Any]) -> FhirRefused:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(FhirRefused) as caught:
        check(content)
    return caught.value


def said(error: FhirRefused) -> tuple[int, str, str | None]:
    return error.status, error.issues[0].code, error.issues[0].expression


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="B-01 empty"),
        pytest.param(b'{"resourceType": "Patient"', id="B-01 truncated"),
        pytest.param(b'{"resourceType": "Patient"} x', id="B-03 trailing garbage"),
        pytest.param(b'{"resourceType": "Patient" /* no */}', id="B-03 comment"),
        pytest.param(b'\xef\xbb\xbf{"resourceType": "Patient"}', id="B-04 byte order mark"),
        pytest.param('{"language": "é"}'.encode("latin-1"), id="B-04 Latin-1"),
        pytest.param(b'{"resourceType": "Patient", "active": true, "active": true}', id="B-05"),
        pytest.param(b'{"resourceType": "Patient", "x": NaN}', id="B-06 NaN"),
        pytest.param(b'{"resourceType": "Patient", "x": Infinity}', id="B-06 Infinity"),
        pytest.param(b'{"resourceType": "Patient", "x": 1e999999}', id="B-06 too large"),
        pytest.param(b'{"resourceType": "Patient", "x": ' + b"9" * 10_000 + b"}", id="B-07"),
        pytest.param(b'{"resourceType": "Patient", "language": "\\ud800"}', id="B-10"),
    ],
)
def test_what_is_no_json_is_refused_without_a_place(body: bytes) -> None:
    assert said(refused(body)) == (400, "invalid", None)


@pytest.mark.parametrize("body", [b"null", b"[]", b"1", b'"x"'], ids=str)
def test_json_that_is_no_object_is_no_resource(body: bytes) -> None:
    error = refused(body)

    assert (error.status, error.issues[0].code) == (400, "structure")


def test_broken_json_says_line_and_column() -> None:
    assert refused(b'{"resourceType":\n"Patient",}').issues[0].diagnostics == "line 2, column 11"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            json.dumps({"resourceType": "Patient", "extension": [DEEP]}).encode(), id="ext"
        ),
        pytest.param(b"[" * 100_000, id="brackets"),
        pytest.param(b'{"resourceType":"Patient","x":' + b"[" * 100_000, id="inside"),
    ],
)
def test_deep_nesting_is_refused_fast(body: bytes) -> None:  # B-08
    begin = time.thread_time()  # whatever else this machine does

    error = refused(body)

    assert (error.status, error.issues[0].code) == (400, "too-costly")
    assert time.thread_time() - begin < 0.5  # ten times the promise: it may be a slow one


STRUCTURE = [
    ("B-09 NUL in text", f"{SR}.patientInstruction", "a\x00b", "patientInstruction"),
    ("B-09 ESC in text", f"{SR}.patientInstruction", "a\x1b[31m", "patientInstruction"),
    ("B-19 string for a resource", SR, "ServiceRequest", ""),
    ("B-24 no resourceType", f"{SR}.resourceType", ..., "resourceType"),
    ("B-24 list as resourceType", f"{SR}.resourceType", ["Patient"], "resourceType"),
    ("B-27 unknown element", f"{SR}.urgency", "high", "urgency"),
    ("B-27 fhir_comments", f"{SR}.fhir_comments", ["x"], "…"),
    ("B-27 beside an id", f"{SR}._id", {"extension": [{"url": "urn:x", "valueCode": "x"}]}, "_id"),
    ("B-31 blank text", f"{SR}.patientInstruction", "   ", "patientInstruction"),
    ("B-31 empty string", f"{SR}.patientInstruction", "", "patientInstruction"),
    ("B-31 empty array", f"{SR}.note", [], "note"),
    ("B-31 empty object", f"{SR}.occurrencePeriod", {}, "occurrencePeriod"),
    ("B-31 null", f"{SR}.note", None, "note"),
    ("B-32 id with path", f"{SR}.id", "../../x", "id"),
    ("B-32 id of 65", f"{SR}.id", "a" * 65, "id"),
    ("B-32 id with newline", f"{SR}.id", "a\n", "id"),
    ("B-33 month 13", f"{SR}.authoredOn", "2026-13-01", "authoredOn"),
    ("B-33 30 February", f"{SR}.authoredOn", "2026-02-30", "authoredOn"),
    ("B-33 no zone", f"{SR}.authoredOn", "2026-11-09T15:20:00", "authoredOn"),
    ("B-33 zone +99:99", f"{SR}.authoredOn", "2026-11-09T15:20:00+99:99", "authoredOn"),
    ("B-33 year 0000", f"{SR}.authoredOn", "0000-01-01", "authoredOn"),
    ("B-33 epoch", f"{SR}.authoredOn", 1_700_000_000, "authoredOn"),
    ("B-35 text for a boolean", f"{SR}.doNotPerform", "true", "doNotPerform"),
    ("B-35 text for a number", f"{SR}.quantityQuantity", {"value": "12"}, "quantityQuantity.value"),
    ("B-40 relative system", f"{SR}.code.coding.0.system", "HCPCS", "code.coding[0].system"),
    ("one for a list", f"{SR}.note", {"text": "x"}, "note"),
    ("a list for one", f"{SR}.subject", [{"reference": "Patient/1"}], "subject"),
]


@pytest.mark.parametrize(
    ("path", "value", "at"), [r[1:] for r in STRUCTURE], ids=[r[0] for r in STRUCTURE]
)
def test_what_is_not_r4_is_refused_with_its_place(path: str, value: Any, at: str) -> None:
    error = refused(changed(SAMPLE, path, value))

    assert said(error) == (400, "structure", f"{SR_AT}.{at}" if at else SR_AT)


def test_a_required_element_is_named_where_it_is_missing() -> None:  # B-30
    error = refused(changed(SAMPLE, f"{SR}.subject", ...))

    assert said(error) == (400, "required", f"{SR_AT}.subject")


@pytest.mark.parametrize("name", ["Referral", "ActorDefinition", "SubscriptionStatus", "Citation"])
def test_types_that_are_not_of_r4_are_not_supported(name: str) -> None:  # B-25
    error = refused(changed(SAMPLE, f"{SR}.resourceType", name))

    assert said(error) == (400, "not-supported", f"{SR_AT}.resourceType")


def test_a_type_that_we_do_not_use_is_fine() -> None:  # B-26
    flag = {
        "resourceType": "Flag",
        "status": "active",
        "code": {"text": "x"},
        "subject": {"reference": "Patient/1"},
    }

    assert check(json.dumps(flag).encode()).resource["resourceType"] == "Flag"


@pytest.mark.parametrize(
    ("path", "value", "code", "at"),
    [
        (f"{SR}.status", "bogus", "code-invalid", f"{SR_AT}.status"),
        (f"{PATIENT}.gender", "M", "code-invalid", f"{PATIENT_AT}.gender"),
        (f"{SR}.modifierExtension", [{"url": "https://x.example/a", "valueBoolean": True}],
         "extension", f"{SR_AT}.modifierExtension"),
        (f"{SR}.implicitRules", "https://x.example/r", "not-supported", f"{SR_AT}.implicitRules"),
        (f"{SR}.occurrencePeriod", {"start": "2026-11-16", "end": "2026-11-15"}, "invariant",
         f"{SR_AT}.occurrencePeriod"),
        ("entry.1.resource.identifier.0.value", "1234567890", "invariant",
         "Bundle.entry[1].resource.identifier[0].value"),
        ("entry.0.fullUrl", SAMPLE["entry"][1]["fullUrl"].upper(), "invariant",
         "Bundle.entry[1].fullUrl"),
        (f"{SR}.requester", {"reference": "javascript:alert(1)"}, "not-supported",
         f"{SR_AT}.requester.reference"),
        (f"{SR}.requester", {"reference": "file:///etc/passwd"}, "not-supported",
         f"{SR_AT}.requester.reference"),
        (f"{SR}.requester", {"reference": "http://169.254.169.254/latest/meta-data"},
         "not-supported", f"{SR_AT}.requester.reference"),
        (f"{SR}.requester", {"reference": "Patient/../../x"}, "not-supported",
         f"{SR_AT}.requester.reference"),
        (f"{SR}.requester", {"reference": "#missing"}, "invariant", f"{SR_AT}.requester.reference"),
        (f"{SR}.basedOn.0", {"reference": "Patient/1"}, "invariant",
         f"{SR_AT}.basedOn[0].reference"),
        ("type", "batch", "not-supported", "Bundle.type"),
        ("entry.14.request.method", "DELETE", "not-supported", "Bundle.entry[14].request.method"),
        ("entry.14.request.url", "Patient", "not-supported", "Bundle.entry[14].request.url"),
        ("entry.14.request.url", "https://x.example/ServiceRequest", "not-supported",
         "Bundle.entry[14].request.url"),
        ("entry.14.request", ..., "invariant", "Bundle.entry[14].request"),
        ("total", 16, "invariant", "Bundle.total"),
        ("entry.6.resource.name", ..., "ok", ""),
        (f"{PATIENT}.name.0", {"use": "official"}, "invariant", f"{PATIENT_AT}.name[0]"),
        (f"{PATIENT}.contact.0", {"gender": "male"}, "invariant", f"{PATIENT_AT}.contact[0]"),
        ("entry.15.resource.lastModified", "2026-11-09T15:20:04-05:00", "invariant",
         "Bundle.entry[15].resource.lastModified"),
        ("entry.9.resource.target.0.measure", ..., "invariant",
         "Bundle.entry[9].resource.target[0].measure"),
        (f"{SR}.contained", [{"resourceType": "Patient", "id": "p"}], "invariant",
         f"{SR_AT}.contained[0]"),
    ],
)  # fmt: skip
def test_what_is_well_formed_but_wrong_is_422(path: str, value: Any, code: str, at: str) -> None:
    body = changed(SAMPLE, path, value)

    if code == "ok":
        check(json.dumps(body).encode())
    else:
        assert said(refused(body)) == (422, code, at)


def test_a_transaction_entry_may_hold_no_bundle() -> None:  # B-104
    inner = {"resourceType": "Bundle", "type": "transaction"}
    entry = {"resource": inner, "request": {"method": "POST", "url": "Bundle"}}

    error = refused({**SAMPLE, "entry": [entry]})

    assert said(error) == (422, "not-supported", "Bundle.entry[0].resource")


def test_two_forms_of_one_choice_are_refused_with_the_second() -> None:
    error = refused(changed(SAMPLE, f"{SR}.occurrenceDateTime", "2026-11-16"))

    assert said(error) == (400, "structure", f"{SR_AT}.occurrenceDateTime")


def test_too_many_items_are_too_costly() -> None:  # B-16, B-104
    identifier = {"system": "https://x.example/i", "value": "1"}

    error = refused(changed(SAMPLE, f"{PATIENT}.identifier", [identifier] * 2_001))

    assert said(error) == (413, "too-costly", f"{PATIENT_AT}.identifier")
    assert refused({**SAMPLE, "entry": SAMPLE["entry"] * 126}).status == 413


def test_an_oversized_body_and_attachment_are_too_costly() -> None:  # B-12, B-38
    assert said(refused(b" " * 5_000_001)) == (413, "too-costly", None)
    data = base64.b64encode(b"x" * 3_000_001).decode()
    error = refused(attached({"contentType": "text/plain", "data": data}))
    assert (error.status, error.issues[0].code) == (413, "too-costly")


def attached(attachment: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "content": [{"attachment": attachment}],
    }


@pytest.mark.parametrize(
    ("wrong", "at"), [({"hash": "AAAA"}, "hash"), ({"size": 9}, "size")], ids=["hash", "size"]
)
def test_an_attachment_is_what_it_says(wrong: dict[str, Any], at: str) -> None:  # B-38
    digest = hashlib.sha1(b"abc", usedforsecurity=False).digest()
    right = {"data": "YWJj", "size": 3, "hash": base64.b64encode(digest).decode()}
    check(json.dumps(attached(right)).encode())

    error = refused(attached(right | wrong))

    assert said(error) == (
        422,
        "invariant",
        f"DocumentReference.content[0].attachment.{at}",
    )


@pytest.mark.parametrize(
    "div",
    [
        "<div><script>x</script></div>",
        '<div><p onclick="x()">a</p></div>',
        '<div><iframe src="https://x.example"></iframe></div>',
        '<!DOCTYPE x [<!ENTITY e "e">]><div>&e;</div>',
        '<div><a href="javascript:x()">a</a></div>',
    ],
)
def test_an_unsafe_narrative_is_left_out_with_a_warning(div: str) -> None:  # B-37
    text = {"status": "generated", "div": div}

    checked = check(json.dumps(changed(SAMPLE, f"{PATIENT}.text", text)).encode())

    assert "text" not in checked.resource["entry"][5]["resource"]
    assert [w.severity for w in checked.warnings] == ["warning"]


def test_numbers_keep_their_digits() -> None:  # B-36, B-07
    body = b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":'
    body += b'{"value":1.00},"referenceRange":[{"high":{"value":12345678901234567890.5}}]}'

    assert dumps(check(body).resource) == body


def test_a_leap_second_and_text_in_any_direction_are_kept() -> None:  # B-33, B-11
    check(json.dumps(changed(SAMPLE, f"{SR}.authoredOn", "2016-12-31T23:59:60Z")).encode())
    check(json.dumps(changed(SAMPLE, f"{SR}.patientInstruction", "\u202eabc")).encode())


def test_all_problems_are_told_at_once_and_no_value_is_repeated() -> None:
    body = changed(SAMPLE, f"{SR}.authoredOn", "Zebra-77")
    body = changed(body, f"{PATIENT}.birthDate", "Zebra-78")
    body = changed(body, f"{PATIENT}.Zebra-79", "Zebra-80")

    error = refused(body)

    assert len(error.issues) == 3
    assert "Zebra" not in str(error.issues)


def test_no_answer_names_more_than_fifty_problems() -> None:
    lists = [{"text": ""}] * 200

    assert len(refused(changed(SAMPLE, f"{SR}.note", lists)).issues) == 50


async def test_a_large_body_is_read_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:  # W21
    extension = {"url": "https://x.example/a", "valueString": "x" * 40}
    body = json.dumps(changed(SAMPLE, f"{PATIENT}.extension", [extension] * 2_000)).encode()
    assert len(body) > 65_536

    def here(body: bytes, *, expect: object = None) -> Checked:
        raise AssertionError("it was read in this process")

    monkeypatch.setattr(guard, "check", here)

    assert isinstance(await check_off_loop(body), Checked)
    with pytest.raises(AssertionError):
        await check_off_loop(b"{}")  # which is no trouble to read at once


def test_a_referral_is_read_without_the_library() -> None:
    """It is thirty megabytes, and a second in which the loop would serve nobody."""
    code = """
import sys
from services.chassis.fhir import guard
guard.check(sys.stdin.buffer.read(), expect={"Bundle"})
sys.exit(any(name.startswith("fhir.resources") for name in sys.modules))
"""
    sample = json.dumps(SAMPLE).encode()
    done = subprocess.run([sys.executable, "-c", code], input=sample, cwd=ROOT, check=False)

    assert done.returncode == 0
