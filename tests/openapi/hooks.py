"""What Schemathesis does here besides its own."""

import json
import os
import urllib.request

import schemathesis

BASE = os.environ["OPENAPI_BASE"]
PASSWORD = os.environ["OPENAPI_PASSWORD"]
TOKEN = os.environ.get("OPENAPI_TOKEN")
# Calls that end sign-ins: each request gets a fresh one, of somebody who needs no other.
LEAVER = os.environ["OPENAPI_LEAVER"]
ENDS = ("/v1/auth/logout", "/v1/me/devices", "/v1/me/devices/{id}")


def sign_in(name):
    body = json.dumps({"username": name, "password": PASSWORD}).encode()
    request = urllib.request.Request(BASE + "/v1/auth/login", data=body)
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)["access_token"]


def whole(value):
    """Numbers such as 7.0 are integers to a schema; this server takes integers written as such."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: whole(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [whole(inner) for inner in value]
    return value


@schemathesis.hook
def map_body(context, body):
    return whole(body)


@schemathesis.auth()
class SignIn:
    """The token of the caller, if there is one."""

    def get(self, case, context):
        return TOKEN or "none"

    def set(self, case, data, context):
        if not TOKEN:
            return
        token = sign_in(LEAVER) if context.operation.path in ENDS else TOKEN
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}
