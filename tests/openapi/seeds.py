"""People, places and messages that there are, so that calls with ids in their paths find something.

`Seeds(base, password, caller).of(call)` gives what a call needs to come to its end for this caller:
`path` parameters, a `body`, a `query`, a `token` of somebody else. What a call uses up is made anew
each time, by others than the caller where that can be: each user may only ask so often.
"""

import itertools
import json
import struct
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib

HELPERS = 12
# Rules to take away; a user makes at most thirty in a minute, and those by chance are many.
RULES = 10
PATIENCE = 20
# Calls that take away what others need, or the caller's part in it: their own seeds are made anew.
LOSING = {
    "DELETE /v1/clubs/{id}", "POST /v1/clubs/{id}/leave", "POST /v1/clubs/{id}/owner",
    "DELETE /v1/rooms/{id}", "POST /v1/rooms/{id}/leave", "DELETE /v1/bots/{id}",
}


class Client:
    """Calls of a person."""

    def __init__(self, base, password):
        self.base = base
        self.password = password

    def call(self, method, path, body=None, token=None):
        data, kind = body, "application/octet-stream"
        if body is not None and not isinstance(body, bytes):
            data, kind = json.dumps(body).encode(), "application/json"
        request = urllib.request.Request(self.base + path, data=data, method=method)
        request.add_header("Content-Type", kind)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def sign_in(self, name):
        account = {"username": name, "password": self.password}
        return self.call("POST", "/v1/auth/login", account)

    def register(self, name):
        account = {"username": name, "password": self.password}
        made = self.call("POST", "/v1/auth/register", account)
        return {"id": made["user"]["id"], "name": name, "token": made["access_token"]}


def picture(width=1_000, height=800):
    """A grey picture, larger than a preview."""

    def chunk(kind, data):
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    lines = b"".join(b"\0" + bytes((x + y) % 256 for x in range(width)) for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in parts)


