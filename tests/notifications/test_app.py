"""The wiring: what the process is made of."""

from pathlib import Path

import pytest

from services.notifications.app import service


def test_it_serves_subscriptions_hears_the_others_and_tells_from_due_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = {
        "DATABASE_DSN": "postgresql://nobody@127.0.0.1:9/none",
        "KAFKA_SERVERS": "127.0.0.1:9",
        "PORT": "1",
        "OPS_PORT": "2",
        "BASE_URL": "https://waypost.example/fhir",
        "TOKEN_URL": "https://waypost.example/auth/token",
        "KEY_FILE": str(tmp_path / "key"),
        "STAFF_ISSUER": "https://staff.example",
        "STAFF_JWKS_URL": "https://staff.example/jwks.json",
        "AGENCY_ID": "7d3c2a10-5b1f-4c53-9a44-2f0a6b0e0016",
        "AGENCY_NPI": "1093817462",
        "AGENCY_NAME": "Northlight",
        "CURSOR_KEY": "k" * 32,
        **{
            f"{peer}_URL": "http://127.0.0.1:9"
            for peer in ("REFERRAL", "SCHEDULING", "DOCUMENTATION", "NOTIFICATIONS")
        },
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"WAYPOST_{name}", value)

    made = service()

    assert made.name == "notifications"
    assert set(made.listens_to) == {"referral", "scheduling", "documentation"}
    assert [about["type"] for about in made.doors[0].describe()["resource"]] == ["Subscription"]  # type: ignore[attr-defined]
    assert made.internal == ()
