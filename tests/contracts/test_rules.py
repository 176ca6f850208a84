"""Rule packs: as of a day, by scope, with source and confidence, and nothing invented."""

import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.rules import FOLDER, BadRules, Confidence, RulePack, UnknownRule, load, parse

DAY = date(2026, 11, 22)
KEYS = (  # every key of DOMAIN.md §3
    *("age.max_exclusive", "age.min", "feb29"),
    *("coverage.masshealth.types_full", "coverage.masshealth.types_excluded"),
    *("coverage.commercial.fully_insured_ma", "hub.required", "hub.plan_names_tm"),
    *("hub.documents_required", "consent.required", "living_situation"),
    *("mnc.1", "mnc.2", "mnc.3", "mnc.exclusions", "cans.max_age_days"),
    *("evs.check_before_service", "evs.batch.scope", "evs.batch.max_members"),
    *("evs.mid_required_if_known", "tpl.eob_required", "concurrent.residential"),
    *("clock.referral_ack", "clock.first_family_contact", "clock.first_appointment_offer"),
    *("clock.hub_contact", "clock.action_plan_due", "clock.note_due", "clock.plan_review"),
    *("clock.eligibility_recheck", "clock.waitlist_family_update", "clock.discharge_summary"),
    *("clock.incident_51a", "clock.info_request", "clock.offer_expiry"),
    *("mentor.qualification", "mentor.qualification.hs", "mentor.screening"),
    *("supervisor.qualification", "supervision.frequency", "supervision.linkage", "crisis"),
    *("code.hcpcs", "unit.minutes", "unit.rounding", "unit.max_per_day"),
    *("session.max_minutes", "session.one_day", "prior_auth", "authorization.warn_at"),
    *("hub.grace_days", "timely_filing.mce", "record_retention_years", "non_billable"),
    *("collateral", "one_to_one", "telehealth", "pos.allowed", "evv", "cob", "note.required"),
    *("note.fields", "note.goal_link", "goals.measurable", "note.signature", "note.immutable"),
    *("note.late", "release.authorization"),
)
FOR_MASSHEALTH_ONLY = ("code.modifier", "timely_filing.masshealth_ffs")


@pytest.fixture(scope="module")
def pack() -> RulePack:
    return load()


def made(*rows: str) -> RulePack:
    """A pack of these rows, each with what every row needs."""
    text = "\n".join(f'[[rule]]\nsource = "a test"\nconfidence = "I"\n{row}' for row in rows)
    return parse([("test.toml", text.encode())])


@pytest.mark.parametrize("key", KEYS)
def test_every_key_of_the_handbook_has_a_row(pack: RulePack, key: str) -> None:
    rule = pack.value(key, on=DAY)

    assert rule.source
    assert rule.confidence in Confidence


@pytest.mark.parametrize("key", FOR_MASSHEALTH_ONLY)
def test_a_payers_own_rule_is_not_found_for_another(pack: RulePack, key: str) -> None:
    assert pack.value(key, on=DAY, payer="masshealth").value

    with pytest.raises(UnknownRule):
        pack.value(key, on=DAY, payer="commercial")


def test_no_dollar_rate_appears_anywhere() -> None:
    text = "".join(path.read_text() for path in FOLDER.glob("*.toml"))

    assert not re.search(r"\$\s*\d|\bUSD\b", text)


def test_what_is_unknown_has_no_value(pack: RulePack) -> None:
    assert pack.value("unit.max_per_day", on=DAY).value is None
    assert pack.value("timely_filing.mce", on=DAY).value is None


def test_nobody_claims_to_have_verified_what_nobody_has(pack: RulePack) -> None:
    rules = [rule for rows in pack.rules.values() for rule in rows]

    assert all(rule.verified_on is None for rule in rules)


def test_the_administrator_of_wellsense_changes_with_the_year(pack: RulePack) -> None:
    last_year = pack.value("bh_admin.aliases", on=date(2025, 12, 31)).value
    this_year = pack.value("bh_admin.aliases", on=date(2026, 1, 1)).value

    assert (last_year["wellsense"], this_year["wellsense"]) == ("carelon", "wellsense")


