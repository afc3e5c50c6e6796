"""The calls against their own description, with Schemathesis: no failure of the server, and no
answer that the description does not promise, whatever is sent and whoever sends it.

In some of the cases the ids in paths are those of what there is (`seeds.py`), so that calls come to
their end; which never did is told. Chance decides about some: it is a failure when they are more than a few.

Starts a server of its own. `OPENAPI_EXAMPLES` is how many requests each call gets by chance (12),
`OPENAPI_SEED` what they are made from (7).
"""

import collections
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


# So many others may never come to a good end in a run.
FEW = 4
# Calls that nothing here brings to a good end, and why.
UNREACHED = {
    "GET /v1/rooms/{id}/events": "an event stream, asked for by nobody only",
    "GET /v1/inbox/events": "an event stream, asked for by nobody only",
    "POST /v1/rooms/{id}/ai/draft": "no model is connected",
    "POST /v1/ai/runs/{id}/continue": "without a model every answer ends well",
}
# Few people do all that thousands do.
SETTINGS = {"MOIM_UPLOADS_PER_HOUR": "0", "MOIM_AI_QUESTIONS_PER_MINUTE": "1000"}


def schemathesis(server, name, arguments, answers, caller=None):
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
        "OPENAPI_ANSWERS": str(answers),
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


def calls(server):
    """Every call that is described, but for the one that is answered here."""
    verbs, here = ("get", "put", "post", "delete", "patch", "head"), "/v1/openapi.json"
    paths = [(path, item) for path, item in server.call("GET", here)["paths"].items() if path != here]
    return {f"{verb.upper()} {path}" for path, item in paths for verb in item if verb in verbs}


def answered(answers):
    """How often each call was answered with each status."""
    found = collections.defaultdict(collections.Counter)
    for line in answers.read_text().splitlines():
        call, status = line.rsplit(" ", 1)
        found[call][status] += 1
    return found


def judge(server, answers):
    """Tells which calls never came to a good end. True when they are few."""
    described = calls(server)
    found = answered(answers)
    well = {call for call, statuses in found.items() if any(status[0] == "2" for status in statuses)}
    count = sum(statuses.total() for statuses in found.values())
    missed = sorted(described - well)
    print(f"{count} answers; {len(described & well)} of {len(described)} calls were answered well")
    for call in missed:
        why = UNREACHED.get(call, "not in this run")
        print(f"never answered well: {call} ({why}), but {dict(found[call])}")
    return len(set(missed) - set(UNREACHED)) <= FEW


def main():
    with tempfile.TemporaryDirectory(prefix="moim-openapi-") as folder:
        server = Server(folder, SETTINGS)
        answers = pathlib.Path(folder, "answers")
        try:
            admin = server.register("first")
            user = server.register("second")
            server.register("third")
            went_well = [
                schemathesis(server, "nobody", ["--phases", "coverage"], answers),
                schemathesis(server, "a user", STREAMS, answers, user),
                schemathesis(server, "the admin", [*STREAMS, "--phases", "coverage"], answers, admin),
                judge(server, answers),
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
