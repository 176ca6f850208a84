"""The intake model from what a hub has sent of one referral: who, by whom, for what."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from contracts.codes import PartnerKind, Priority
from services.referral.domain.intake import (
    DEFAULT_HOURS_PER_WEEK,
    Document,
    Identifier,
    Intake,
    Organisation,
    RelatedPerson,
    SentCoverage,
    Window,
    Youth,
)
from services.referral.mapping.inbound.asked import is_typed, mrn_of
from services.referral.mapping.inbound.dates import last_day, period_of, whole_day
from services.referral.mapping.inbound.entries import Entry, Resource, identifiers_of
from services.referral.mapping.inbound.graph import Graph
from services.referral.mapping.inbound.hubs import hubs_from
from services.referral.mapping.inbound.plans import plan_from
from services.referral.mapping.terms import (
    DO_NOT_CONTACT,
    INTERPRETER_REQUIRED,
    MASSHEALTH_MEMBER,
    PAYER_ID,
    REFERRAL_DOCUMENT,
    ROLE_CODE,
)

# v3-RoleCode of those who may speak for a child.
GUARDIANS = frozenset(
    (
        *("GUARD", "POWATT", "DPOWATT", "RESPRSN", "PRN", "MTH", "FTH", "NMTH", "NFTH"),
        *("ADOPTP", "ADOPTM", "ADOPTF", "FTHFOST", "MTHFOST", "PRNFOST", "STPPRN", "STPMTH"),
        *("STPFTH", "GRPRN"),
    )
)
MASSHEALTH_DIGITS = re.compile(r"[0-9]{12}")
NO_LETTERS = re.compile(r"[^a-z]+")
HOURS_PER_WEEK = ("h/wk", "h/wk.", "hours/week", "h")

# Where a document's kind is not coded, words tell; a wrong guess is re-filed by staff.
WORDS = (
    ("comprehensive-assessment", re.compile(r"comprehensive\s+assessment", re.I)),
    ("cans", re.compile(r"\bCANS\b|child and adolescent needs", re.I)),
    ("safety-plan", re.compile(r"safety\s+plan|crisis\s+plan", re.I)),
    (
        "roi",
        re.compile(r"\bROI\b|release of information|authorization to (release|disclose)", re.I),
    ),
    ("hub-plan", re.compile(r"treatment\s+plan|care\s+plan|\bI[AC]P\b|action plan", re.I)),
)
TIMES_OF_DAY = {"MORN": ("08:00", "12:00"), "AFT": ("12:00", "17:00"), "EVE": ("17:00", "21:00")}
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def intake_from(
    graph: Graph,
    *,
    referral_id: UUID,
    youth_id: UUID,
    organisation_id: UUID,
    mrn_system: str | None,
) -> Intake:
    """All facts of a referral, its resources taken together."""
    request = graph.get(f"ServiceRequest/{referral_id}")
    if request is None:
        raise LookupError("A referral is read with its ServiceRequest.")
    patient = graph.get(f"Patient/{youth_id}") or {"resourceType": "Patient"}
    tasks = [task for _, task in graph.of("Task", youth_id, referral_id)]
    priorities = [t["priority"] for t in tasks if "priority" in t] + [request.get("priority")]
    return Intake(
        youth=youth_from(patient, youth_id, mrn_system),
        related=tuple(related_people(graph, youth_id)),
        coverages=tuple(coverages(graph, request, patient, youth_id)),
        hubs=hubs_from(graph, youth_id=youth_id, organisation_id=organisation_id),
        plan=plan_from(graph, request, youth_id),
        documents=tuple(documents(graph, youth_id)),
        request_status=request["status"],
        priority=Priority(next(filter(None, priorities), "routine")),
        hours_per_week=hours_per_week(request),
        windows=tuple(windows(request)),
        do_not_contact=has_code(request.get("orderDetail", ()), DO_NOT_CONTACT),
    )


# --- The youth and who speaks for them ----------------------------------------------------------


def youth_from(patient: Resource, youth_id: UUID, mrn_system: str | None) -> Youth:
    name = official_name(patient.get("name", ()))
    usual = [n for n in patient.get("name", ()) if n.get("use") in ("usual", "nickname")]
    entry = Entry("Patient", None, patient)
    return Youth(
        youth_id=youth_id,
        mrn=mrn_of(entry, mrn_system),
        medicaid=medicaid_numbers(patient),
        family=name.get("family"),
        given=given(name),
        preferred=next((part for n in usual for part in given(n)), None),
        birth_date=whole_day(patient.get("birthDate")),
        gender=patient.get("gender"),
        deceased=bool(patient.get("deceasedBoolean") or patient.get("deceasedDateTime")),
        active=patient.get("active", True),
        languages=languages(patient),
        interpreter_needed=any(
            e.get("valueBoolean") is True
            for e in patient.get("extension", ())
            if e.get("url") == INTERPRETER_REQUIRED
        ),
        area=area(patient),
    )


def official_name(names: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The official name, else the first that is neither old nor over."""
    official = [n for n in names if n.get("use") == "official"]
    present = [n for n in names if n.get("use") != "old" and "end" not in n.get("period", {})]
    return next(iter(official + present), {})


