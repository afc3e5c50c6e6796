"""What is refused over HTTP, as the description of the wire says it."""

import contextlib
import json
import sqlite3
import unittest
import urllib.error

from server import PASSWORD, WithServer


class Refusals(WithServer, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.mina = self.server.register("mina")
        self.bora = self.server.register("bora")
        self.token = self.mina["access_token"]

    def refused(self, status, code, method, path, body=None, token=None, reason=None):
        """Asks for what is not given, and looks at the whole answer."""
        with self.assertRaises(urllib.error.HTTPError) as refused:
            self.server.call(method, path, body, token)
        with refused.exception as answer:
            problem = json.load(answer)
            self.assertEqual(answer.headers.get_content_type(), "application/problem+json")
            self.assertEqual(problem["request_id"], answer.headers["x-request-id"])
        told = (answer.status, problem["status"], problem["code"], problem.get("reason"))
        self.assertEqual(told, (status, status, code, reason), f"{method} {path}: {problem}")
        self.assertTrue(problem["title"] and problem["detail"])
        self.assertEqual("Retry-After" in answer.headers, status in (429, 503))
        return problem

    def test_signing_in(self):
        account = {"username": "MINA", "password": PASSWORD}
        self.refused(409, "username_taken", "POST", "/v1/auth/register", account)
        odd = {"username": "a b", "password": "short"}
        problem = self.refused(422, "invalid", "POST", "/v1/auth/register", odd)
        self.assertEqual({error["field"] for error in problem["errors"]}, {"username", "password"})
        for name in ("mina", "nobody"):
            wrong = {"username": name, "password": "wrong horse"}
            self.refused(401, "bad_credentials", "POST", "/v1/auth/login", wrong)
        self.refused(401, "unauthorized", "GET", "/v1/me")
        self.refused(401, "unauthorized", "GET", "/v1/me", token=self.token[:-2] + "xx")

    def test_a_refresh_token_works_once(self):
        old = {"refresh_token": self.mina["refresh_token"]}
        fresh = self.server.call("POST", "/v1/auth/refresh", old)
        self.assertEqual(fresh["user"], self.mina["user"])
        self.refused(401, "token_reused", "POST", "/v1/auth/refresh", old)
        new = {"refresh_token": fresh["refresh_token"]}
        self.refused(401, "unauthorized", "POST", "/v1/auth/refresh", new)
        self.refused(401, "unauthorized", "GET", "/v1/me", token=fresh["access_token"])

    def test_clubs(self):
        bora = self.bora["access_token"]
        club = self.server.call("POST", "/v1/clubs", {"name": "Reading"}, self.token)
        path = f"/v1/clubs/{club['id']}"
        taken = {"name": "READING"}
        self.refused(409, "conflict", "POST", "/v1/clubs", taken, bora, "name_taken")
        self.refused(403, "forbidden", "PATCH", path, {"name": "Mine"}, bora, "not_member")
        self.server.call("POST", path + "/join", {}, bora)
        self.refused(403, "forbidden", "PATCH", path, {"name": "Mine"}, bora, "role")
        self.refused(409, "conflict", "POST", path + "/leave", {}, self.token, "owner_stays")
        closed = {"visibility": "private"}
        self.server.call("POST", path + "/leave", {}, bora)
        self.server.call("PATCH", path, closed, self.token)
        for method, below in (("GET", ""), ("POST", "/join"), ("GET", "/rooms")):
            self.refused(404, "not_found", method, path + below, token=bora)

    def test_messages(self):
        rooms = self.server.call("GET", "/v1/rooms", token=self.token)["items"]
        path = f"/v1/rooms/{rooms[0]['id']}/messages"
        self.refused(413, "too_large", "POST", path, {"text": "x" * 4001}, self.token)
        self.refused(422, "invalid", "POST", path, {"text": " "}, self.token)
        self.refused(400, "bad_request", "POST", path, {"text": 7}, self.token)
        self.refused(404, "not_found", "GET", "/v1/rooms/r_999/messages", token=self.token)
        self.refused(405, "bad_request", "DELETE", path, token=self.token)

    def test_too_many_wrong_passwords(self):
        wrong = {"username": "mina", "password": "wrong horse"}
        for _ in range(10):
            self.refused(401, "bad_credentials", "POST", "/v1/auth/login", wrong)
        problem = self.refused(429, "rate_limited", "POST", "/v1/auth/login", wrong)
        self.assertGreater(problem["retry_ms"], 0)

    def test_a_store_that_does_not_answer_loses_and_doubles_nothing(self):
        room = self.server.call("GET", "/v1/rooms", token=self.token)["items"][0]
        path = f"/v1/rooms/{room['id']}/messages"
        message = {"text": "while somebody else holds the file", "cid": "c-1"}
        with contextlib.closing(sqlite3.connect(f"{self.server.folder}/moim.db")) as other:
            other.execute("BEGIN IMMEDIATE")
            self.refused(503, "unavailable", "POST", path, message, self.token)
            other.rollback()
        sent = [self.server.call("POST", path, message, self.token) for _ in range(2)]
        self.assertEqual([one["seq"] for one in sent], [room["head"] + 1] * 2)
        self.assertEqual([one["dup"] for one in sent], [False, True])


if __name__ == "__main__":
    unittest.main(verbosity=2)