def test_a_rule_holds_on_its_first_and_last_day_and_not_beyond() -> None:
    pack = made('key = "k"\nvalue = 1\nfirst_day = 2026-01-01\nlast_day = 2026-06-30')

    assert pack.value("k", on=date(2026, 1, 1)).value == 1
    assert pack.value("k", on=date(2026, 6, 30)).value == 1
    for day in (date(2025, 12, 31), date(2026, 7, 1)):
        with pytest.raises(UnknownRule):
            pack.value("k", on=day)


def test_the_narrowest_row_decides() -> None:
    pack = made(
        'key = "k"\nvalue = "all"',
        'key = "k"\nvalue = "payer"\npayer = "p"',
        'key = "k"\nvalue = "product"\npayer = "p"\nproduct = "x"',
        'key = "k"\nvalue = "service"\nservice = "s"',
    )

    assert pack.value("k", on=DAY).value == "all"
    assert pack.value("k", on=DAY, payer="q").value == "all"
    assert pack.value("k", on=DAY, payer="p").value == "payer"
    assert pack.value("k", on=DAY, payer="p", product="x").value == "product"
    assert pack.value("k", on=DAY, payer="q", service="s").value == "service"


def test_the_version_follows_every_byte() -> None:
    one, other = made('key = "k"\nvalue = 1'), made('key = "k"\nvalue = 2')

    assert one.version != other.version
    assert one.version == made('key = "k"\nvalue = 1').version
    assert one.value("k", on=DAY).version == one.version


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ('key = "k"\nconfidense = "V"', "unknown field confidense"),
        ('key = "k"\nfirst_day = 2026-02-02\nlast_day = 2026-02-01', "ends before it begins"),
        ('key = "k"\nfirst_day = "2026-02-02"', "a day must be a TOML date"),
        ('key = "k"\nfirst_day = 2026-02-02T00:00:00Z', "a day must be a TOML date"),
        ("value = 1", "lacks key"),
    ],
    ids=["misspelt", "backwards", "text-for-a-day", "instant-for-a-day", "no-key"],
)
def test_a_row_that_cannot_be_meant_is_named(row: str, problem: str) -> None:
    with pytest.raises(BadRules, match=problem):
        made(row)


def test_an_unknown_confidence_is_refused() -> None:
    text = b'[[rule]]\nkey = "k"\nsource = "s"\nconfidence = "sure"'

    with pytest.raises(BadRules, match="unknown confidence"):
        parse([("test.toml", text)])


def test_two_rows_for_the_same_day_and_scope_are_refused() -> None:
    with pytest.raises(BadRules, match="two rows"):
        made('key = "k"\nlast_day = 2026-06-30', 'key = "k"\nfirst_day = 2026-06-30')


def test_an_empty_folder_is_no_pack(tmp_path: Path) -> None:
    with pytest.raises(BadRules):
        load(tmp_path)


@given(
    edges=st.lists(
        st.dates(date(2020, 1, 1), date(2030, 12, 31)), min_size=1, max_size=5, unique=True
    ),
    day=st.dates(date(2019, 1, 1), date(2031, 12, 31)),
)
def test_of_successive_rows_exactly_the_one_that_covers_a_day_is_found(
    edges: list[date], day: date
) -> None:
    starts = sorted(edges)
    rows = [f'key = "k"\nvalue = {i}\nfirst_day = {start}' for i, start in enumerate(starts)]
    for i, after in enumerate(starts[1:]):
        rows[i] += f"\nlast_day = {date.fromordinal(after.toordinal() - 1)}"
    begun = [i for i, start in enumerate(starts) if start <= day]

    pack = made(*rows)

    if begun:
        assert pack.value("k", on=day).value == begun[-1]
    else:
        with pytest.raises(UnknownRule):
            pack.value("k", on=day)
