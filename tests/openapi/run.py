"""The calls against their own description, with Schemathesis: no failure of the server, and no
answer that the description does not promise, whatever is sent and whoever sends it.

Starts a server of its own. `OPENAPI_EXAMPLES` is how many requests each call gets by chance (12),
`OPENAPI_SEED` what they are made from (7).
"""

import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "python"))

from server import PASSWORD, Server  # noqa: E402

EXAMPLES = os.environ.get("OPENAPI_EXAMPLES", "12")
SEED = os.environ.get("OPENAPI_SEED", "7")
# An event stream that is let in never ends; who is not let in is told at once.
STREAMS = ["--exclude-path-regex", "/events$"]


def schemathesis(server, name, arguments, caller=None):
    command = [
        sys.executable, str(pathlib.Path(sys.executable).with_name("st")),
        "--config-file", str(HERE / "schemathesis.toml"),
        "run", server.url + "/v1/openapi.json",
        "--checks", "all", "--mode", "all", "--max-examples", EXAMPLES, "--seed", SEED,
        "--request-timeout", "10",
        "--warnings", "off", "--no-color", *arguments,
    ]
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "hooks",
        "PYTHONPATH": str(HERE),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENAPI_BASE": server.url,
        "OPENAPI_PASSWORD": PASSWORD,
        "OPENAPI_LEAVER": "third",
    }
    if caller:
        environment["OPENAPI_TOKEN"] = caller["access_token"]
        # A user may ask a hundred times a second.
        command += ["--rate-limit", "95/s"]
    with tempfile.TemporaryDirectory(prefix="moim-openapi-") as folder:
        ran = subprocess.run(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=1_800,
        )
    lines = ran.stdout.splitlines()
    told = [line.strip() for line in lines if "generated" in line or line.startswith("=====")]
    print(f"{name}: {'; '.join(told[-2:])}", flush=True)
    if ran.returncode:
        print(ran.stdout)
    return ran.returncode == 0


def main():
    with tempfile.TemporaryDirectory(prefix="moim-openapi-") as folder:
        server = Server(folder)
        try:
            admin = server.register("first")
            user = server.register("second")
            server.register("third")
            went_well = [
                schemathesis(server, "nobody", ["--phases", "coverage"]),
                schemathesis(server, "a user", STREAMS, user),
                schemathesis(server, "the admin", [*STREAMS, "--phases", "coverage"], admin),
            ]
            # 503 is an answer of one call, and looked at there (schemathesis.toml).
            failures = [
                line
                for line in server.call_text("/metrics").splitlines()
                if line.startswith('moim_http_responses_total{status="5') and '"503"' not in line
            ]
            print("\n".join(failures) or "no answer of the server was a failure")
        finally:
            server.kill()
    return 0 if all(went_well) and not failures else 1


if __name__ == "__main__":
    sys.exit(main())
