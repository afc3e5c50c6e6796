"""What Schemathesis does here besides its own: it signs in, it calls in some of the cases for what
there is (`seeds.py`), and it notes what each call was answered."""

import os

import schemathesis
from schemathesis.core.parameters import ParameterLocation

from seeds import Client, Seeds

BASE = os.environ["OPENAPI_BASE"]
PASSWORD = os.environ["OPENAPI_PASSWORD"]
TOKEN = os.environ.get("OPENAPI_TOKEN")
# Calls that end sign-ins: each request gets a fresh one, of somebody who needs no other.
LEAVER = os.environ["OPENAPI_LEAVER"]
ENDS = ("/v1/auth/logout", "/v1/me/devices", "/v1/me/devices/{id}")
# A line for each answer: the call and its status.
ANSWERS = open(os.environ["OPENAPI_ANSWERS"], "a", buffering=1)

# Of no club, no room, no user.
NOWHERE = "x_0"
PARTS = (ParameterLocation.QUERY, ParameterLocation.BODY)

client = Client(BASE, PASSWORD)
seeds = Seeds(BASE, PASSWORD, TOKEN, LEAVER)
turns = {}
# What sign-ins have put into the header.
given = set()


def whole(value):
    """Numbers such as 7.0 are integers to a schema; this server takes integers written as such."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: whole(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [whole(inner) for inner in value]
    return value


def name_of(case):
    return f"{case.method.upper()} {case.path}"


@schemathesis.hook
def map_body(context, body):
    return whole(body)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Of four times that a call is made two are left as they are, one gets ids of what there is, and
    one all that it needs to be answered well.

    What is wrong on purpose stays so. Other calls have told Schemathesis the ids of what there is: where
    chance picks one that the calls to come need, it goes nowhere. The stateful phase finds ids of its
    own, and looks for what it has deleted.
    """
    meta = case.meta
    if meta is None or meta.phase.name == "stateful" or meta.is_negative_at(ParameterLocation.PATH):
        return
    is_right = not any(meta.is_negative_at(location) for location in PARTS)
    if seeds.would_lose(name_of(case), case.path_parameters):
        case.path_parameters = {**case.path_parameters, "id": NOWHERE}
    key = (name_of(case), is_right)
    turn = turns[key] = turns.get(key, -1) + 1
    if turn % 2:
        return
    seed = seeds.of(name_of(case))
    if seed is None:
        return
    if "path" in seed:
        case.path_parameters = dict(seed["path"])
    if turn % 4:
        return
    if "body" in seed and not meta.is_negative_at(ParameterLocation.BODY):
        case.body, case.media_type = seed["body"], "application/json"
    if "query" in seed and not meta.is_negative_at(ParameterLocation.QUERY):
        case.query = dict(seed["query"])
    # Who is to be turned away stays so.
    if "token" in seed and (case.headers or {}).get("Authorization") in given:
        case.headers["Authorization"] = f"Bearer {seed['token']}"


@schemathesis.hook
def after_call(context, case, response):
    ANSWERS.write(f"{name_of(case)} {response.status_code}\n")


@schemathesis.auth()
class SignIn:
    """The token of the caller, if there is one."""

    def get(self, case, context):
        return TOKEN or "none"

    def set(self, case, data, context):
        if not TOKEN:
            return
        token = TOKEN
        if context.operation.path in ENDS:
            token = client.sign_in(LEAVER)["access_token"]
        given.add(f"Bearer {token}")
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}
