"""A real server process on loopback, as a user starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.ports import free_port

TOKEN = "ms_0123456789abcdefghijklmnopqrstuvwxyzA"
MAINSPRING = (sys.executable, "-c", "from mainspring.cli import main; main()")


class Server:
    """`mainspring serve` with its data in a directory; can be stopped, killed and started again."""

    def __init__(self, data: Path, **settings: object) -> None:
        self.data = data
        self.port, self.tls_port = free_port(), free_port()
        self.settings = {"create_limit": 0, "call_limit": 0} | settings
        self.process: subprocess.Popen[bytes] | None = None
        self.arguments: tuple[str, ...] = ()
        self.log = data.parent / f"{data.name}.log"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"https://localhost:{self.tls_port}"

    @property
    def ca(self) -> Path:
        return self.data / "ca.pem"

    def environ(self) -> dict[str, str]:
        """What a client process needs to call this server."""
        return {
            **{k: v for k, v in os.environ.items() if not k.startswith("MAINSPRING_")},
            "MAINSPRING_URL": self.url,
            "MAINSPRING_TOKEN": TOKEN,
            "REPLICATE_API_TOKEN": TOKEN,
            "REPLICATE_BASE_URL": self.tls_url,
            "SSL_CERT_FILE": str(self.ca),
            "NODE_EXTRA_CA_CERTS": str(self.ca),
        }

    def start(self) -> Server:
        options = {"port": self.port, "tls_port": self.tls_port, "data": self.data, **self.settings}
        environ = {k: v for k, v in os.environ.items() if not k.startswith("MAINSPRING_")}
        environ |= {f"MAINSPRING_{k.upper()}": str(v) for k, v in options.items()}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*MAINSPRING, "serve", *self.arguments],
                env=environ | {"MAINSPRING_TOKEN": TOKEN},
                stdout=log,
                stderr=log,
            )
        self.wait_until_up()
        return self

    def wait_until_up(self, limit_s: float = 30) -> None:
        until = time.monotonic() + limit_s
        while True:
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()
            try:
                urllib.request.urlopen(f"{self.url}/health", timeout=5).read()
                return
            except (urllib.error.URLError, ConnectionError):
                assert time.monotonic() < until, self.log.read_text()
                time.sleep(0.01)

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM, and wait."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def cli(self, *arguments: str | Path, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
        """Run `mainspring` against this server."""
        return subprocess.run(
            [*MAINSPRING, *map(str, arguments)],
            env=self.environ(),
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )

    def push(self, directory: Path, model: str) -> None:
        """`mainspring push`, without a run of the project's example."""
        done = self.cli("push", directory, model, "--no-example")
        assert done.returncode == 0, done.stdout + done.stderr + self.log.read_text()[-4000:]
