"""The official FHIR validator: HL7's engine from Maven's jars, kept in the cache, run offline."""

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
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


def errors(
    scratch: Path, resources: Mapping[str, Any], *, us_core: Mapping[str, Any]
) -> dict[str, list[str]]:
    """What the validator finds wrong, by name; those of `us_core` by US Core's profiles too.

    Raises Missing where Java, the jars or the packages cannot be had.
    """
    packages = [THIRD_PARTY / "packages" / name for name in PACKAGES]
    if absent := [path.name for path in packages if not path.exists()]:
        raise Missing(f"The FHIR packages {', '.join(absent)} are not on this machine.")
    binary, lib = java(), jars()
    terminology.write(scratch / "terminology", OURS)
    folders = [save(scratch / name, kept) for name, kept in
               (("plain", resources), ("us-core", us_core))]  # fmt: skip
    options = [part for path in (scratch / "terminology", *packages) for part in ("--ig", path)]
    command = [binary, *MEMORY, "-cp", f"{lib}/*", HERE / "Validate.java"]
    done = subprocess.run(
        [str(part) for part in (*command, *options, folders[0], "--us-core", folders[1])],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if len(told) != len(resources) + len(us_core):
        raise AssertionError(f"The validator broke off: {done.stderr[-2_000:]}")
    return {one["file"].removesuffix(".json"): one["errors"] for one in told if one["errors"]}


def save(folder: Path, resources: Mapping[str, Any]) -> Path:
    folder.mkdir()
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
