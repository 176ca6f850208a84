"""The dated answer against a model that paints every word on every day, by brute force."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, TypeVar
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.codes import Attestation, ConsentKind, HubService
from contracts.rules import parse
from services.referral.domain.validity import (
    AttestedWord,
    ConsentWord,
    CoverageWord,
    History,
    HubWord,
    OpenWord,
    PlanWord,
    Question,
    validity,
)

FIRST = date(2026, 11, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(40)]
TYPES_CHANGE, LIMIT_CHANGES = DAYS[20], DAYS[30]
FULL, EXCLUDED, COMMERCIAL = (
    *("masshealth-standard", "masshealth-family-assistance", "commercial-bhca"),
)
OURS, OTHERS = UUID(int=1), UUID(int=2)
IHT, ICC = HubService.IN_HOME_THERAPY, HubService.INTENSIVE_CARE_COORDINATION
ROW = 'source = "a test"\nconfidence = "I"\n'
PACK = parse(
    [
        (
            "test.toml",
            "".join(
                f"[[rule]]\n{row}\n{ROW}"
                for row in (
                    f'key = "age.max_exclusive"\nvalue = 21\nlast_day = {DAYS[29]}',
                    f'key = "age.max_exclusive"\nvalue = 20\nfirst_day = {LIMIT_CHANGES}',
                    'key = "age.max_exclusive"\nvalue = 19\npayer = "commercial"',
                    'key = "feb29"\nvalue = "feb28"',
                    f'key = "coverage.masshealth.types_full"\nvalue = ["{FULL}"]\n'
                    f"last_day = {DAYS[19]}",
                    f'key = "coverage.masshealth.types_full"\nvalue = ["{FULL}", "{EXCLUDED}"]\n'
                    f"first_day = {TYPES_CHANGE}",
                    f'key = "coverage.masshealth.types_excluded"\nvalue = ["{EXCLUDED}"]',
                    f'key = "coverage.commercial.fully_insured_ma"\nvalue = ["{COMMERCIAL}"]',
                    f'key = "hub.required"\nvalue = ["{IHT}", "{ICC}"]',
                    'key = "hub.plan_names_tm"\nvalue = 1',
                )
            ).encode(),
        )
    ]
)

T = TypeVar("T")
day = st.sampled_from(DAYS)
maybe_day = st.none() | day
ids = st.uuids(version=4)
openings = st.builds(OpenWord, ids, day, st.booleans())
hubs = st.builds(
    HubWord, ids, st.sampled_from([OURS, OTHERS]), st.sampled_from([IHT, ICC]), day, st.booleans()
)


@st.composite
def coverage_words(draw: st.DrawFn) -> CoverageWord:
    """As payers answer: a yes covers the day asked about, a no may name an end before it."""
    number, asked_for, active = draw(st.integers(1, 2)), draw(day), draw(st.booleans())
    begins = draw(st.none() | st.sampled_from([d for d in DAYS if d <= asked_for]))
    later = [d for d in DAYS if d >= asked_for]
    ends = draw(st.none() | (st.sampled_from(later) if active else day))
    return CoverageWord(
        *(draw(ids), UUID(int=number), UUID(int=9), number, asked_for, active),
        draw(st.sampled_from([FULL, EXCLUDED, COMMERCIAL])) if active else None,
        *(None, begins if active else None, ends),
    )


plans = st.lists(st.tuples(day, maybe_day, st.lists(ids, max_size=2)), max_size=4).map(
    lambda made: tuple(PlanWord(n, d, e, tuple(g)) for n, (d, e, g) in enumerate(made, 1))
)
consents = st.builds(
    ConsentWord,
    *(ids, st.sampled_from([ConsentKind.TREATMENT, ConsentKind.ROI_HUB])),
    *(st.none() | st.just(OURS), day, st.booleans()),
)
attested = st.builds(
    AttestedWord,
    *(ids, st.sampled_from([Attestation.DOCUMENTS, Attestation.MEDICAL_NECESSITY]), day),
    st.booleans(),
)
births = st.none() | st.sampled_from(
    [
        *(date(2013, 3, 9), date(2005, 11, 15), date(2006, 11, 25), date(2007, 11, 10)),
        date(2004, 2, 29),
    ]
)


def several(words: st.SearchStrategy[T]) -> st.SearchStrategy[tuple[T, ...]]:
    return st.lists(words, max_size=5).map(tuple)


histories = st.builds(
    History,
    youth_id=ids,
    birth_date=births,
    requesting=st.just(frozenset({OURS})),
    named=st.sets(st.sampled_from([UUID(int=1), UUID(int=2)])).map(frozenset),
    opened=several(openings),
    hubs=several(hubs),
    coverages=several(coverage_words()),
    plans=plans,
    consents=several(consents),
    attested=several(attested),
)


# --- The model: a wall of days, painted over and over -------------------------------------------


def painted(words: Iterable[Any], sinces: Iterable[date], blank: Any) -> list[Any]:
    wall = [blank] * len(DAYS)
    for word, since in zip(words, sinces, strict=True):
        for n, d in enumerate(DAYS):
            if d >= since:
                wall[n] = word
    return wall


def first_day_of(word: CoverageWord) -> date:
    if word.is_active:
        return min(word.asked_for, word.begins or word.asked_for)
    if word.ends is not None and word.ends < word.asked_for:
        return word.ends + timedelta(days=1)
    return word.asked_for


def expected(history: History, n: int) -> dict[Question, bool | None]:
    d = DAYS[n]
    wall = painted(history.opened, [w.since for w in history.opened], None)
    answers: dict[Question, bool | None] = {
        Question.REFERRAL: bool(wall[n] and wall[n].is_open),
    }
    product = coverage_of(history, n, answers)
    answers[Question.AGE] = young(history.birth_date, d, product)
    pairs = {(w.organisation_id, w.hub_service) for w in history.hubs}
    walls = []
    for pair in pairs:
        own = [w for w in history.hubs if (w.organisation_id, w.hub_service) == pair]
        walls.append(painted(own, [w.since for w in own], None)[n])
    active = any(w is not None and w.is_active for w in walls)
    answers[Question.HUB_ACTIVE] = True if active else (False if history.hubs else None)
    plan = painted(history.plans, [w.since for w in history.plans], None)[n]
    answers[Question.PLAN_NAMES_TM] = (
        None if plan is None else bool(plan.tm_goals) and (plan.ends is None or d <= plan.ends)
    )
    agreed = [
        *(w for w in history.consents if w.kind == "treatment" and w.organisation_id is None),
    ]
    word = painted(agreed, [w.since for w in agreed], None)[n]
    answers[Question.TREATMENT] = bool(word and word.stands)
    for question in (Question.DOCUMENTS, Question.NECESSITY):
        acts = [w for w in history.attested if w.kind == question.value]
        act = painted(acts, [w.since for w in acts], None)[n]
        answers[question] = bool(act and act.stands)
    return answers


def coverage_of(history: History, n: int, answers: dict[Question, bool | None]) -> str | None:
    """Fills in the coverage's answer; gives the product that counted."""
    d = DAYS[n]
    cells = []
    for coverage_id in {w.coverage_id for w in history.coverages}:
        words = [w for w in history.coverages if w.coverage_id == coverage_id]
        cells.append(painted(words, [first_day_of(w) for w in words], None)[n])
    said = [c for c in cells if c and (not c.is_active or c.ends is None or d <= c.ends)]
    yes = [c for c in said if c.is_active]
    covers = [c for c in yes if c.product in products_on(d)]
    young_too = [c for c in covers if young(history.birth_date, d, c.product) is not False]
    chosen = sorted(
        young_too or yes,
        key=lambda c: (c.product == COMMERCIAL, c.rank, c.coverage_id),
    )
    if chosen:
        answers[Question.COVERAGE] = chosen[0].product in products_on(d)
        return str(chosen[0].product)
    everybody = history.named <= {c.coverage_id for c in said}
    answers[Question.COVERAGE] = False if said and everybody else None
    return None


