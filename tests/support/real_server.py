"""A real ``aigc lab`` process for the tests: started, asked, stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

AIGC = [sys.executable, "-m", "aigc_course", "lab"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Running:
    port: int
    token: str
    folder: Path
    runtime: Path
    output: str

    def ask(self, path: str, method: str = "GET", body: object = None) -> str:
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"http://127.0.0.1:{self.port}{path}", data, method=method)
        request.add_header("Authorization", f"token {self.token}")
        with urlopen(request, timeout=60) as answer:
            return str(answer.read().decode("utf-8"))


@contextmanager
def started(
    folder: Path, home: Path, command: list[str], further: Sequence[str] = (), **extra: str
) -> Iterator[Running]:
    """Run ``command``, which starts the server on ``folder``; stop it as a shell would.

    ``further`` are arguments for JupyterLab itself, ``extra`` environment variables.
    """
    port = free_port()
    runtime = home / "runtime"
    home.mkdir(exist_ok=True)
    env = {
        **os.environ,
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "IPYTHONDIR": str(home / "ipython"),
        **extra,
    }
    log = home / "log.txt"
    arguments = [*command, str(folder), "--no-browser", "--port", str(port), *further]
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            arguments, cwd=home, env=env, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        for _ in range(1200):
            text = log.read_text(encoding="utf-8")
            if found := re.search(r"已就绪：(\S+token=(\w+))", text):
                break
            assert process.poll() is None, text
            time.sleep(0.1)
        else:
            pytest.fail(f"no answer within two minutes:\n{text}")
        yield Running(port, found.group(2), folder, runtime, text)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, "the server outlived the command"


def run_cells(server: Running, sources: list[str]) -> list[str]:
    """Run code in a new kernel of the server; what each printed. Fails on the first error."""
    from jupyter_client import BlockingKernelClient

    body = {"name": "python3", "path": "x.ipynb"}
    kernel = json.loads(server.ask("/api/kernels", "POST", body))["id"]
    connection = server.runtime / f"kernel-{kernel}.json"
    client = BlockingKernelClient(connection_file=str(connection))
    client.load_connection_file()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        printed = []
        for source in sources:
            texts: list[str] = []

            def hook(message: dict[str, Any], texts: list[str] = texts) -> None:
                if message["msg_type"] == "stream":
                    texts.append(message["content"]["text"])

            reply = client.execute_interactive(source, output_hook=hook, timeout=240)
            content = reply["content"]
            assert content["status"] == "ok", f"{source}\n{content.get('evalue')}"
            printed.append("".join(texts))
        return printed
    finally:
        client.stop_channels()
        server.ask(f"/api/kernels/{kernel}", "DELETE")
