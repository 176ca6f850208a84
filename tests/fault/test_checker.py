"""The checker sees each kind of damage, by its name, and calls what is sound sound."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from tests.fault import harness
from tests.fault.checker import Effect, Found, Stored, judge, said
from tests.fault.history import Act, Answer, History

LISTENERS = [("scheduling", "referral")]
KEY, STREAM = UUID(int=1), UUID(int=2)
EVENTS = [Stored(UUID(int=10 + n), STREAM, n, b"%d" % n, KEY) for n in (1, 2, 3)]
EFFECTS = [Effect(e.event_id, "referral", e.stream_id, e.sequence, e.sha256) for e in EVENTS]
SOUND = Found(
    acts={"referral": {KEY: 3}, "scheduling": {}},
    stored={"referral": EVENTS, "scheduling": []},
    effects={"referral": [], "scheduling": EFFECTS},
    waiting={"referral": frozenset(), "scheduling": frozenset()},
    refused=0,
    frozen=0,
    skipped=0,
)


def history(tmp_path: Path, *answers: Answer) -> History:
    found = History(tmp_path / "history.jsonl")
    found.invoke(Act(KEY, "referral", 3, list(answers)))
    return found


def heard(effects: Sequence[Effect]) -> Found:
    return replace(SOUND, effects={"referral": [], "scheduling": effects})


def told(events: Sequence[Stored], acts: dict[UUID, int]) -> Found:
    return replace(
        SOUND,
        stored={"referral": events, "scheduling": []},
        acts={"referral": acts, "scheduling": {}},
        effects={"referral": [], "scheduling": EFFECTS[: len(events)]},
    )


@pytest.mark.parametrize("answers", [("ok",), ("info", "ok"), ("info",), ("fail", "ok")])
def test_what_was_stored_once_and_applied_once_is_sound(
    tmp_path: Path, answers: Sequence[Answer]
) -> None:
    assert judge(history(tmp_path, *answers), SOUND, LISTENERS).green


def test_an_act_in_doubt_may_be_absent(tmp_path: Path) -> None:
    assert judge(history(tmp_path, "info"), told([], {}), LISTENERS).green


DAMAGES: dict[str, tuple[Found, dict[str, int]]] = {
    "an effect is missing": (heard(EFFECTS[:2]), {"lost": 1}),
    "an effect waits": (
        replace(
            heard(EFFECTS[:2]),
            waiting={"referral": frozenset(), "scheduling": frozenset({EVENTS[2].event_id})},
        ),
        {"held": 1},
    ),
    "an effect is there twice": (
        heard([*EFFECTS, EFFECTS[2]]),
        {"duplicate": 1, "misordered": 1},
    ),
    "two effects changed places": (
        heard([EFFECTS[0], EFFECTS[2], EFFECTS[1]]),
        {"misordered": 2},
    ),
    "an effect that was never told": (
        heard([*EFFECTS, Effect(UUID(int=99), "referral", STREAM, 4, b"4")]),
        {"ghost": 1},
    ),
    "another content under the same number": (
        heard([*EFFECTS[:2], EFFECTS[2]._replace(sha256=b"other")]),
        {"disagreeing": 1},
    ),
    "some events of an act": (told(EVENTS[:2], {KEY: 3}), {"torn": 1}),
    "an act without its record": (told(EVENTS, {}), {"torn": 1}),
    "an acknowledged act is gone": (told([], {}), {"lost": 1}),
    "a stream is frozen": (replace(SOUND, frozen=1), {"frozen": 1}),
    "an event was refused": (replace(SOUND, refused=1), {"refused": 1}),
}


@pytest.mark.parametrize("damage", DAMAGES, ids=list(DAMAGES))
def test_each_damage_is_found_under_its_name(tmp_path: Path, damage: str) -> None:
    found, expected = DAMAGES[damage]

    verdict = judge(history(tmp_path, "ok"), found, LISTENERS)

    assert dict(+verdict.counts) == expected


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda: SOUND, id="its events are stored"),
        pytest.param(lambda: told([], {KEY: 3}), id="its record is stored"),
    ],
)
def test_an_act_that_was_refused_and_is_there_is_a_ghost(
    tmp_path: Path, change: Callable[[], Found]
) -> None:
    verdict = judge(history(tmp_path, "fail"), change(), LISTENERS)

    assert verdict.counts["ghost"] == 1


def test_a_word_of_a_child_in_a_log_is_found(tmp_path: Path) -> None:
    clean, dirty = tmp_path / "clean.log", tmp_path / "dirty.log"
    clean.write_text("started\n")
    dirty.write_bytes(b"\x00started for Fam0q31xzvk\n")

    assert said(tmp_path, [clean, dirty], ["0q31xzvk"]) == ["a word of a child in dirty.log"]


def test_a_log_that_kafka_removes_meanwhile_says_nothing(tmp_path: Path) -> None:
    assert said(tmp_path, [tmp_path / "referral.v1-0.5e1f-delete" / "0.log"], ["0q31xzvk"]) == []


def test_a_stack_that_does_not_stand_again_makes_its_seed_red_and_ends_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun: list[int] = []

    def falls(seed: int, **_: object) -> None:
        begun.append(seed)
        raise TimeoutError("Kafka was not ready within 90 seconds")

    page = tmp_path / "page.md"
    monkeypatch.setattr(harness, "whole", falls)
    monkeypatch.setattr("sys.argv", ["harness"])
    for name, value in {"SEEDS": "41,42", "REPORT": str(page)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SEED", raising=False)

    with pytest.raises(SystemExit, match="1"):
        harness.main()

    assert begun == [41, 42]
    assert "seed=42 verdict=red" in capsys.readouterr().out
    assert (
        "Seed 41 is **red**: the stack did not come up, or not again: Kafka was" in page.read_text()
    )
