"""One service as one process: two HTTP ports, consumer, relay, due work, catch-up; and its end."""

import asyncio
import contextlib
import gc
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import httpx
import uvicorn
import uvloop
from aiokafka.errors import KafkaError
from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp

from services.chassis import (
    doors,
    event_routes,
    health,
    logs,
    loops,
    rule_packs,
    schema,
    telemetry,
    tracing,
)
from services.chassis.catch_up import CatchUp
from services.chassis.clock import clock_for
from services.chassis.context import Context
from services.chassis.db import Pool, open_pool
from services.chassis.health import Health
from services.chassis.inbox import Handlers, Inbox
from services.chassis.measures import Measures, nothing_more
from services.chassis.metrics import Metrics
from services.chassis.peers import HttpProducer, Peers, read_key
from services.chassis.relay import Relay
from services.chassis.settings import ServiceSettings
from services.chassis.work import Call, Do, Worker

log = logging.getLogger(__name__)

DRAIN_SECONDS = 8  # for requests in hand; the consumer's batch and the producer get as long
STOP_SECONDS = 18  # the whole end, below the twenty that a supervisor allows
# Objects that came and stayed since the collector last looked. A referral's JSON is some thousands
# that live until it is answered: with Python's 700 each of them was looked at again and again.
COLLECT_AFTER = 20_000


Kinds = tuple[Mapping[str, Do], Mapping[str, Call]]


@dataclass(frozen=True)
class Service:
    """What a service is made of; its `app.py` says it and `run` does the rest."""

    name: str
    settings: ServiceSettings
    migrations: Path | None = None  # whose newest revision its database must have
    doors: Sequence[APIRouter] = ()  # for partners and staff
    internal: Sequence[APIRouter] = ()  # for the other services, on the ops port only
    handlers: Handlers | None = None
    listens_to: Sequence[str] = ()  # names of the producing services
    work: Callable[[Context], Kinds] = lambda _: ({}, {})
    most_calls: int = loops.MOST_CALLS  # to partners, at once
    follows_rules: bool = False  # decides by the rule pack that an operator seeded
    measures: Measures = nothing_more  # of its own, beside those of its machinery


def run(service: Service) -> None:
    """Run until SIGTERM, then end within twenty seconds; the exit status is 0."""
    settings = service.settings
    remember_missing("sniffio")
    tracing.start(
        service.name, traces=settings.traces, url=settings.traces_url, level=settings.log_level
    )
    try:
        uvloop.run(serve(service))
    finally:
        telemetry.stop()


def remember_missing(module: str) -> None:
    """Have an optional module that is not installed looked for once, not at each import of it.

    httpcore imports this one several times a request, which was a tenth of what a message costs.
    """
    if find_spec(module) is None:
        sys.modules[module] = None  # type: ignore[assignment]  # as the import system defines it


