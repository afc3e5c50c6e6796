"""A client that shares no code with the server: two people talk while the server is killed.

Needs the package `websockets`.
"""

import asyncio
import itertools
import json
import logging
import unittest

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from server import PATIENCE, WithServer

# How often the server is killed, how much each person sends in between, and what that makes.
LIVES = 3
SENDS = 40
ALL = 2 * LIVES * SENDS


class Line:
    """One WebSocket: replies go to who asked, events are gathered in their order."""

    def __init__(self, wire):
        self.wire = wire
        self.ids = itertools.count(1)
        self.asked = {}
        self.events = []
        self.more = asyncio.Condition()
        self.reading = asyncio.create_task(self.read())

    @classmethod
    async def open(cls, server):
        url = f"ws://127.0.0.1:{server.port}/v1/ws"
        return cls(await connect(url, subprotocols=["moim.v1"], open_timeout=PATIENCE))

    async def read(self):
        try:
            async for message in self.wire:
                for text in message.split("\n"):
                    await self.take(json.loads(text))
        except ConnectionClosed:
            pass
        finally:
            for answer in self.asked.values():
                answer.cancel()
            async with self.more:
                self.more.notify_all()

    async def take(self, frame):
        if "re" in frame:
            answer = self.asked.pop(frame["re"], None)
            if answer and not answer.done():
                answer.set_result(frame)
        elif frame == {}:
            await self.wire.send("{}")
        async with self.more:
            if "ev" in frame:
                self.events.append(frame)
            self.more.notify_all()

    async def ask(self, op, **fields):
        """Asks, and gives the future of the answer without waiting for it."""
        number = next(self.ids)
        answer = asyncio.get_running_loop().create_future()
        self.asked[number] = answer
        await self.wire.send(json.dumps({"id": number, "op": op, **fields}))
        return answer

    async def ok(self, op, **fields):
        frame = await asyncio.wait_for(await self.ask(op, **fields), PATIENCE)
        assert "ok" in frame, f"{op} was refused: {frame}"
        return frame["ok"]

    async def until(self, is_enough):
        """Waits until the events so far are enough."""

        async def wait():
            async with self.more:
                while not is_enough(self.events):
                    assert not self.reading.done(), "the line broke"
                    await self.more.wait()

        await asyncio.wait_for(wait(), PATIENCE)

    async def close(self):
        await self.wire.close()
        await self.reading


class Person:
    """Someone who talks in one room, keeps what was not acknowledged, and comes back."""

    def __init__(self, server, name):
        self.server, self.name = server, name
        signed_in = server.register(name)
        self.user, self.token = signed_in["user"]["id"], signed_in["access_token"]
        self.line = None
        self.room = None
        self.epoch = None
        self.begin = 0
        self.log = []
        self.unsent = {}
        self.acknowledged = {}

    @property
    def at(self):
        return self.log[-1]["seq"] if self.log else self.begin

    async def come(self):
        """Signs in and opens the lobby, from where this person was."""
        self.line = await Line.open(self.server)
        signed_in = await self.line.ok("auth", token=self.token)
        assert signed_in["user"]["username"] == self.name
        if self.room is None:
            self.room = next(r["room"] for r in signed_in["rooms"] if r["name"] == "general")
            opened = await self.line.ok("open", room=self.room)
            self.begin = opened["snapshot"]["upto"]
            assert opened["head"] == self.begin
        else:
            since = {"epoch": self.epoch, "seq": self.at}
            opened = await self.line.ok("open", room=self.room, since=since)
            assert opened["resumed"] is True, opened
            assert opened["replay"] == opened["head"] - since["seq"], opened
            await self.line.until(lambda events: any(e["ev"] == "caught_up" for e in events))
        self.epoch = opened["epoch"]
        return opened

    def gather(self):
        """Adds the numbered events of this line to what this person has seen."""
        events, self.line.events = self.line.events, []
        self.log += [e for e in events if e.get("room") == self.room and "seq" in e and "at" in e]

    async def send(self, cid):
        text = f"{self.name} says {cid}"
        self.unsent[cid] = await self.line.ask("send", room=self.room, cid=cid, text=text)

    def count(self):
        """Notes every send that was acknowledged; the others stay unsent."""
        for cid, answer in list(self.unsent.items()):
            if answer.done() and not answer.cancelled():
                frame = answer.result()
                assert "ok" in frame, frame
                self.acknowledged[cid] = frame["ok"]
                del self.unsent[cid]

    async def retry(self):
        again, self.unsent = list(self.unsent), {}
        for cid in again:
            await self.send(cid)
        if self.unsent:
            await asyncio.wait(self.unsent.values(), timeout=PATIENCE)
        self.count()
        assert not self.unsent, f"never acknowledged: {list(self.unsent)}"
        return again

    async def has_heard(self, *cids):
        def heard(events):
            return set(cids) <= {e["d"].get("cid") for e in events if e["ev"] == "msg.new"}

        await self.line.until(heard)


