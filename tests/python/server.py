"""A server of our own for a test: a free port, an empty data folder, and a way to pull its plug.

`MOIM_BIN` names the program (default `target/debug/moim`).
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("MOIM_BIN", str(ROOT / "target/debug/moim"))
PASSWORD = "correct horse"
PATIENCE = 20


class Server:
    """A server of our own, which can be killed as a power cut would."""

    def __init__(self, folder, settings=None):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = folder
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None
        self.settings = settings or {}
        self.start()

    def start(self):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MOIM_")}
        settings = {
            "MOIM_LISTEN": f"127.0.0.1:{self.port}",
            "MOIM_DATA_DIR": self.folder,
            "MOIM_PASSWORD_MEMORY_KIB": "64",
        }
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(
                [BINARY], env=kept | settings | self.settings, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urllib.request.urlopen(self.url + "/readyz", timeout=2):
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"the server did not get ready:\n{self.log()}")

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def log(self):
        return pathlib.Path(self.folder, "log").read_text(errors="replace")

    def call(self, method, path, body=None, token=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def call_text(self, path):
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE) as answer:
            return answer.read().decode()

    def register(self, name):
        account = {"username": name, "password": PASSWORD}
        return self.call("POST", "/v1/auth/register", account)


class WithServer:
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="moim-python-")
        self.addCleanup(folder.cleanup)
        self.server = Server(folder.name)
        self.addCleanup(lambda: self.server.kill())
