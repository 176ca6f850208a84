"""Simulators as processes on sockets of their own, as the demonstration runs them."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from deploy.local.machine import free_ports

READY_SECONDS = 120  # on a machine that has other work


class Simulator:
    """One simulator; `kill` and `start` keep its port and its home."""

    def __init__(self, name: str, home: Path, *options: str) -> None:
        [self.port] = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        module = f"deploy.simulators.{name}"
        where = ["--port", f"{self.port}", "--home", f"{home}"]
        self.command = [sys.executable, "-m", module, *where, *options]
        self.http = httpx.Client(base_url=self.url, timeout=40, trust_env=False)

    def start(self) -> None:
        self.process = subprocess.Popen(self.command)
        deadline = time.monotonic() + READY_SECONDS
        while not self.answers():
            if time.monotonic() > deadline:
                raise TimeoutError("The simulator did not start.")
            time.sleep(0.05)

    def answers(self) -> bool:
        try:
            self.http.get("/")
        except httpx.TransportError:
            return False
        return True

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def get(self, path: str) -> Any:
        return self.http.get(path).raise_for_status().json()

    def post(self, path: str, body: Any) -> Any:
        return self.http.post(path, json=body).raise_for_status().json()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.http.close()
        self.kill()
