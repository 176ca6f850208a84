"""The call to a hub's endpoint: whom it connects to, what it believes, when it gives up."""

import ipaddress
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.notifications.domain.attempts import Answered, Failed, Unsent
from services.notifications.domain.subscriptions import Channel
from services.notifications.partners import hooks
from services.notifications.partners.hooks import Hook, Resolve, retry_after, signature
from tests.notifications.endpoints import (
    OK,
    Answer,
    drip,
    endpoint,
    hang_up,
    in_turn,
    never,
    saying,
    status,
    without_end,
)

NOW = datetime(2026, 11, 22, 3, 30, tzinfo=UTC)


async def post(
    url: str,
    *,
    loopback: bool = True,
    resolve: Resolve = hooks.resolve,
    seconds: int = 30,
    trust: ssl.SSLContext | None = None,
) -> Answered | Failed:
    hook = Hook(loopback=loopback, resolve=resolve, trust=trust)
    channel = Channel(url, ("Authorization: Bearer theirs", "X-Tenant: 7"), seconds)
    try:
        return await hook.post(channel, id_="msg-1", stamp=NOW, secret=b"secret", body=b"{}")
    finally:
        await hook.close()


def leading_to(*addresses: str) -> Resolve:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve


def test_a_signature_is_the_one_of_the_standards_example() -> None:
    """Source: standard-webhooks, spec/standard-webhooks.md and its libraries' tests."""
    import base64

    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'

    made = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)

    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_a_message_goes_to_its_path_with_id_stamp_signature_and_the_hubs_headers() -> None:
    async with endpoint(saying(OK)) as there:
        assert await post(there.url) == Answered(200)

    [request] = there.requests
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (x.split(": ", 1) for x in lines[1:])}
    assert lines[0] == "POST /hook?tenant=7 HTTP/1.1"
    assert headers["host"] == f"127.0.0.1:{there.port}"
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("msg-1", "1795318200")
    assert headers["webhook-signature"] == signature(b"secret", "msg-1", 1795318200, body)
    assert (headers["authorization"], headers["x-tenant"]) == ("Bearer theirs", "7")
    assert headers["content-type"] == "application/fhir+json"


async def test_a_redirection_is_an_answer_and_is_followed_nowhere() -> None:
    async with endpoint(saying(OK)) as inside:
        to = f"HTTP/1.1 302 Found\r\nLocation: {inside.url}\r\nContent-Length: 0\r\n\r\n"
        async with endpoint(saying(to.encode())) as there:
            assert await post(there.url) == Answered(302)

        assert inside.requests == []


async def test_an_endpoint_may_ask_for_time() -> None:
    async with endpoint(status(429, "Retry-After: 120")) as there:
        assert await post(there.url) == Answered(429, timedelta(minutes=2))


@pytest.mark.parametrize(
    ("code", "header", "pause"),
    [
        (503, "Sun, 22 Nov 2026 03:45:00 GMT", timedelta(minutes=15)),
        (503, "Sun, 22 Nov 2026 03:45:00", timedelta(minutes=15)),
        (429, "Sun, 22 Nov 2026 03:00:00 GMT", timedelta()),
        (429, "soon", None),
        (429, "-5", None),
        (429, "\u0661", None),
        (500, "120", None),
    ],
)
def test_a_wish_for_time_is_seconds_or_a_date(
    code: int, header: str, pause: timedelta | None
) -> None:
    answer = httpcore.Response(code, headers=[(b"Retry-After", header.encode())])

    assert retry_after(answer, now=NOW) == pause


@pytest.mark.parametrize("answer", [without_end, drip], ids=["endless", "dripping"])
async def test_a_body_without_end_is_left_unread(
    answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "BODY_SECONDS", 0.3)
    async with endpoint(answer) as there:
        told = await post(there.url)

    assert isinstance(told, Answered)


async def test_no_answer_in_time_is_a_failure() -> None:
    async with endpoint(never) as there:
        assert await post(there.url, seconds=1) == Failed(Unsent.TIMEOUT)


async def test_nobody_there_is_a_failure() -> None:
    async with endpoint(saying(OK)) as there:
        pass

    assert await post(there.url) == Failed(Unsent.UNREACHABLE)


async def test_what_is_no_http_is_a_failure() -> None:
    async with endpoint(saying(b"SSH-2.0-OpenSSH_9\r\n")) as there:
        assert await post(there.url) == Failed(Unsent.UNREACHABLE)


@pytest.mark.parametrize(
    "addresses",
    [("127.0.0.1",), ("10.0.0.8",), ("169.254.169.254",), ("93.184.216.34", "10.0.0.8"), ()],
)
async def test_a_name_that_now_leads_inside_is_not_called(addresses: tuple[str, ...]) -> None:
    """B-61: public when it was named, private when it is called."""
    told = await post(
        "https://ehr.riverbend.example/hook", loopback=False, resolve=leading_to(*addresses)
    )

    assert told == Failed(Unsent.FORBIDDEN)


