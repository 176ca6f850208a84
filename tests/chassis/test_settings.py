"""Settings: all faults at once, no value in any message, nothing insecure in production."""

import pytest

from services.chassis.settings import ServiceSettings

GOOD = {
    "DATABASE_DSN": "postgresql://waypost:hunter2@127.0.0.1/x",
    "KAFKA_SERVERS": "one:9092, two:9092",
    "PORT": "9000",
    "OPS_PORT": "9001",
    "BASE_URL": "https://fhir.example.org/fhir",
    "TOKEN_URL": "https://fhir.example.org/auth/token",
    "REFERRAL_URL": "http://referral",
    "SCHEDULING_URL": "http://scheduling",
    "DOCUMENTATION_URL": "http://documentation",
    "NOTIFICATIONS_URL": "http://notifications",
    "KEY_FILE": "/run/key.jwk",
    "STAFF_ISSUER": "https://staff.example.org",
    "STAFF_JWKS_URL": "https://staff.example.org/jwks",
    "AGENCY_ID": "7d3c2a10-5b1f-4c53-9a44-2f0a6b0e0016",
    "AGENCY_NPI": "1093817462",
    "AGENCY_NAME": "Agency",
    "CURSOR_KEY": "0123456789abcdef0123456789abcdef",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in GOOD.items():
        monkeypatch.setenv(f"WAYPOST_{name}", value)
    return monkeypatch


def test_settings_are_read_and_secrets_do_not_show(environment: pytest.MonkeyPatch) -> None:
    settings = ServiceSettings.read()

    assert settings.kafka_servers == ("one:9092", "two:9092")
    assert settings.peers["documentation"] == "http://documentation"
    assert "hunter2" not in repr(settings)
    assert GOOD["CURSOR_KEY"] not in repr(settings)


def test_every_missing_value_is_named_at_once(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("WAYPOST_PORT")
    environment.setenv("WAYPOST_KEY_FILE", "")
    environment.setenv("WAYPOST_AGENCY_ID", "hunter2")

    with pytest.raises(SystemExit) as stopped:
        ServiceSettings.read()

    said = str(stopped.value).splitlines()
    assert said[:2] == ["WAYPOST_PORT is missing.", "WAYPOST_KEY_FILE is missing."]
    assert said[2].startswith("WAYPOST_AGENCY_ID cannot be read")
    assert "hunter2" not in str(stopped.value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CLOCK", "demo", "WAYPOST_CLOCK=demo is refused in production."),
        ("BASE_URL", "http://x/fhir", "WAYPOST_BASE_URL must be https in production."),
        ("CURSOR_KEY", "short", "WAYPOST_CURSOR_KEY is too short."),
        (
            "ALLOW_LOOPBACK_ENDPOINTS",
            "true",
            "WAYPOST_ALLOW_LOOPBACK_ENDPOINTS is refused in production.",
        ),
    ],
)
def test_what_is_unsafe_is_refused_in_production(
    environment: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    environment.setenv("WAYPOST_CLOCK_FILE", "/run/clock")
    environment.setenv(f"WAYPOST_{name}", value)
    ServiceSettings.read()

    environment.setenv("WAYPOST_PRODUCTION", "true")
    with pytest.raises(SystemExit, match=said):
        ServiceSettings.read()