def settle() -> None:
    """Spare the collector what lives as long as the process, and a look at each request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


async def serve(service: Service) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(logs.quiet_loop_errors)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with AsyncExitStack() as stack:
        context = await open_context(service, stack)
        status = Health()
        public, ops = apps(service, context, status)
        worker = worker_of(service, context)
        if service.follows_rules:
            await loops.patiently("rules", lambda: rule_packs.refresh(context.pool))
        parts = background(service, context, worker, ops.state.metrics)
        running = loops.Group(status, parts)
        servers = [
            Server(settings_for(public, service.settings, service.settings.port)),
            Server(settings_for(ops, service.settings, service.settings.ops_port)),
        ]
        serving = [asyncio.create_task(server.serve()) for server in servers]
        settle()
        log.info("started", extra={"port": service.settings.port})
        # A port that is taken ends `serve` at once: then so do we.
        await first_of(asyncio.create_task(stop.wait()), *serving)
        status.draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                for server in servers:
                    server.should_exit = True
                await asyncio.gather(*serving)
                await running.stop()
        log.info("stopped")


async def first_of(*tasks: "asyncio.Task[object]") -> None:
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


async def open_context(service: Service, stack: AsyncExitStack) -> Context:
    """Everything that is opened once; a database that is still starting is waited for."""
    settings = service.settings
    pool = await loops.patiently("database", lambda: pool_for(settings))
    stack.callback(pool.terminate)
    if migrations := service.migrations:
        await loops.patiently("schema", lambda: schema.require(pool, service.name, migrations))
    # No redirects: whom we ask is decided by settings and partners' records, not by answers.
    http = await stack.enter_async_context(httpx.AsyncClient(follow_redirects=False))
    clock = clock_for(settings.clock, production=settings.production, file=settings.clock_file)
    peers = Peers(service.name, settings.peers, read_key(settings.key_file), http)
    return Context(pool, clock, settings, peers, http)


async def pool_for(settings: ServiceSettings) -> Pool:
    return await open_pool(settings.database_dsn, size=settings.pool_size)


# --- HTTP ----------------------------------------------------------------------------------------


def apps(service: Service, context: Context, status: Health) -> tuple[FastAPI, FastAPI]:
    """The public application and the one of the ops port."""
    # No pages of their own: `make contracts` writes the staff API down.
    public = FastAPI(title=f"Waypost {service.name}", openapi_url=None)
    ops = FastAPI(openapi_url=None)
    metrics = Metrics(service.name, context.pool, context.clock, service.measures)
    for app in (public, ops):
        app.state.context, app.state.health, app.state.metrics = context, status, metrics
    for router in service.doors:
        public.include_router(router)
    for router in (health.router, event_routes.router, *service.internal):
        ops.include_router(router)
    verifier = doors.verifier_for(service.name, context)
    doors.install(
        public,
        verifier,
        most_requests=service.settings.pool_size * doors.REQUESTS_PER_CONNECTION,
    )
    doors.install(ops, verifier)  # nobody is turned away who asks how we are
    return public, ops


def settings_for(app: ASGIApp, settings: ServiceSettings, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        tracing.TraceRequests(app),
        host=settings.host,
        port=port,
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # nobody in front of us is asked who the caller is
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


class Server(uvicorn.Server):
    """Leaves signals to the process, which has more than one server to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


# --- What runs beside it -------------------------------------------------------------------------


def inbox_of(service: Service) -> Inbox | None:
    return Inbox(service.name, service.handlers) if service.handlers else None


def worker_of(service: Service, context: Context) -> Worker:
    worker = Worker(context.pool, service.settings.instance)
    inside, calls = service.work(context)
    worker.inside, worker.calls = dict(inside), dict(calls)
    return worker


def background(
    service: Service, context: Context, worker: Worker, metrics: Metrics
) -> dict[str, Callable[[], Awaitable[None]]]:
    """The loops of this process, by name. Each is begun again whenever it ends or fails."""
    settings, pool = service.settings, context.pool
    parts: dict[str, Callable[[], Awaitable[None]]] = {}
    parts |= loops.work_parts(worker, context.clock, service.most_calls)
    if service.follows_rules:
        parts["rules"] = lambda: rule_packs.follow(pool)
    relay = Relay(f"{service.name}.v1", loops.producer_opener(settings.kafka_servers))
    parts["relay"] = lambda: loops.relay(settings.database_dsn, pool, relay)
    if inbox := inbox_of(service):
        topics = [f"{producer}.v1" for producer in service.listens_to]
        parts["consumer"] = lambda: loops.consume(
            settings.kafka_servers, settings.instance, pool, inbox, topics, metrics
        )
        parts["inbox-retry"] = lambda: loops.retry_due(pool, inbox)
        for name in service.listens_to:
            producer = HttpProducer(context.peers, name)
            to_come = partial(records_to_come, metrics, f"{name}.v1")
            catch_up = CatchUp(pool, inbox, name, producer, to_come=to_come)
            metrics.catch_ups.append(catch_up)
            parts[f"catch-up-{name}"] = partial(loops.catch_up, catch_up)
    return parts


async def records_to_come(metrics: Metrics, topic: str) -> int:
    """As far as is known; none while the consumer is being opened or closed."""
    try:
        return (await metrics.lag()).get(topic, 0)
    except (TimeoutError, KafkaError):
        return 0
