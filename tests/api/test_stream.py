import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from api import stream
from api.feed import Mark, mark
from event_model.errors import StoreError
from tallyman.serving import serving
from tests.api.world import World, record
from tests.end_to_end.waiting import until

SOON = 60.0  # seconds


class Listener:
    """What a browser's EventSource does."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer, self.last = answer, ""
        self._lines = answer.iter_lines()

    def next(self, kind: str = "") -> tuple[str, Any]:
        """The next message (of a kind), with its data."""
        told, data = "message", None
        for line in self._lines:
            name, _, value = line.partition(": ")
            if name == "event":
                told = value
            elif name == "data":
                data = json.loads(value)
            elif name == "id":
                self.last = value
            elif not line and data is not None:
                if kind in ("", told):
                    return told, data
                told, data = "message", None
        raise EOFError("the stream has ended")


@pytest.fixture
def address(fresh: World) -> Iterator[str]:
    with serving(fresh.services, "127.0.0.1", 0) as made:
        yield made


@contextmanager
def listening(
    world: World, address: str, *, last: str = "", token: str = "", **wanted: Any
) -> Iterator[Listener]:
    token = token or world.database.tokens.create("ear", "auditor", None, world.time)
    headers = {"Authorization": f"Bearer {token}", **({"Last-Event-ID": last} if last else {})}
    with (
        httpx.Client(timeout=SOON, trust_env=False) as client,
        client.stream("GET", f"{address}/api/v1/stream", params=wanted, headers=headers) as answer,
    ):
        assert answer.status_code == 200, answer.read()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        listener = Listener(answer)
        assert listener.next() == ("ready", {"gone": False})
        yield listener


def name(event: Any) -> str:
    return str(event["orchestrator"]["resource"]["name"])


def names(told: list[tuple[str, Any]]) -> list[str]:
    """Of the events among these messages."""
    return [name(data) for kind, data in told if kind == "event"]


def test_an_event_and_its_alert_are_told_as_they_come(fresh: World, address: str) -> None:
    with listening(fresh, address) as listener:
        fresh.write([record(60, "bob@example.com", "get", "secrets", "new")])
        kinds = dict(listener.next() for _ in range(2))
        assert (
            name(kinds["event"]) == "new"
            and kinds["event"]["message"] == "bob@example.com read secret shop/new"
        )
        assert kinds["alert"]["user"] == "bob@example.com" and kinds["alert"]["status"] == "open"
    [act] = fresh.acts("follow")
    assert act["actor"] == "ear" and act["detail"] == {"q": "", "people": False, "events": True}


def test_only_what_was_asked_for_is_told(fresh: World, address: str) -> None:
    with listening(fresh, address, q="verb:get", people=True, alerts=False) as listener:
        fresh.write(
            [
                record(60),
                record(61, verb="get"),
                record(62, "bob", "delete"),
                record(63, "bob", "get", "secrets", "x"),
            ]
        )
        assert name(listener.next()[1]) == "x"
        fresh.write([record(64, "bob", "get", "pods", "y")])
        kind, event = listener.next()
        assert kind == "event" and name(event) == "y"  # and no alert in between


def test_a_decision_about_an_alert_is_told_too(fresh: World, address: str) -> None:
    [first, *_] = fresh.database.alerts.listed().alerts
    with listening(fresh, address, events=False) as listener:
        fresh.database.alerts.decide([first["id"]], "acknowledge", user="carol", now=fresh.time)
        kind, alert = listener.next()
        assert kind == "alert" and (alert["id"], alert["decided_by"]) == (first["id"], "carol")


def test_after_a_break_it_goes_on_where_it_was_and_tells_nothing_twice(fresh: World, address: str) -> None:
    with listening(fresh, address) as listener:
        fresh.write([record(60 + number, "bob", "get", "secrets", f"a{number}") for number in range(3)])
        told = [listener.next()]
        while names(told) != ["a0", "a1"]:  # all of the alerts or none may come before them
            told.append(listener.next())
        last = listener.last
    fresh.write([record(70, "bob", "get", "secrets", "b0")])
    with listening(fresh, address, last=last) as listener:
        told += [listener.next() for _ in range(8 - len(told))]
        assert names(told) == ["a0", "a1", "a2", "b0"]
        assert sorted(data["reason"] for kind, data in told if kind == "alert") == [
            f"bob read secret shop/{each}" for each in ("a0", "a1", "a2", "b0")
        ]
        last = listener.last
    with listening(fresh, address, last=last) as listener:
        fresh.write([record(71, "carol", "list", "pods", "c0")])
        kind, event = listener.next()
        assert kind == "event" and event["user"]["name"] == "carol"


def test_a_burst_is_told_whole_and_in_order(fresh: World, address: str) -> None:
    with listening(fresh, address, alerts=False) as listener:
        for start in (0, 600):
            fresh.write([record(number, name=f"n{number}") for number in range(start, start + 600)])
        assert [name(listener.next()[1]) for _ in range(1200)] == [f"n{number}" for number in range(1200)]


def test_silence_is_broken_by_signs_of_life_that_move_the_place_on(
    fresh: World, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "SILENCE", 0.1)
    with listening(fresh, address, q="verb:nothing") as listener:
        before = listener.last
        fresh.write([record(60)])
        until(lambda: next(listener._lines).startswith("id: ") and next(listener._lines) == "", SOON)
        seen = set()
        for line in listener._lines:
            seen.add(line)
            if line.startswith("id: ") and line != f"id: {before}":
                break
        assert ": still there" in seen


def test_a_stream_ends_with_its_token(fresh: World, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SILENCE", 0.1)
    token = fresh.database.tokens.create("leaver", "analyst", fresh.time + timedelta(hours=1), fresh.time)
    with listening(fresh, address, token=token) as listener:
        fresh.time += timedelta(hours=2)
        with pytest.raises(EOFError):
            listener.next()


def test_who_leaves_frees_everything(fresh: World, address: str) -> None:
    for _ in range(3):
        with listening(fresh, address), listening(fresh, address):
            until(lambda: len(fresh.services.listeners) == 2, SOON)
        until(lambda: not fresh.services.listeners, SOON)


def test_there_is_room_for_so_many_listeners(
    fresh: World, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MOST", 1)
    token = fresh.database.tokens.create("ear", "auditor", None, fresh.time)
    with listening(fresh, address, token=token):
        answer = httpx.get(
            f"{address}/api/v1/stream", headers={"Authorization": f"Bearer {token}"}, timeout=SOON
        )
        assert (
            answer.status_code == 503
            and answer.headers["Retry-After"]
            and "listeners" in answer.json()["detail"]
        )
    until(lambda: not fresh.services.listeners, SOON)
    with listening(fresh, address, token=token):
        assert len(fresh.services.listeners) == 1


def test_streams_end_at_once_when_the_server_stops(fresh: World) -> None:
    with serving(fresh.services, "127.0.0.1", 0) as address, listening(fresh, address) as listener:
        stopping = threading.Timer(0.1, fresh.services.ending.set)
        stopping.start()
        with pytest.raises(EOFError):
            listener.next()
    assert not fresh.services.listeners


def test_trouble_with_the_store_is_told_before_the_end(fresh: World, address: str) -> None:
    def broken(change: int) -> Any:
        raise StoreError("state.db: disk I/O error. Check that disk")

    with listening(fresh, address) as listener, pytest.MonkeyPatch.context() as patch:
        patch.setattr("store.alerts.AlertBook.changed_since", lambda book, change: broken(change))
        assert listener.next() == ("problem", {"detail": "state.db: disk I/O error. Check that disk"})
        with pytest.raises(EOFError):
            listener.next()


def test_what_cannot_be_followed_is_refused_before_it_begins(same: World) -> None:
    client = same.client()
    assert client.get("/api/v1/stream", params={"q": "usr:x"}).status_code == 400
    for wrong in ("x", "20261123-000:5", "20261123-000:5:6:7", "../..:1:1", f"20261123-000:{'9' * 20}:1"):
        answer = client.get("/api/v1/stream", headers={"Last-Event-ID": wrong})
        assert answer.status_code == 400 and "Last-Event-ID" in answer.json()["detail"]
    assert client.get("/api/v1/stream", headers={"Last-Event-ID": "x" * 101}).status_code == 422
    assert same.stranger().get("/api/v1/stream").status_code == 401


@pytest.mark.parametrize("made", [Mark(("", -1), 0), Mark(("20261123-000", (1 << 62) - 1), 7)])
def test_a_mark_is_read_as_it_was_written(made: Mark) -> None:
    assert mark(str(made)) == made and re.fullmatch(r"[\w:-]+", str(made))


def test_going_on_from_a_deleted_day_says_that_something_is_gone(fresh: World, address: str) -> None:
    token = fresh.database.tokens.create("ear", "auditor", None, fresh.time)
    headers = {"Authorization": f"Bearer {token}", "Last-Event-ID": "20251123-000:70000:0"}
    with httpx.stream("GET", f"{address}/api/v1/stream", headers=headers, timeout=SOON) as answer:
        listener = Listener(answer)
        assert listener.next() == ("ready", {"gone": True})
        assert name(listener.next()[1]) == "n0"  # from the oldest that is left


def test_a_mark_of_another_state_file_does_not_silence_alerts(fresh: World, address: str) -> None:
    partition, pointer = fresh.journal.end
    with listening(fresh, address, last=f"{partition}:{pointer}:999999") as listener:
        fresh.write([record(60, "bob", "get", "secrets", "z")])
        assert listener.next("alert")[1]["user"] == "bob"