def given(name: Mapping[str, Any]) -> tuple[str, ...]:
    """Given names; FHIR may hold null where only an extension says why there is none."""
    return tuple(part for part in name.get("given", ()) if part)


def medicaid_numbers(patient: Resource) -> tuple[Identifier, ...]:
    typed = [i for i in patient.get("identifier", ()) if is_typed(i, "MA") and "value" in i]
    named = [i for i in patient.get("identifier", ()) if i.get("system") == MASSHEALTH_MEMBER]
    found = {i["value"]: i for i in typed + named if "value" in i}
    return tuple(Identifier(i.get("system", ""), value) for value, i in found.items())


def languages(patient: Resource) -> tuple[str, ...]:
    """Language codes, preferred first; what is only written out is for people to read."""
    spoken = sorted(patient.get("communication", ()), key=lambda c: c.get("preferred") is not True)
    codings = [coding for c in spoken for coding in c["language"].get("coding", ())]
    codes = [
        c["code"]
        for c in codings
        if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", c.get("code", ""))
    ]
    return tuple(dict.fromkeys(codes))


def area(patient: Resource) -> str | None:
    """The town of the home as a code, `west-springfield`; never more of the address."""
    current = [a for a in patient.get("address", ()) if a.get("use") != "old" and a.get("city")]
    home = [a for a in current if a.get("use") == "home"] or current
    town = NO_LETTERS.sub("-", home[0]["city"].casefold()).strip("-") if home else ""
    return town if 2 <= len(town) <= 40 else None


def related_people(graph: Graph, youth_id: UUID) -> Iterator[RelatedPerson]:
    for ref, person in graph.of("RelatedPerson", youth_id):
        codes = tuple(c["code"] for c in codings(person.get("relationship", ())) if "code" in c)
        name = official_name(person.get("name", ()))
        yield RelatedPerson(
            related_person_id=UUID(ref.partition("/")[2]),
            family=name.get("family"),
            given=given(name),
            relationships=codes,
            is_guardian=is_guardian(person),
            is_active=person.get("active", True),
            telecom=tuple(person.get("telecom", ())),
        )


def is_guardian(person: Resource) -> bool:
    kinds = codings(person.get("relationship", ()))
    return any(c.get("code") in GUARDIANS and c.get("system") == ROLE_CODE for c in kinds)


# --- Insurance ----------------------------------------------------------------------------------


def coverages(
    graph: Graph, request: Resource, patient: Resource, youth_id: UUID
) -> Iterator[SentCoverage]:
    """Those that the request names, else all of the child's that are no mistake."""
    named = {i.get("reference") for i in request.get("insurance", ())}
    all_ = [(r, c) for r, c in graph.of("Coverage", youth_id) if c["status"] != "entered-in-error"]
    for place, (ref, coverage) in enumerate([(r, c) for r, c in all_ if r in named] or all_):
        payor = next(iter(coverage.get("payor", ())), None)
        payer = graph.organisation(payor, coverage)
        begins, ends = period_of(coverage)
        yield SentCoverage(
            coverage_id=UUID(ref.partition("/")[2]),
            payer_id=payer.organisation_id if payer and payer.kind is PartnerKind.PAYER else None,
            member_id=member_id(coverage, patient, is_masshealth(coverage, payer)),
            status=coverage["status"],
            begins=begins,
            ends=ends,
            rank=coverage.get("order", place + 1),
        )


