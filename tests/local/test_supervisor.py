"""The supervisor with tiny parts: what dies comes back, what is left behind is found."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.machine import free_ports, wait_until
from deploy.local.part import Part, Running, recorded
from deploy.local.supervisor import Folder, dismiss, ensure

SLEEPER = "import time; time.sleep(600)"
SOON = 60  # seconds: this machine may have other work


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    folder = Folder(tmp_path / "home")
    folder.make()
    yield folder
    dismiss(folder)


def test_a_part_that_is_killed_comes_back(folder: Folder) -> None:
    [first] = running(folder, part("sleeper"))

    first.signal(signal.SIGKILL)

    wait_until(lambda: alive(folder, "sleeper") not in (None, first.pid), SOON, "No second life")


def test_parts_outlive_whoever_started_them_in_a_session_of_their_own(folder: Folder) -> None:
    [sleeper] = running(folder, part("sleeper"))

    assert os.getsid(sleeper.pid) == sleeper.pid
    assert os.getsid(folder.supervisor() or 0) != os.getsid(0)
    ours = {Path("/dev/null"), folder.log_of("sleeper")}
    # While Python starts it reads files of its own.
    wait_until(lambda: open_files(sleeper.pid) == ours, SOON, "It holds other files open")


def open_files(pid: int) -> set[Path]:
    found = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since
            found.add(path.readlink())
    return found


def test_ensuring_twice_starts_nothing_twice(folder: Folder) -> None:
    before = running(folder, part("one"), part("two"))
    supervisor = folder.supervisor()

    ensure(folder)

    assert folder.supervisor() == supervisor
    assert running(folder, part("one"), part("two")) == before


def test_a_new_supervisor_takes_over_what_a_killed_one_left_running(folder: Folder) -> None:
    [orphan] = running(folder, part("sleeper"))
    kill_supervisor(folder)

    ensure(folder)

    assert recorded(folder.record("sleeper")) == orphan
    orphan.signal(signal.SIGKILL)  # not a child of the new one, and yet looked after
    wait_until(lambda: alive(folder, "sleeper") not in (None, orphan.pid), SOON, "No second life")


def test_dismissing_ends_everything_even_without_a_supervisor(folder: Folder) -> None:
    parts = running(folder, part("one"), part("two"))
    kill_supervisor(folder)

    dismiss(folder)

    assert [one.alive() for one in parts] == [False, False]


def test_a_stage_ends_when_all_that_stand_on_it_have_ended(folder: Folder, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    running(folder, noting("first", diary, stage=1), noting("second", diary, stage=2))
    wait_until(lambda: diary.exists() and len(lines(diary)) == 2, SOON, "They did not begin")

    dismiss(folder)

    assert lines(diary)[2:] == ["second ends", "first ends"]


def test_a_part_that_ignores_term_is_killed_after_its_grace(folder: Folder) -> None:
    stubborn = "import signal; signal.signal(15, signal.SIG_IGN); " + SLEEPER
    [deaf] = running(folder, part("deaf", stubborn, grace=0.5))
    wait_until(lambda: ignores_term(deaf.pid), SOON, "It does not ignore TERM yet")

    dismiss(folder)

    assert not deaf.alive()


def test_what_a_killed_part_leaves_behind_dies_before_it_starts_again(folder: Folder) -> None:
    """As with nginx, whose workers go on listening when their master is killed."""
    [port] = free_ports(1)
    program = (
        "import os, socket, time; s = socket.socket();"
        f"s.setsockopt(1, 2, 1); s.bind(('127.0.0.1', {port})); s.listen(); os.fork();"
        "time.sleep(600)"
    )
    [master] = running(folder, part("forks", program))
    wait_until(lambda: len(group(master.pid)) == 2, SOON, "There is no worker")

    master.signal(signal.SIGKILL)

    wait_until(lambda: alive(folder, "forks") not in (None, master.pid), SOON, "No second life")
    again = alive(folder, "forks") or 0
    wait_until(lambda: len(group(again)) == 2, SOON, "The port was still held")
    assert group(master.pid) == []


def test_a_part_that_changed_is_started_anew_and_one_that_is_gone_ends(folder: Folder) -> None:
    stays, changes, goes = running(folder, part("stays"), part("changes"), part("goes"))

    folder.plan([part("stays"), part("changes", "import time; time.sleep(601)")])

    wait_until(lambda: not changes.alive() and not goes.alive(), SOON, "The old ones live")
    wait_until(lambda: alive(folder, "changes") is not None, SOON, "The changed one does not run")
    assert stays.alive()
    assert alive(folder, "goes") is None


def test_a_held_part_stays_down_until_it_is_let_go(folder: Folder) -> None:
    [sleeper, _] = running(folder, part("sleeper"), part("other"))

    folder.held("sleeper").touch()

    wait_until(lambda: not sleeper.alive(), SOON, "It runs on")
    folder.held("sleeper").unlink()
    wait_until(lambda: alive(folder, "sleeper") is not None, SOON, "It does not come back")


def test_a_part_that_cannot_start_holds_nobody_up_and_says_why(folder: Folder) -> None:
    folder.plan([Part("broken", ["/nowhere/to/be/found"]), part("sleeper")])

    ensure(folder)

    wait_until(lambda: alive(folder, "sleeper") is not None, SOON, "The other one does not run")
    assert "/nowhere/to/be/found" in folder.log_of("broken").read_text()


def test_a_part_that_dies_at_once_is_started_ever_more_slowly(
    folder: Folder, tmp_path: Path
) -> None:
    diary = tmp_path / "diary"
    began = "open('/proc/self/stat').read().rpartition(')')[2].split()[19]"
    folder.plan([part("hasty", f"open({str(diary)!r}, 'a').write({began} + chr(10))")])

    ensure(folder)

    wait_until(lambda: diary.exists() and len(lines(diary)) >= 5, SOON, "It is not tried again")
    fourth, fifth = map(int, lines(diary)[3:5])
    assert (fifth - fourth) / os.sysconf("SC_CLK_TCK") > 0.4  # however late we look; at first 0.1


def test_a_number_that_was_given_to_another_process_is_not_taken_for_ours() -> None:
    somebody_else = Running(os.getpid(), began=1, fingerprint="")

    assert not somebody_else.alive()
    somebody_else.signal(signal.SIGKILL)  # or this test would end here
    somebody_else.kill_group()


def part(name: str, program: str = SLEEPER, *, grace: float = 5, stage: int = 0) -> Part:
    return Part(name, [sys.executable, "-c", program], grace=grace, stage=stage)


def noting(name: str, diary: Path, *, stage: int) -> Part:
    """Writes into the diary when it begins and when it is told to end."""
    return part(
        name,
        f"import signal, sys, time; say = lambda what: open({str(diary)!r}, 'a').write(what);"
        f"signal.signal(15, lambda *_: (say('{name} ends\\n'), sys.exit()));"
        f"say('{name} begins\\n'); time.sleep(600)",
        stage=stage,
    )


def running(folder: Folder, *parts: Part) -> list[Running]:
    """Have these parts run, and return them."""
    folder.plan(list(parts))
    ensure(folder)
    names = [one.name for one in parts]
    wait_until(lambda: set(names) <= set(folder.running()), SOON, "Not all of it runs")
    found = folder.running()
    return [found[name] for name in names]


def alive(folder: Folder, name: str) -> int | None:
    one = folder.running().get(name)
    return one.pid if one else None


def kill_supervisor(folder: Folder) -> None:
    os.kill(folder.supervisor() or 0, signal.SIGKILL)
    wait_until(lambda: folder.supervisor() is None, SOON, "The supervisor lives")


def group(leader: int) -> list[int]:
    """Living processes of a group."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, members_of, *_ = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(members_of) == leader and state != "Z":
            found.append(int(stat.parent.name))
    return found


def ignores_term(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    ignored = next(line for line in status.splitlines() if line.startswith("SigIgn"))
    return bool(int(ignored.split()[1], 16) & 1 << signal.SIGTERM - 1)


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines()