async def test_loopback_is_not_called_where_no_setting_allows_it() -> None:
    async with endpoint(saying(OK)) as there:
        assert await post(there.url, loopback=False) == Failed(Unsent.FORBIDDEN)

    assert there.requests == []


async def test_a_name_is_looked_up_once_and_the_address_that_was_judged_is_called() -> None:
    """A rebinding name would lead elsewhere at a second look-up: there is none."""
    asked: list[str] = []

    async def there_and_nowhere_else(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.66"]

    async with endpoint(saying(OK), at="127.0.0.66") as there:
        told = await post(f"http://localhost:{there.port}/hook", resolve=there_and_nowhere_else)

    assert told == Answered(200)
    assert asked == ["localhost"]
    assert f"localhost:{there.port}".encode() in there.requests[0]


async def test_an_endpoint_is_judged_as_strictly_when_it_is_called() -> None:
    """Named while a setting allowed it, or put into the table by hand: plain http is not sent."""
    told = await post(
        "http://ehr.riverbend.example/hook", loopback=False, resolve=leading_to("93.184.216.34")
    )

    assert told == Failed(Unsent.FORBIDDEN)


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with endpoint(saying(OK)) as there:
        assert await post(there.url) == Answered(200)


# --- Connections that are kept --------------------------------------------------------------------


async def told(hook: Hook, url: str) -> Answered | Failed:
    channel = Channel(url, (), 2)
    return await hook.post(channel, id_="msg-1", stamp=NOW, secret=b"secret", body=b"{}")


async def test_messages_to_one_endpoint_go_over_one_connection() -> None:
    async with endpoint(saying(OK), keeps=True) as there, hook_to() as hook:
        for _ in range(3):
            assert await told(hook, there.url) == Answered(200)

        assert (len(there.requests), there.connections) == (3, 1)


async def test_a_kept_connection_that_ends_is_followed_by_a_new_one_at_once() -> None:
    """The endpoint closed what was idle as we wrote: not the hub's failure, nor ours."""
    answers = in_turn([saying(OK), hang_up, saying(OK)])
    async with endpoint(answers, keeps=True) as there, hook_to() as hook:
        assert await told(hook, there.url) == Answered(200)
        assert await told(hook, there.url) == Answered(200)

        assert there.connections == 2
        assert there.requests[1].split(b"\r\n\r\n")[1] == there.requests[2].split(b"\r\n\r\n")[1]
        assert all(b"webhook-id: msg-1" in request for request in there.requests)


async def test_a_new_connection_that_ends_without_an_answer_is_a_failure() -> None:
    async with endpoint(hang_up, keeps=True) as there, hook_to() as hook:
        assert await told(hook, there.url) == Failed(Unsent.UNREACHABLE)

        assert len(there.requests) == 1


async def test_two_names_never_share_a_connection() -> None:
    """Whose certificate was seen is the one name's; the other may only share its address."""
    async with endpoint(saying(OK), keeps=True) as there, hook_to("127.0.0.1") as hook:
        for name in ("localhost", "127.0.0.1"):
            assert await told(hook, f"http://{name}:{there.port}/hook") == Answered(200)

        assert there.connections == 2


async def test_a_name_is_looked_up_and_judged_anew_however_busy_its_connection_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hooks, "OLDEST_SECONDS", 0.0)
    addresses = ["127.0.0.1"]
    async with endpoint(saying(OK), keeps=True) as there, hook_to(addresses) as hook:
        url = f"http://localhost:{there.port}/hook"
        assert await told(hook, url) == Answered(200)
        addresses[:] = ["10.0.0.8"]
        assert await told(hook, url) == Answered(200)  # its last, over a connection judged before
        assert await told(hook, url) == Failed(Unsent.FORBIDDEN)

        assert b"connection: close" in there.requests[1].lower()


@asynccontextmanager
async def hook_to(addresses: str | list[str] = "127.0.0.1") -> AsyncIterator[Hook]:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return [addresses] if isinstance(addresses, str) else addresses

    hook = Hook(loopback=True, resolve=resolve)
    try:
        yield hook
    finally:
        await hook.close()


# --- Certificates: the name's, though an address is called ----------------------------------------


def certificate_for(name: str, folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context, and the file in which its certificate is trusted."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    at = datetime.now(UTC)
    alternative: x509.GeneralName = x509.DNSName(name)
    if name[0].isdigit():
        alternative = x509.IPAddress(ipaddress.ip_address(name))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(at - timedelta(days=1))
        .not_valid_after(at + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "cert.pem", folder / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, secret)
    return context, pem


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ("localhost", Answered(200)),
        ("127.0.0.1", Failed(Unsent.UNREACHABLE)),
        ("evil.example", Failed(Unsent.UNREACHABLE)),
    ],
)
async def test_the_certificate_has_to_be_that_of_the_name(
    names: str, told: Answered | Failed, tmp_path: Path
) -> None:
    context, trusted = certificate_for(names, tmp_path)
    trust = ssl.create_default_context(cafile=trusted)
    async with endpoint(saying(OK), tls=context) as there:
        url = f"https://localhost:{there.port}/hook"

        assert await post(url, resolve=leading_to("127.0.0.1"), trust=trust) == told