def is_masshealth(coverage: Resource, payer: Organisation | None) -> bool:
    """Whether MassHealth's form of number is asked for: by payer, else by the number's system."""
    if payer:
        return payer.identifier == (PAYER_ID, "masshealth")
    return any(i.system == MASSHEALTH_MEMBER for i in identifiers_of(coverage))


def member_id(coverage: Resource, patient: Resource, masshealth: bool) -> str | None:
    """The number to ask the payer by; None when there is none that can be one (E21)."""
    typed = [
        i["value"] for i in coverage.get("identifier", ()) if is_typed(i, "MB") and "value" in i
    ]
    numbers = [coverage["subscriberId"]] if "subscriberId" in coverage else []
    numbers += typed
    if masshealth:
        numbers += [i.value for i in medicaid_numbers(patient)]
        return next((n for n in numbers if MASSHEALTH_DIGITS.fullmatch(n)), None)
    return next(iter(numbers), None)


# --- Papers and wishes --------------------------------------------------------------------------


def documents(graph: Graph, youth_id: UUID) -> Iterator[Document]:
    for type_ in ("DocumentReference", "QuestionnaireResponse"):
        for ref, resource in graph.of(type_, youth_id):
            if resource["status"] in ("entered-in-error", "superseded", "stopped"):
                continue
            for kind in kinds_of(resource):
                yield Document(kind, ref, dated(resource))


def kinds_of(resource: Resource) -> list[str]:
    """The kinds that a category names, else the first that its words suggest."""
    coded = [
        c["code"]
        for c in codings(resource.get("category", ()))
        if c.get("system") == REFERRAL_DOCUMENT
    ]
    if coded:
        return coded
    texts = [resource.get("description", ""), resource.get("type", {}).get("text", "")]
    texts += [c.get("display", "") for c in codings([resource.get("type", {})])]
    texts += [c.get("attachment", {}).get("title", "") for c in resource.get("content", ())]
    texts.append(resource.get("questionnaire", ""))
    said = " \n ".join(texts)
    return next(([kind] for kind, words in WORDS if words.search(said)), [])


def dated(resource: Resource) -> Any:
    made = [c.get("attachment", {}).get("creation") for c in resource.get("content", ())]
    texts = [*made, resource.get("date"), resource.get("authored")]
    return next((day for text in texts if (day := last_day(text))), None)


def hours_per_week(request: Resource) -> float:
    quantity = request.get("quantityQuantity", {})
    unit = quantity.get("code") or quantity.get("unit")
    hours = float(quantity["value"]) if unit in HOURS_PER_WEEK and "value" in quantity else 0
    return hours if 0 < hours <= 40 else DEFAULT_HOURS_PER_WEEK


def windows(request: Resource) -> Iterator[Window]:
    """Days and times that suit the family, where the request's timing says both."""
    repeat = request.get("occurrenceTiming", {}).get("repeat", {})
    times = [(t[:5], later(t[:5], repeat)) for t in repeat.get("timeOfDay", ())]
    times += [TIMES_OF_DAY[code] for code in repeat.get("when", ()) if code in TIMES_OF_DAY]
    for day in repeat.get("dayOfWeek", ()):
        for begins, ends in times:
            if begins < ends:
                yield Window(WEEKDAYS.index(day) + 1, begins, ends)


def later(time: str, repeat: Mapping[str, Any]) -> str:
    """The end of a window: its duration later, two hours where none is said, midnight at most."""
    units = {"min": 1, "h": 60}
    minutes = float(repeat.get("duration", 120)) * units.get(repeat.get("durationUnit", "min"), 0)
    end = int(min(int(time[:2]) * 60 + int(time[3:]) + minutes, 23 * 60 + 59))
    return f"{end // 60:02}:{end % 60:02}"


def codings(concepts: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [coding for concept in concepts for coding in concept.get("coding", ())]


def has_code(concepts: Sequence[Mapping[str, Any]], code: str) -> bool:
    return any(coding.get("code") == code for coding in codings(concepts))
