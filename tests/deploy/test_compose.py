"""docker-compose.yml and the image, as far as they can be judged without an engine."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.compose import prepare
from deploy.local.kafka import Topics
from services.chassis.settings import PREFIX, ServiceSettings
from services.notifications.settings import Settings as NotificationsSettings

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text())
PARTS: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("referral", "scheduling", "documentation", "notifications")
BIN = Path(sys.executable).parent


def test_it_follows_the_compose_specification() -> None:
    judge = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(FILE)]

    done = subprocess.run(judge, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_what_it_depends_on_is_there() -> None:
    for name, part in PARTS.items():
        assert set(part.get("depends_on", ())) <= set(PARTS), name
        assert set(part.get("networks", ())) <= set(COMPOSE["networks"]), name
        for secret in part.get("secrets", ()):
            assert secret["source"] in COMPOSE["secrets"], name


def test_every_file_that_it_names_is_in_the_repository_or_made_by_prepare(tmp_path: Path) -> None:
    prepare.main(tmp_path)
    made = {f"./var/compose/{file.name}" for file in tmp_path.iterdir()}
    named = {secret["file"] for secret in COMPOSE["secrets"].values()}
    for part in PARTS.values():
        mounts = (mount.split(":")[0] for mount in part.get("volumes", ()))
        named |= {mount for mount in mounts if mount.startswith("./")}
        if build := part.get("build"):
            named.add(f"./{build['dockerfile']}")

    assert {name for name in named if name not in made and not (ROOT / name).exists()} == set()
    assert {name for name in named if name.startswith("./var/")} <= made


def test_prepare_keeps_what_is_there_and_shows_it_to_nobody_else(tmp_path: Path) -> None:
    folder = tmp_path / "compose"
    prepare.main(folder)
    before = {file.name: file.read_text() for file in folder.iterdir()}

    prepare.main(folder)

    assert {file.name: file.read_text() for file in folder.iterdir()} == before
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600


def test_every_variable_that_it_asks_for_stands_in_the_env_file(tmp_path: Path) -> None:
    prepare.main(tmp_path)
    offered = set(re.findall(r"^(WAYPOST_\w+)=", (tmp_path / ".env").read_text(), re.MULTILINE))

    asked = set(re.findall(r"\$\{(WAYPOST_\w+):\?", FILE.read_text()))

    assert asked == offered


@pytest.mark.parametrize("service", OURS)
def test_a_service_gets_every_setting_it_needs_and_none_that_it_does_not_know(service: str) -> None:
    given = {name.removeprefix(PREFIX).lower() for name in PARTS[service]["environment"]}
    fields = (NotificationsSettings if service == "notifications" else ServiceSettings).model_fields

    assert {name for name, field in fields.items() if field.is_required()} <= given
    assert given <= set(fields)


def test_nothing_is_published_beyond_loopback_and_nothing_that_is_internal() -> None:
    published = {name: part["ports"] for name, part in PARTS.items() if "ports" in part}

    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert not {"kafka", "postgres", *OURS} & set(published)


def test_no_secret_stands_in_the_file_or_the_image() -> None:
    dockerfile = (ROOT / "deploy/Dockerfile").read_text()

    for name, value in re.findall(r"(\w*(?:PASSWORD|CURSOR_KEY|DSN)): *(\S+)", FILE.read_text()):
        assert "${" in value, name
    assert not re.search(r"^(ARG|ENV).*(PASSWORD|SECRET|TOKEN|KEY)", dockerfile, re.MULTILINE)
    assert re.search(r"^USER 10001$", dockerfile, re.MULTILINE)
    assert "--require-hashes" in dockerfile


def test_the_dockerfile_pleases_its_linter() -> None:
    linter = [str(BIN / "hadolint"), str(ROOT / "deploy/Dockerfile")]

    done = subprocess.run(linter, capture_output=True, text=True, check=False)

    assert done.stdout == ""
    assert done.returncode == 0


def test_what_is_copied_into_the_image_is_not_kept_from_its_builder() -> None:
    copied = re.findall(
        r"^COPY (?!--from)(.+) \S+$", (ROOT / "deploy/Dockerfile").read_text(), re.M
    )
    let_in = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"
    }

    assert {name for line in copied for name in line.split()} == let_in


def test_the_topics_are_made_as_their_file_says(tmp_path: Path) -> None:
    """`kafka-topics.sh` is replaced by a program that writes down what it was asked."""
    said, tool = tmp_path / "said", tmp_path / "kafka-topics.sh"
    tool.write_text(f'#!/bin/sh\necho "$@" >> {said}\n')
    tool.chmod(0o755)
    where = {"TOPICS": str(ROOT / "deploy/kafka/topics.yaml"), "KAFKA_TOPICS": str(tool)}

    script = str(ROOT / "deploy/compose/topics.sh")
    subprocess.run(["sh", script], env={**os.environ, **where}, check=True)

    topics = Topics.read()
    lines = said.read_text().splitlines()
    assert [line.split("--topic ")[1].split()[0] for line in lines] == list(topics.names)
    for line in lines:
        assert f"--partitions {topics.partitions} " in line
        settings = dict(pair.split("=") for pair in re.findall(r"--config (\S+)", line))
        assert settings == topics.settings
