"""Apache Kafka's jars: resolved once by Maven or jgo, checked against our list, kept in a cache."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.local.machine import Missing, cache, filled_once, program, say

VERSION = "4.3.1"
# slf4j 2 does not bind: Kafka 4 speaks slf4j 1.7.
COORDINATES = (f"org.apache.kafka:kafka_2.13:{VERSION}", "org.slf4j:slf4j-simple:1.7.36")
HASHES = Path(__file__).parents[1] / "kafka/jars.sha256"
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>waypost</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>{}</dependencies></project>"""
DEPENDENCY = """<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version>
</dependency>"""


def kafka_jars() -> Path:
    """The folder of the jars: WAYPOST_KAFKA_LIB, else the cache, which is filled on first use.

    Raises Missing when they cannot be had, or are not those that we know.
    """
    if given := os.environ.get("WAYPOST_KAFKA_LIB"):
        return Path(given)
    return filled_once(cache() / f"kafka-{VERSION}", fill)


def fill(folder: Path) -> None:
    """Resolve, check and only then rename, so that a folder that exists is complete."""
    say(f"Resolving Apache Kafka {VERSION} (45 MB, once) into {folder}")
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        found = Path(scratch) / "found"
        if not (by_maven(found) or by_jgo(found)):
            raise Missing(
                "Apache Kafka's jars cannot be had: connect this machine to a Maven repository, or"
                " name a folder that holds them in WAYPOST_KAFKA_LIB."
            )
        chosen = Path(scratch) / "chosen"
        chosen.mkdir()
        for name, digest in known().items():
            jar = found / name
            if not jar.is_file() or hashlib.sha256(jar.read_bytes()).hexdigest() != digest:
                raise Missing(f"{name} is not the file that {HASHES} names: ask who changed it.")
            shutil.copy(jar, chosen / name)
        chosen.rename(folder)


def known() -> dict[str, str]:
    """The SHA-256 of each jar, by its name."""
    lines = (line.split() for line in HASHES.read_text().splitlines())
    return {name: digest for digest, name in lines}


def by_maven(folder: Path) -> bool:
    each = (DEPENDENCY.format(*coordinate.split(":")) for coordinate in COORDINATES)
    return maven_copies("".join(each), folder)


def maven_copies(dependencies: str, folder: Path, *options: str) -> bool:
    """Let the system's Maven, if there is one, resolve with its own settings."""
    maven = program("mvn")
    if not maven:
        return False
    pom = folder.with_suffix(".pom.xml")
    pom.write_text(POM.format(dependencies))
    goal = ["-DincludeScope=runtime", f"-DoutputDirectory={folder}", "dependency:copy-dependencies"]
    done = subprocess.run(
        [maven, "-q", "-B", "-f", pom, *options, *goal], stdout=subprocess.DEVNULL, check=False
    )
    return done.returncode == 0


def by_jgo(folder: Path) -> bool:
    """The same in pure Python, for a machine without Maven or where Maven cannot."""
    try:
        import jgo
    except ImportError:
        return False
    # Not its `build`, which would fetch a whole JDK to sort the jars into modules.
    try:
        jars = [found.resolve() for found in jgo.resolve("+".join(COORDINATES))]
    except Exception as error:  # jgo raises whatever requests and its parsers raise
        say(f"jgo could not resolve Kafka's jars ({type(error).__name__}).")
        return False
    folder.mkdir(exist_ok=True)
    for jar in jars:
        shutil.copy(jar, folder / jar.name)
    return True


if __name__ == "__main__":
    try:
        kafka_jars()
    except Missing as error:
        sys.exit(str(error))