class Seeds:
    """The places of one caller. Without a caller only what nobody needs a token for."""

    def __init__(self, base, password, token, leaver):
        self.client = Client(base, password)
        self.password = password
        self.token = token
        self.leaver = leaver
        self.number = itertools.count()
        self.mark = f"{time.time_ns() // 1_000:x}"
        self.helpers = []
        self.kept = set()
        if token:
            self.settle()

    def name(self, what):
        return f"{what}{self.mark}x{next(self.number)}"

    def mine(self, method, path, body=None):
        return self.client.call(method, path, body, self.token)

    def by(self, helper, method, path, body=None):
        return self.client.call(method, path, body, self.helpers[helper % HELPERS]["token"])

    def any_helper(self):
        return self.helpers[next(self.number) % 4]

    def settle(self):
        """The club, rooms and people that stay, and whatever there is in them."""
        self.helpers = [self.client.register(self.name("h")) for _ in range(HELPERS)]
        self.club, self.room = self.new_club()
        self.spare, self.spare_room = self.new_club()
        for helper in range(HELPERS):
            self.by(helper, "POST", f"/v1/clubs/{self.club}/join")
        people = [helper["id"] for helper in self.helpers]
        self.group = self.mine("POST", "/v1/rooms", {"name": "group", "member_ids": people})["id"]
        self.dm = self.mine("POST", "/v1/dms", {"user_id": people[4]})["id"]
        self.other_club = self.by(5, "POST", "/v1/clubs", {"name": self.name("c"), "join_policy": "open"})["id"]
        self.lobby = next(
            room["id"] for room in self.mine("GET", "/v1/rooms")["items"] if room["kind"] == "lobby"
        )
        self.message = self.said("words of another", helper=0)
        self.own = self.said("seed words of the caller")
        self.mine("PATCH", self.at(self.own), {"text": "seed words, said better"})
        self.mine("PUT", self.at(self.message) + "/pin")
        self.mine("PUT", self.at(self.message) + "/reactions/" + urllib.parse.quote("👍"))
        answer = {"text": "aside", "thread": self.message}
        self.by(1, "POST", f"/v1/rooms/{self.room}/messages", answer)
        self.file = self.mine("POST", f"/v1/rooms/{self.room}/files?name=a.png", picture())["id"]
        self.mine("POST", f"/v1/rooms/{self.room}/messages", {"text": "look", "files": [self.file]})
        self.filters = [self.new_filter(f"/v1/clubs/{self.spare}/filters") for _ in range(RULES)]
        self.bot = self.mine("POST", "/v1/bots", {"username": self.name("b")})["id"]
        self.kept = {self.club, self.room, self.spare, self.spare_room, self.group, self.dm, self.bot}
        asked = self.mine("POST", f"/v1/rooms/{self.room}/ai", {"text": "seed words"})
        self.run = asked["run"]
        deadline = time.monotonic() + PATIENCE
        while self.mine("GET", f"/v1/ai/runs/{self.run}")["status"] != "done":
            if time.monotonic() > deadline:
                raise AssertionError("the assistant does not answer")
            time.sleep(0.02)

    def would_lose(self, call, path):
        """Whether a call that chance has made would take away what calls to come need."""
        return call in LOSING and (path or {}).get("id") in self.kept

    def at(self, message, room=None):
        return f"/v1/rooms/{room or self.room}/messages/{message}"

    def said(self, text="said", helper=None, room=None):
        path, body = f"/v1/rooms/{room or self.room}/messages", {"text": text}
        if helper is None:
            return self.mine("POST", path, body)["id"]
        return self.by(helper, "POST", path, body)["id"]

    def new_club(self):
        club = self.mine("POST", "/v1/clubs", {"name": self.name("c"), "join_policy": "open"})["id"]
        return club, self.mine("GET", f"/v1/clubs/{club}/rooms")["items"][0]["id"]

    def new_room(self):
        return self.mine("POST", f"/v1/clubs/{self.club}/rooms", {"name": self.name("r")})["id"]

    def new_report(self, room, helper):
        message = self.said("to be reported", helper=helper, room=room)
        path = self.at(message, room) + "/report"
        return self.by(helper + 1, "POST", path, {"reason": "spam"})["id"]

    def rule(self):
        return {"pattern": self.name("odd"), "action": "report"}

    def new_filter(self, path):
        return self.mine("POST", path, self.rule())["id"]

    def of(self, call):
        """What this call needs; nothing when it needs nothing, or that cannot be made just now."""
        seed = self.free().get(call)
        if seed is None and self.token:
            seed = self.in_clubs().get(call) or self.in_rooms().get(call) or self.elsewhere().get(call)
        if seed is None:
            return None
        try:
            return seed()
        except urllib.error.HTTPError as error:
            # Put off, or a call before has changed the place.
            error.close()
            return None

    def free(self):
        """Calls without a token."""
        account = {"username": self.leaver, "password": self.password}
        return {
            "POST /v1/auth/register": lambda: {"body": {**account, "username": self.name("n")}},
            "POST /v1/auth/login": lambda: {"body": account},
            "POST /v1/auth/refresh": lambda: {
                "body": {"refresh_token": self.client.sign_in(self.leaver)["refresh_token"]}
            },
            "GET /v1/auth/available": lambda: {"query": {"username": self.name("n")}},
        }

    def in_clubs(self):
        club = {"path": {"id": self.club}}
        spare = {"path": {"id": self.spare}}

        def to(helper, body=None):
            path = {"id": self.club, "user": self.helpers[helper]["id"]}
            return lambda: {"path": path, "body": body} if body is not None else {"path": path}

        def handed_over():
            new, _ = self.new_club()
            helper = next(self.number)
            self.by(helper, "POST", f"/v1/clubs/{new}/join")
            return {"path": {"id": new}, "body": {"user_id": self.helpers[helper % HELPERS]["id"]}}

        def decided():
            report = self.new_report(self.room, 0)
            return {"path": {"id": self.club, "report": report}, "body": {"action": "dismiss"}}

        def taken_away():
            rule = self.filters.pop() if self.filters else "fl_1"
            return {"path": {"id": self.spare, "filter": rule}}

        def to_leave():
            self.mine("POST", f"/v1/clubs/{self.other_club}/join")
            return {"path": {"id": self.other_club}}

        return {
            "GET /v1/clubs/{id}": lambda: club,
            "PATCH /v1/clubs/{id}": lambda: {**spare, "body": {"greeting": "welcome"}},
            "DELETE /v1/clubs/{id}": lambda: {"path": {"id": self.new_club()[0]}},
            "POST /v1/clubs/{id}/join": lambda: {"path": {"id": self.other_club}},
            "POST /v1/clubs/{id}/leave": to_leave,
            "GET /v1/clubs/{id}/members": lambda: club,
            "GET /v1/clubs/{id}/rooms": lambda: club,
            "POST /v1/clubs/{id}/rooms": lambda: {**club, "body": {"name": self.name("r")}},
            "PATCH /v1/clubs/{id}/members/{user}": to(6, {"role": "manager"}),
            "POST /v1/clubs/{id}/owner": handed_over,
            "POST /v1/clubs/{id}/members/{user}/kick": to(7, {}),
            "POST /v1/clubs/{id}/members/{user}/ban": to(8, {"seconds": 60}),
            "POST /v1/clubs/{id}/members/{user}/mute": to(9, {"seconds": 60}),
            "DELETE /v1/clubs/{id}/members/{user}/mute": to(9),
            "GET /v1/clubs/{id}/mutes": lambda: club,
            "GET /v1/clubs/{id}/bans": lambda: club,
            "DELETE /v1/clubs/{id}/bans/{user}": to(8),
            "GET /v1/clubs/{id}/reports": lambda: club,
            "POST /v1/clubs/{id}/reports/{report}/decide": decided,
            "GET /v1/clubs/{id}/audit": lambda: club,
            "GET /v1/clubs/{id}/filters": lambda: spare,
            "POST /v1/clubs/{id}/filters": lambda: {**spare, "body": self.rule()},
            "POST /v1/clubs/{id}/filters/test": lambda: spare,
            "DELETE /v1/clubs/{id}/filters/{filter}": taken_away,
            "GET /v1/clubs/{id}/ai": lambda: club,
            "PATCH /v1/clubs/{id}/ai": lambda: {**spare, "body": {"persona": "kind"}},
            "GET /v1/clubs/{id}/ai/usage": lambda: club,
        }

    def in_rooms(self):
        room = {"path": {"id": self.room}}
        group = {"path": {"id": self.group}}
        private = {"path": {"id": self.dm}}
        spare = {"path": {"id": self.spare_room}}
        message = {"path": {"id": self.room, "message": self.message}}
        emoji = {"path": {"id": self.room, "message": self.message, "emoji": "👍"}}

        def to(helper, body=None):
            path = {"id": self.group, "user": self.helpers[helper]["id"]}
            return lambda: {"path": path, "body": body} if body is not None else {"path": path}

        def left():
            return {"path": {"id": self.mine("POST", "/v1/rooms", {"name": "to leave"})["id"]}}

        rooms = "/v1/rooms/{id}"
        one = rooms + "/messages/{message}"
        return {
            f"GET {rooms}": lambda: room,
            f"PATCH {rooms}": lambda: {**spare, "body": {"topic": "plans"}},
            f"DELETE {rooms}": lambda: {"path": {"id": self.new_room()}},
            f"GET {rooms}/members": lambda: room,
            f"POST {rooms}/members": lambda: {**group, "body": {"user_ids": [self.any_helper()["id"]]}},
            f"DELETE {rooms}/members/{{user}}": to(7),
            f"POST {rooms}/members/{{user}}/ban": to(8, {"seconds": 60}),
            f"POST {rooms}/members/{{user}}/mute": to(9, {"seconds": 60}),
            f"DELETE {rooms}/members/{{user}}/mute": to(9),
            f"GET {rooms}/mutes": lambda: group,
            f"GET {rooms}/bans": lambda: group,
            f"DELETE {rooms}/bans/{{user}}": to(8),
            f"POST {rooms}/join": lambda: room,
            f"POST {rooms}/leave": left,
            f"POST {rooms}/read": lambda: {**room, "body": {"seq": 1}},
            f"POST {rooms}/unread": lambda: {**room, "body": {"seq": 1}},
            f"PUT {rooms}/notify": lambda: {**room, "body": {"notify": "all"}},
            f"PUT {rooms}/hidden": lambda: private,
            f"DELETE {rooms}/hidden": lambda: private,
            f"GET {rooms}/permissions": lambda: room,
            f"PATCH {rooms}/permissions": lambda: {**spare, "body": {"attach": None}},
            f"GET {rooms}/audit": lambda: room,
            f"GET {rooms}/messages": lambda: {**room, "query": {"after_seq": "0"}},
            f"POST {rooms}/messages": lambda: {**room, "body": {"text": "said"}},
            f"POST {rooms}/messages/delete": lambda: {
                **room, "body": {"messages": [self.said(helper=1), self.said(helper=2)]}
            },
            f"GET {one}": lambda: message,
            f"PATCH {one}": lambda: {
                "path": {"id": self.room, "message": self.own}, "body": {"text": self.name("better ")}
            },
            f"DELETE {one}": lambda: {"path": {"id": self.room, "message": self.said(helper=3)}},
            f"GET {one}/revisions": lambda: {"path": {"id": self.room, "message": self.own}},
            f"GET {one}/seen": lambda: message,
            f"GET {one}/reactions/{{emoji}}": lambda: emoji,
            f"PUT {one}/reactions/{{emoji}}": lambda: emoji,
            f"DELETE {one}/reactions/{{emoji}}": lambda: emoji,
            f"PUT {one}/pin": lambda: message,
            f"DELETE {one}/pin": lambda: message,
            f"POST {one}/report": lambda: {**message, "body": {"reason": "spam"}},
            f"GET {rooms}/pins": lambda: room,
            f"GET {rooms}/threads": lambda: room,
            f"GET {rooms}/threads/{{message}}/messages": lambda: message,
            f"POST {rooms}/threads/{{message}}/read": lambda: {**message, "body": {"seq": 1}},
            f"POST {rooms}/files": lambda: {**room, "query": {"name": "a.txt"}},
            f"POST {rooms}/ai": lambda: {**room, "body": {"text": self.name("seed words ")}},
            f"POST {rooms}/ai/draft": lambda: {**room, "body": {}},
            f"GET {rooms}/ai/usage": lambda: room,
        }

    def elsewhere(self):
        run = {"path": {"id": self.run}}

        def somebody():
            return self.client.register(self.name("gone"))

        def erased():
            return {"token": somebody()["token"], "body": {"password": self.password}}

        def signed_out():
            token = self.client.sign_in(self.leaver)["access_token"]
            devices = self.client.call("GET", "/v1/me/devices", token=token)["items"]
            return {"token": token, "path": {"id": devices[0]["id"]}}

        def decided():
            report = self.new_report(self.lobby, 2)
            return {"path": {"id": report}, "body": {"action": "dismiss"}}

        old = {"old": self.password, "new": self.password}
        return {
            "PATCH /v1/me": lambda: {"body": {"status_text": "here"}},
            "PUT /v1/me/password": lambda: {"body": old},
            "DELETE /v1/me": erased,
            "DELETE /v1/me/devices/{id}": signed_out,
            "GET /v1/users": lambda: {"query": {"query": self.helpers[0]["name"]}},
            "GET /v1/users/{id}": lambda: {"path": {"id": self.helpers[0]["id"]}},
            "PUT /v1/users/{id}/block": lambda: {"path": {"id": self.helpers[10]["id"]}},
            "DELETE /v1/users/{id}/block": lambda: {"path": {"id": self.helpers[10]["id"]}},
            "POST /v1/bots": lambda: {"body": {"username": self.name("b")}},
            "POST /v1/bots/{id}/token": lambda: {"path": {"id": self.bot}},
            "DELETE /v1/bots/{id}": lambda: {
                "path": {"id": self.mine("POST", "/v1/bots", {"username": self.name("b")})["id"]}
            },
            "POST /v1/clubs": lambda: {"body": {"name": self.name("c")}},
            "POST /v1/rooms": lambda: {"body": {"name": self.name("g")}},
            "POST /v1/dms": lambda: {"body": {"user_id": self.any_helper()["id"]}},
            "GET /v1/search": lambda: {"query": {"q": "seed words"}},
            "POST /v1/files/keys": lambda: {"body": {"ids": [self.file]}},
            "GET /files/{id}/{name}": lambda: {"path": {"id": self.file, "name": "a.png"}},
            "GET /files/{id}/preview": lambda: {"path": {"id": self.file}},
            "POST /v1/inbox/read": lambda: {"body": {"upto_seq": 1}},
            "GET /v1/ai/runs/{id}": lambda: run,
            "POST /v1/ai/runs/{id}/stop": lambda: run,
            "POST /v1/ai/runs/{id}/retry": lambda: run,
            "POST /v1/ai/runs/{id}/continue": lambda: run,
            "DELETE /v1/admin/users/{id}": lambda: {"path": {"id": somebody()["id"]}},
            "POST /v1/admin/filters": lambda: {"body": self.rule()},
            "POST /v1/admin/filters/test": lambda: {"body": {"text": "words"}},
            "DELETE /v1/admin/filters/{id}": lambda: {
                "path": {"id": self.new_filter("/v1/admin/filters")}
            },
            "POST /v1/admin/reports/{id}/decide": decided,
        }
