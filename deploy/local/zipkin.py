"""The trace page, Zipkin, on loopback: spans in memory, a look at them in the browser."""

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from deploy.local.jars import maven_copies
from deploy.local.machine import Missing, cache, filled_once, java, say
from deploy.local.part import Part

VERSION = "3.6.1"
JAR = f"zipkin-server-{VERSION}-slim.jar"
SHA256 = "981b1de6139b4f8f787a909c308028732f9713ae5284353d2a5aa404d1094775"
DEPENDENCY = f"""<dependency><groupId>io.zipkin</groupId><artifactId>zipkin-server</artifactId>
<version>{VERSION}</version><classifier>slim</classifier></dependency>"""
HEAP = ["-Xms16m", "-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
SETTINGS = {"STORAGE_TYPE": "mem", "MEM_MAX_SPANS": "20000", "SELF_TRACING_ENABLED": "false"}
# It starts in two seconds of both processors: the parts that everybody waits for go first.
POLITELY = ["/usr/bin/nice", "-n", "5"]


def zipkin_jar() -> Path | None:
    """The jar: WAYPOST_ZIPKIN_JAR, else that in the cache; None where `fetch` never put one."""
    if given := os.environ.get("WAYPOST_ZIPKIN_JAR"):
        return Path(given)
    jar = cache() / JAR
    return jar if jar.exists() else None


def fetch() -> Path:
    """Fill the cache on first use. Raises Missing when the jar cannot be had, or is not ours."""
    return zipkin_jar() or filled_once(cache() / JAR, resolve)


def resolve(jar: Path) -> None:
    """Fetch, check and only then rename, so that a jar that exists is the one we know."""
    say(f"Resolving Zipkin {VERSION}, the trace page (86 MB, once) into {jar.parent}")
    with tempfile.TemporaryDirectory(dir=jar.parent) as scratch:
        found = Path(scratch) / "found"
        if not (by_maven(found) or by_jgo(found)):
            raise Missing(
                "Zipkin's jar cannot be had, so there will be no trace page: connect this machine"
                " to a Maven repository, or name the jar in WAYPOST_ZIPKIN_JAR."
            )
        if hashlib.sha256((found / JAR).read_bytes()).hexdigest() != SHA256:
            raise Missing(f"{JAR} is not the file that we know: ask who changed it.")
        (found / JAR).rename(jar)


def by_maven(folder: Path) -> bool:
    # It holds everything it needs; what its pom names would be fetched for nothing.
    return maven_copies(DEPENDENCY, folder, "-DexcludeTransitive=true")


def by_jgo(folder: Path) -> bool:
    """The same in pure Python, for a machine without Maven or where Maven cannot."""
    try:
        from jgo.maven import MavenContext

        component = MavenContext().project("io.zipkin", "zipkin-server").at_version(VERSION)
        found = component.artifact(classifier="slim").resolve()
    except Exception as error:  # not installed, or whatever requests and its parsers raise
        say(f"jgo could not resolve Zipkin's jar ({type(error).__name__}).")
        return False
    folder.mkdir(exist_ok=True)
    shutil.copy(found, folder / JAR)
    return True


@dataclass(frozen=True)
class Zipkin:
    """The page on a port of loopback; nothing of it outlives its process."""

    jar: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def spans_url(self) -> str:
        return f"{self.url}/api/v2/spans"

    def part(self) -> Part:
        listen = {"ip": "127.0.0.1", "port": self.port, "protocols[0]": "http"}
        options = [f"--armeria.ports[0].{name}={value}" for name, value in listen.items()]
        command = [*POLITELY, str(java()), *HEAP, "-jar", str(self.jar), *options]
        return Part("zipkin", command, env=SETTINGS, stage=1)


if __name__ == "__main__":
    try:
        fetch()
    except Missing as error:
        say(str(error))  # everything else works without it
