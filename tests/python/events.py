"""Server-sent events with nothing but the standard library."""

import json
import unittest
import urllib.error
import urllib.request

from server import PATIENCE, WithServer


class Stream:
    """Server-sent events, read as the standard says and no more."""

    def __init__(self, server, path, token, last_id=None):
        request = urllib.request.Request(server.url + path)
        request.add_header("Authorization", f"Bearer {token}")
        request.add_header("Accept", "text/event-stream")
        if last_id:
            request.add_header("Last-Event-ID", last_id)
        self.answer = urllib.request.urlopen(request, timeout=PATIENCE)
        self.last_id = last_id

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.answer.close()

    def next(self):
        name, data, number = "message", [], None
        while True:
            line = self.answer.readline().decode()
            assert line, "the stream ended"
            field, _, value = line.rstrip("\n").partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif field == "id":
                number = value
            elif line == "\n" and data:
                self.last_id = number or self.last_id
                return name, json.loads("\n".join(data))


class Events(WithServer, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.token = self.server.register("mina")["access_token"]
        rooms = self.server.call("GET", "/v1/rooms", token=self.token)["items"]
        self.room = next(room for room in rooms if room["name"] == "general")
        self.path = f"/v1/rooms/{self.room['id']}/events"
        self.begin = f"{self.room['epoch']}-{self.room['head']}"

    def say(self, *texts):
        path = f"/v1/rooms/{self.room['id']}/messages"
        return [self.server.call("POST", path, {"text": t}, self.token)["seq"] for t in texts]

    def stream(self, query="", last_id=None):
        return Stream(self.server, self.path + query, self.token, last_id)

    def test_a_stream_goes_on_behind_the_last_id(self):
        seqs = self.say("one", "two", "three", "four")
        with self.stream(f"?since={self.begin}") as stream:
            heard = [stream.next() for _ in range(2)]
            at = stream.last_id
        self.assertEqual([name for name, _ in heard], ["msg.new", "msg.new"])
        self.assertEqual([event["d"]["text"] for _, event in heard], ["one", "two"])
        self.assertEqual(at, f"{self.room['epoch']}-{seqs[1]}")
        # The header wins over the query, which an EventSource repeats unchanged.
        with self.stream(f"?since={self.begin}", last_id=at) as stream:
            self.assertEqual([stream.next()[1]["seq"] for _ in range(2)], seqs[2:])
            live = self.say("five")
            self.assertEqual(stream.next()[1]["seq"], live[0])

    def test_a_stream_goes_on_after_a_kill(self):
        seqs = self.say("one", "two")
        with self.stream(f"?since={self.begin}") as stream:
            self.assertEqual(stream.next()[1]["seq"], seqs[0])
            at = stream.last_id
            self.server.kill()
        self.server.start()
        with self.stream(last_id=at) as stream:
            self.assertEqual(stream.next()[1]["seq"], seqs[1])

    def test_a_position_that_never_was_is_a_gap_and_the_stream_goes_on(self):
        for query, last_id in ((f"?since=zz-{self.room['head']}", None), ("", "rubbish")):
            with self.stream(query, last_id) as stream:
                name, gap = stream.next()
                self.assertEqual(name, "gap")
                self.assertEqual(gap["epoch"], self.room["epoch"])
                live = self.say("live")
                self.assertEqual(stream.next()[1]["seq"], live[0])
                self.assertEqual(live[0], gap["head"] + 1)

    def test_without_a_token_there_is_no_stream(self):
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(self.server.url + self.path, timeout=PATIENCE)
        with refused.exception as answer:
            self.assertEqual(answer.status, 401)
            self.assertEqual(answer.headers.get_content_type(), "application/problem+json")
            self.assertEqual(json.load(answer)["code"], "unauthorized")


if __name__ == "__main__":
    unittest.main(verbosity=2)
