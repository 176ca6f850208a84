"""The gateway as it runs: who answers what, what nobody answers, and what nginx says by itself."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from deploy.local.machine import accepts, free_ports, wait_until
from deploy.local.nginx import CONTRACTS, Nginx
from deploy.local.part import end, recorded, start

SERVICES = ("referral", "scheduling", "documentation", "notifications")
ID = "3f0e8a52-6f0b-4b8e-9d1c-000000000001"


class Service(BaseHTTPRequestHandler):
    """Answers with its name, and with what it was asked."""

    name: str

    def answer(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        told = {"service": self.name, "bytes": len(self.rfile.read(size)), **dict(self.headers)}
        self.send_response(418 if "teapot" in self.path else 200)
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module", params=["system", "wheels"])
def gateway(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Nginx]:
    """A running gateway before four small servers; notifications is down."""
    folder = tmp_path_factory.mktemp("gateway")
    port, down, *ports = free_ports(5)
    servers = []
    for name, own in zip(SERVICES, ports, strict=False):
        handler = type(name, (Service,), {"name": name})
        servers.append(ThreadingHTTPServer(("127.0.0.1", own), handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,)).start()
    gateway = Nginx(folder, port, dict(zip(SERVICES, [*ports, down], strict=True)))
    gateway.prepare()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAYPOST_LOCAL", request.param)
        process = start(gateway.part(), log=folder / "log", record=folder / "record")
    wait_until(lambda: accepts(port), 60, (folder / "log").read_text())
    yield gateway
    if running := recorded(folder / "record"):
        end(running, gateway.part())
    process.wait(60)
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def web(gateway: Nginx) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=gateway.base_url, timeout=60) as client:
        yield client


@pytest.mark.parametrize(
    ("service", "request_"),
    [
        ("referral", "POST /fhir"),
        ("referral", "POST /fhir/"),
        ("referral", "POST /fhir/ServiceRequest"),
        ("referral", "PUT /fhir/ServiceRequest?identifier=a|b"),
        ("referral", f"GET /fhir/Task/{ID}"),
        ("referral", "GET /fhir/Task?owner=x"),
        ("referral", f"GET /fhir/CoverageEligibilityResponse/{ID}"),
        ("referral", "GET /fhir/metadata"),
        ("referral", "GET /fhir/Goal/h-1"),
        ("referral", "GET /fhir/CarePlan/h-1"),
        ("referral", "POST /auth/token"),
        ("referral", "GET /auth/jwks"),
        ("referral", "GET /.well-known/smart-configuration"),
        ("referral", "GET /fhir/.well-known/smart-configuration"),
        ("referral", "GET /api/referral/referrals"),
        ("referral", "POST /fhir/Encounter"),  # a write is referral's, to refuse
        ("scheduling", f"GET /fhir/Appointment/{ID}"),
        ("scheduling", "POST /fhir/EpisodeOfCare/_search"),
        ("scheduling", "POST /api/scheduling/assignments"),
        ("documentation", f"GET /fhir/CarePlan/{ID}"),
        ("documentation", "GET /fhir/Encounter?patient=x"),
        ("documentation", "POST /fhir/Encounter/_search"),
        ("documentation", f"DELETE /fhir/Goal/{ID}"),
    ],
)
def test_each_address_has_one_owner(web: httpx.Client, service: str, request_: str) -> None:
    answer = web.request(*request_.split())

    assert answer.json()["service"] == service


@pytest.mark.parametrize(
    "path",
    [
        "/internal/streams",
        "/internal/jwks",
        "/metrics",
        "/health/ready",
        "/docs",
        "/openapi.json",
        "/fhir/../internal/streams",
        "/fhir/%2e%2e/internal/streams",
        "/api/referral/../../internal/streams",
        "/fhir/Medication/1",
        "/fhir/Bundle",
        "/api/chassis/x",
        "/",
    ],
)
def test_whatever_is_not_named_is_not_found(gateway: Nginx, path: str) -> None:
    answer = raw(gateway.port, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    assert answer.startswith("HTTP/1.1 404 ")
    assert '"code":"not-found"' in answer


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/contracts/", "text/html"),
        ("/contracts/index.html", "text/html"),
        ("/contracts/asyncapi.yaml", "text/plain"),
        ("/contracts/schemas/SessionLogged.v1.schema.json", "application/json"),
        ("/contracts/examples/SessionLogged.v1.json", "application/json"),
    ],
)
def test_the_contracts_can_be_browsed(web: httpx.Client, path: str, kind: str) -> None:
    answer = web.get(path)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    name = path.removeprefix("/contracts/") or "index.html"
    assert answer.content == (CONTRACTS / name).read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "/contracts/codes.py",
        "/contracts/events/referral.py",
        "/contracts/README.md",
        "/contracts/rules/eligibility.toml",
        "/contracts/fhir/examples/01-referral-bundle.json",
        "/contracts/schemas/",
        "/contracts/schemas/../events.py",
        "/contracts/..%2fpyproject.toml",
        "/contracts/schemas/..json",
    ],
)
def test_of_the_contracts_nothing_else_is_served(gateway: Nginx, path: str) -> None:
    answer = raw(gateway.port, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    assert answer.startswith("HTTP/1.1 404 ")


def test_the_contracts_are_written_by_nobody(web: httpx.Client) -> None:
    assert web.put("/contracts/asyncapi.yaml", content=b"x").status_code in (403, 405)


def test_a_body_above_five_megabytes_is_refused_in_the_words_of_fhir(web: httpx.Client) -> None:
    answer = web.post("/fhir", content=b"x" * (5 * 1024 * 1024 + 1))

    assert outcome(answer) == (413, "too-costly")


def test_a_body_of_five_megabytes_passes_and_no_file_of_it_is_written(
    web: httpx.Client, gateway: Nginx
) -> None:
    answer = web.post("/fhir", content=b"x" * (5 * 1024 * 1024))

    assert answer.json()["bytes"] == 5 * 1024 * 1024
    assert [file for file in (gateway.home / "tmp").rglob("*") if file.is_file()] == []
    assert "buffered to a temporary file" not in (gateway.home / "log").read_text()


def test_a_service_that_is_down_is_said_in_the_words_of_fhir(web: httpx.Client) -> None:
    assert outcome(web.get("/fhir/Subscription/1")) == (502, "transient")


def test_the_token_endpoint_takes_post_alone(web: httpx.Client) -> None:
    assert outcome(web.get("/auth/token")) == (403, "forbidden")


def test_what_is_no_http_gets_an_operation_outcome(gateway: Nginx) -> None:
    nonsense = raw(gateway.port, "GET /fhir HTTP/1.1\r\nConnection: close\r\n\r\n")
    long = raw(gateway.port, f"GET /fhir/Task?{'x' * 9000} HTTP/1.1\r\nHost: x\r\n\r\n")

    assert nonsense.startswith("HTTP/1.1 400 ")
    assert '"code":"invalid"' in nonsense
    assert long.startswith("HTTP/1.1 414 ")
    assert '"code":"too-long"' in long


def test_a_services_own_answer_passes_as_it_is(web: httpx.Client) -> None:
    assert web.get("/fhir/Task/teapot").status_code == 418


def test_headers_that_callers_could_forge_are_replaced(web: httpx.Client) -> None:
    forged = {
        "X-Forwarded-For": "10.0.0.1",
        "X-Forwarded-Proto": "https",
        "Forwarded": "for=10.0.0.1",
        "X-Internal-Caller": "scheduling",
        "X-Request-Id": "not an id\u0020at all",
        "Authorization": "Bearer kept",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }

    answer = web.get("/fhir/Task/1", headers=forged)

    arrived = answer.json()
    assert (arrived["X-Forwarded-For"], arrived["X-Forwarded-Proto"]) == ("127.0.0.1", "http")
    assert not {"Forwarded", "X-Internal-Caller"} & set(arrived)
    assert arrived["X-Request-Id"] == answer.headers["X-Request-Id"] != forged["X-Request-Id"]
    assert (arrived["Authorization"], arrived["traceparent"]) == (
        forged["Authorization"],
        forged["traceparent"],
    )


def test_neither_ids_nor_query_strings_are_logged(web: httpx.Client, gateway: Nginx) -> None:
    web.get(f"/fhir/Patient/{ID}?name=Keisha", headers={"Referer": "/fhir?name=Keisha"})
    web.get(f"/fhir/Subscription/{ID}?name=Keisha")  # 502: nginx logs errors, too
    web.get("/api/referral/Keisha")
    for path in ("/keisha", "/fhir/Keisha", "/fhirkeisha", "/fhir/PatientKeisha"):
        web.get(path, headers={"traceparent": "keisha"})

    logged = (gateway.home / "access.log").read_text() + (gateway.home / "log").read_text()
    assert '"path":"/fhir/Patient"' in logged
    assert "keisha" not in logged.lower()
    assert ID not in logged


# --- RELIABILITY.md §6: what only a raw socket can send -------------------------------------------

POST = (
    "POST /fhir HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/fhir+json\r\n"
)
GET = "GET /fhir/Task/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
HIDDEN = "GET /fhir/Task/hidden HTTP/1.1\r\nHost: x\r\n\r\n"
MEGABYTE = "100000\r\n" + "x" * 0x100000 + "\r\n"
RAW = {
    "B-12 chunked without length": (f"{POST}Transfer-Encoding: chunked\r\n\r\n{MEGABYTE * 6}", 413),
    "B-12 length no number": (f"{POST}Content-Length: 1e3\r\n\r\n{{}}", 400),
    "B-12 length negative": (f"{POST}Content-Length: -1\r\n\r\n{{}}", 400),
    "B-12 chunk no number": (f"{POST}Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    "B-43 up and over": ("GET /fhir/Patient/%2e%2e%2fadmin HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "B-43 above the root": ("GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "B-43 NUL": ("GET /fhir/Patient/%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "B-43 half an escape": ("GET /fhir/Patient/%c HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "B-56 a line end in a name": (f"{GET}X-A\r: 1\r\n\r\n", 400),
    "B-56 a bare line feed": (f"{GET}X-A: 1\rEvil: 1\r\n\r\n", 400),
    "B-56 two hosts": (f"{GET}Host: evil.example\r\n\r\n", 400),
    "B-56 two lengths": (f"{POST}Content-Length: 2\r\nContent-Length: 60\r\n\r\n{{}}{HIDDEN}", 400),
    "B-56 length and chunks": (
        f"{POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}", 400),
    "B-56 chunked, identity": (
        f"{POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{HIDDEN}", 400),
    "B-56 a version that is none": ("GET /fhir/Task/1 HTTP/9.1\r\nHost: x\r\n\r\n", 400),
    "B-58 TRACE": ("TRACE /fhir/Task/1 HTTP/1.1\r\nHost: x\r\n\r\n", 405),
}  # fmt: skip


@pytest.mark.parametrize("id_", RAW)
def test_what_only_a_raw_socket_sends_is_refused_before_any_service(
    gateway: Nginx, id_: str
) -> None:
    request, status = RAW[id_]

    answers = raw(gateway.port, request)

    assert answers.startswith(f"HTTP/1.1 {status} ")
    assert answers.count("HTTP/1.1") == answers.count('"resourceType":"OperationOutcome"') == 1
    assert '"service"' not in answers  # nothing that came along was taken for a request


def test_b58_nobody_is_connected_through(gateway: Nginx) -> None:
    """Which words nginx has for it depends on its version."""
    answer = raw(gateway.port, "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n")

    assert answer.startswith(("HTTP/1.1 400 ", "HTTP/1.1 405 "))
    assert answer.count('"resourceType":"OperationOutcome"') == 1


def test_b12_a_body_shorter_than_it_says_reaches_no_service(gateway: Nginx) -> None:
    answers = raw(gateway.port, f"{POST}Content-Length: 100\r\n\r\n{{}}")

    assert answers == ""


@pytest.mark.parametrize("path", ["//fhir//Task", "/fhir/Task;x=1/1", "/fhir/Task/%c0%ae%c0%ae"])
def test_b43_an_odd_address_is_one_address_for_gateway_and_service(
    gateway: Nginx, path: str
) -> None:
    """It goes to its one owner as it was read, or to nobody."""
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    answer = raw(gateway.port, request, hangs_up=False)

    assert '"service": "referral"' in answer or answer.startswith("HTTP/1.1 404 ")


def outcome(answer: httpx.Response) -> tuple[int, str]:
    """The status, and the code of the OperationOutcome that must be there."""
    assert answer.headers["content-type"] == "application/fhir+json"
    body = answer.json()
    assert body["resourceType"] == "OperationOutcome"
    return answer.status_code, body["issue"][0]["code"]


def raw(port: int, request: str, *, hangs_up: bool = True) -> str:
    """Send exactly this, which no decent client would, and read the answer to its end."""
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(request.encode())
        if hangs_up:
            connection.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    return received.decode()