class Talk(WithServer, unittest.IsolatedAsyncioTestCase):
    async def test_two_people_hear_each_other_and_themselves(self):
        mina, bora = Person(self.server, "mina"), Person(self.server, "보라")
        await mina.come()
        await bora.come()
        first = await mina.line.ok("send", room=mina.room, cid="m1", text="안녕, 보라")
        answer = {"cid": "b1", "text": "hi", "reply_to": first["id"]}
        second = await bora.line.ok("send", room=bora.room, **answer)
        self.assertFalse(first["dup"] or second["dup"])
        self.assertEqual(second["seq"], first["seq"] + 1)
        for person in (mina, bora):
            await person.has_heard("m1", "b1")
            person.gather()
            said = [e for e in person.log if e["ev"] == "msg.new"]
            self.assertEqual([e["d"]["text"] for e in said], ["안녕, 보라", "hi"])
            self.assertEqual([e["d"]["by"] for e in said], [mina.user, bora.user])
            self.assertEqual([e["seq"] for e in said], [first["seq"], second["seq"]])
            self.assertEqual(said[1]["d"]["reply_to"], first["id"])
            await person.line.close()

    async def test_a_kill_loses_doubles_and_reorders_nothing(self):
        people = [Person(self.server, name) for name in ("mina", "bora")]
        for person in people:
            await person.come()
        repeated = 0
        for life in range(LIVES):
            cids = [[f"{person.name}-{life}-{n}" for n in range(SENDS)] for person in people]
            for n, pair in enumerate(zip(*cids)):
                if n == SENDS // 2:
                    # Half of it, at least the beginning of that acknowledged; then no more waiting.
                    await asyncio.wait([next(iter(people[0].unsent.values()))], timeout=PATIENCE)
                for person, cid in zip(people, pair):
                    await person.send(cid)
            self.server.kill()
            for person in people:
                await asyncio.wait_for(person.line.reading, PATIENCE)
                person.count()
                person.gather()
            await asyncio.to_thread(self.server.start)
            for person in people:
                await person.come()
            for person in people:
                repeated += len(await person.retry())
                await self.repeat_acknowledged(person)
            for person in people:
                heard = {e["d"].get("cid") for e in person.log}
                await person.has_heard(*(cid for each in cids for cid in each if cid not in heard))
                person.gather()
        self.assertGreater(repeated, 0, "no kill came before an answer: this showed nothing")
        self.check(people)
        for person in people:
            await person.line.close()

    async def repeat_acknowledged(self, person):
        """As after an answer that got lost: the first result again, and nothing new."""
        cid, first = next(iter(person.acknowledged.items()))
        again = await person.line.ok("send", room=person.room, cid=cid, text="something else")
        self.assertEqual(again, first | {"dup": True})

    def check(self, people):
        for person in people:
            seqs = [event["seq"] for event in person.log]
            wanted = list(range(person.begin + 1, person.begin + 1 + len(seqs)))
            self.assertEqual(seqs, wanted, f"{person.name} has a hole or a double")
            said = [e for e in person.log if e["ev"] == "msg.new"]
            self.assertEqual([e["n"] for e in said], list(range(said[0]["n"], said[0]["n"] + ALL)))
            keys = [(e["d"]["by"], e["d"]["cid"]) for e in said]
            self.assertEqual(len(keys), len(set(keys)), "a message came twice")
            place = {e["d"]["cid"]: e["seq"] for e in said}
            for cid, ok in person.acknowledged.items():
                self.assertEqual(place[cid], ok["seq"], f"{cid} is not where it was acknowledged")
            self.assertEqual(len(person.acknowledged), LIVES * SENDS)
        logs = [[e for e in p.log if e["seq"] > people[1].begin] for p in people]
        self.assertEqual(logs[0], logs[1], "the two saw different things")
        said = [e["d"]["cid"] for e in logs[0] if e["ev"] == "msg.new"]
        self.assertEqual(self.history(people[0]), said, "the history tells something else")

    def history(self, person):
        """The cids of the whole room, by REST, oldest first."""
        cids, after = [], 0
        while True:
            path = f"/v1/rooms/{person.room}/messages?after_seq={after}&limit=100"
            items = self.server.call("GET", path, token=person.token)["items"]
            if not items:
                return cids
            cids += [item["cid"] for item in items]
            after = items[-1]["seq"]


# It would tell how long the server took to start.
logging.getLogger("asyncio").setLevel(logging.ERROR)

if __name__ == "__main__":
    unittest.main(verbosity=2)