def products_on(d: date) -> set[str]:
    return {FULL, COMMERCIAL, EXCLUDED} if d >= TYPES_CHANGE else {FULL, COMMERCIAL}


def young(born: date | None, d: date, product: str | None) -> bool | None:
    if born is None:
        return None
    limit = 19 if product == COMMERCIAL else 20 if d >= LIMIT_CHANGES else 21
    birthday = (born.month, born.day) if (born.month, born.day) != (2, 29) else (2, 28)
    years = d.year - born.year - ((d.month, d.day) < birthday)
    return years < limit


@settings(max_examples=400, deadline=None)
@given(history=histories, n=st.integers(0, len(DAYS) - 1))
def test_every_answer_is_the_models(history: History, n: int) -> None:
    found = validity(history, on=DAYS[n], rules=PACK)

    answers = {finding.question: finding.holds for finding in found.findings}

    model = expected(history, n)
    assert answers == model
    assert found.valid is (
        False if False in model.values() else None if None in model.values() else True
    )


@settings(max_examples=200, deadline=None)
@given(history=histories, n=st.integers(0, len(DAYS) - 1))
def test_a_yes_always_names_what_proves_it(history: History, n: int) -> None:
    found = validity(history, on=DAYS[n], rules=PACK)

    for finding in found.findings:
        assert finding.why
        assert finding.evidence_id is not None or not finding.holds
    assert (found.hub is not None) == holds(found.findings, Question.HUB_ACTIVE)


def holds(findings: Iterable[Any], question: Question) -> bool:
    return any(f.holds is True for f in findings if f.question is question)


@settings(max_examples=200, deadline=None)
@given(history=histories, later=coverage_words(), n=st.integers(0, len(DAYS) - 1))
def test_a_later_word_changes_no_day_before_its_own(
    history: History, later: CoverageWord, n: int
) -> None:
    """What is told of the days to come is never held against the days that were."""
    told = History(
        **{
            **{name: getattr(history, name) for name in History.__dataclass_fields__},
            "coverages": (*history.coverages, later),
        }
    )

    before = validity(history, on=DAYS[n], rules=PACK)
    after = validity(told, on=DAYS[n], rules=PACK)

    if DAYS[n] < first_day_of(later):
        assert before == after
