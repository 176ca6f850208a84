"""The official FHIR validator: HL7's engine from Maven's jars, kept in the cache, run offline."""

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from itertools import count, takewhile
from pathlib import Path
from threading import Timer
from typing import Any

from deploy.local.jars import DEPENDENCY, maven_copies
from deploy.local.machine import Missing, cache, filled_once, java, say
from tests.badinput.samples import OURS, THIRD_PARTY
from tests.judge import terminology

VERSION = "8.8.1"  # the newest HAPI whose jars are published
HAPI = ("validation", "validation-resources-r4", "structures-r4", "caching-caffeine")
COORDINATES = (
    *(f"ca.uhn.hapi.fhir:hapi-fhir-{name}:{VERSION}" for name in HAPI),
    "org.slf4j:slf4j-nop:2.0.17",
)
HERE = Path(__file__).parent
PACKAGES = ("us_core_610.tgz", "sdohcc.tgz", "bser.tgz", "backport-r4-definitions")
MEMORY = ("-Xmx1200m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")  # short and light
SECONDS = 600  # 20 on an idle machine


class Judge:
    """One validator for a whole run: it takes ten seconds to begin, and one to judge.

    Begun when made. Raises Missing where Java, the jars or the packages cannot be had.
    """

    def __init__(self, scratch: Path) -> None:
        packages = [THIRD_PARTY / "packages" / name for name in PACKAGES]
        if absent := [path.name for path in packages if not path.exists()]:
            raise Missing(f"The FHIR packages {', '.join(absent)} are not on this machine.")
        terminology.write(scratch / "terminology", OURS)
        command = [java(), *MEMORY, "-cp", f"{jars()}/*", HERE / "Validate.java"]
        self.scratch, self.rounds, self.log = scratch, count(), scratch / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [str(part) for part in (*command, scratch / "terminology", *packages)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def errors(
        self, resources: Mapping[str, Any], *, us_core: Mapping[str, Any]
    ) -> dict[str, list[str]]:
        """What is wrong, by name; with those of `us_core` by US Core's profiles, too."""
        round_ = self.scratch / f"{next(self.rounds)}"
        folders = (save(round_ / "plain", resources), save(round_ / "us-core", us_core))
        assert self.process.stdin
        assert self.process.stdout
        patience = Timer(SECONDS, self.process.kill)
        patience.start()
        try:
            self.process.stdin.write("\t".join(map(str, folders)) + "\n")
            self.process.stdin.flush()
            lines = list(takewhile(lambda line: line != "judged\n", self.process.stdout))
        finally:
            patience.cancel()
        told = [json.loads(line) for line in lines if line.startswith("{")]
        if len(told) != len(resources) + len(us_core):
            raise AssertionError(f"The validator broke off: {self.log.read_text()[-2_000:]}")
        return {one["file"].removesuffix(".json"): one["errors"] for one in told if one["errors"]}

    def stop(self) -> None:
        with self.process:  # closes its input
            self.process.kill()


def save(folder: Path, resources: Mapping[str, Any]) -> Path:
    folder.mkdir(parents=True)
    for name, resource in resources.items():
        (folder / f"{name}.json").write_text(json.dumps(resource))
    return folder


def jars() -> Path:
    """The folder of the jars in the cache, filled on first use and checked against our list."""
    return filled_once(cache() / f"fhir-validator-{VERSION}", fill)


def fill(folder: Path) -> None:
    say(f"Resolving the FHIR validator {VERSION} (145 MB, once) into {folder}")
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        found, chosen = Path(scratch) / "found", Path(scratch) / "chosen"
        each = (DEPENDENCY.format(*coordinate.split(":")) for coordinate in COORDINATES)
        if not (maven_copies("".join(each), found) or by_jgo(found)):
            raise Missing("The FHIR validator's jars cannot be had: connect to a Maven repository.")
        chosen.mkdir()
        for line in (HERE / "jars.sha256").read_text().splitlines():
            digest, name = line.split()
            jar = found / name
            if not jar.is_file() or hashlib.sha256(jar.read_bytes()).hexdigest() != digest:
                raise Missing(f"{name} is not the file that tests/judge/jars.sha256 names.")
            shutil.copy(jar, chosen / name)
        chosen.rename(folder)


def by_jgo(folder: Path) -> bool:
    """The same in pure Python, for a machine without Maven."""
    try:
        import jgo

        found = [jar.resolve() for jar in jgo.resolve("+".join(COORDINATES))]
    except Exception as error:  # jgo raises whatever requests and its parsers raise
        say(f"jgo could not resolve the validator's jars ({type(error).__name__}).")
        return False
    folder.mkdir(exist_ok=True)
    for jar in found:
        shutil.copy(jar, folder / jar.name)
    return True
