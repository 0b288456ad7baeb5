from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest

from tallyman.bounded import Bounded
from tests.api.world import MACHINE, NINE, TestClient, World, record

EVENTS = "/api/v1/events"


@pytest.fixture(scope="module")
def client(same: World) -> TestClient:
    return same.client()


def ask(client: TestClient, **wanted: Any) -> Any:
    answer = client.get(EVENTS, params=wanted)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(client: TestClient, code: int, **wanted: Any) -> Any:
    answer = client.get(EVENTS, params=wanted)
    assert answer.status_code == code, answer.text
    return answer.json()


def test_a_search_gives_documents_newest_first(client: TestClient) -> None:
    page = ask(client, q="user:alice* and verb:get")
    assert page["total"] == 3 and page["exact"] and page["after"] is None and page["left_out"] == []
    assert [event["orchestrator"]["resource"]["name"] for event in page["events"]] == ["s2", "s1", "s0"]
    assert page["events"][0]["message"] == "alice@example.com read secret shop/s2"
    assert "original" not in page["events"][0]["event"]
    names = [
        event["orchestrator"]["resource"]["name"]
        for event in ask(client, q="who:human", order="oldest")["events"]
    ]
    assert names == ["s0", "s1", "s2"]


def test_everything_is_found_page_by_page_and_once(client: TestClient) -> None:
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = ask(client, size=9, after=after)
        assert page["total"] == 55 and len(page["events"]) <= 9
        seen += [event["tallyman"]["id"] for event in page["events"]]
        after = page["after"]
    assert len(seen) == len(set(seen)) == 55


def test_lucene_is_a_switch_away(client: TestClient) -> None:
    assert ask(client, q="user.name:alice* AND NOT verb:list", lang="lucene")["total"] == 3


def test_times_may_be_written_as_people_do(client: TestClient) -> None:
    assert ask(client, since="09:50", until="09:52")["total"] == 2
    assert (
        ask(client, since="2026-11-23T09:50:00Z")["total"] == 5
    )  # and the truncated line, by when it was read
    assert ask(client, since="70m")["total"] == 5
    assert ask(client, until=NINE.isoformat())["total"] == 0


def test_a_histogram_and_the_commonest_values_come_along(client: TestClient) -> None:
    page = ask(client, size=0, histogram=12, top="user.name, verb,status", since="09:00", until="10:00")
    assert page["events"] == [] and page["total"] == 54
    assert len(page["histogram"]) == 12 and sum(bar["count"] for bar in page["histogram"]) == 54
    assert page["histogram"][0] == {"start": "2026-11-23T09:00:00Z", "count": 5}
    assert page["top"]["user.name"][0] == {"value": MACHINE, "count": 50}
    assert page["top"]["verb"] == [{"value": "update", "count": 50}, {"value": "get", "count": 4}]
    assert page["top"]["status"] == [{"value": 200, "count": 54}]
    assert ask(client)["histogram"] is None and ask(client)["top"] is None


def test_the_people_lens_says_how_much_it_hides(client: TestClient) -> None:
    page = ask(client, people=True, until="10:00")
    assert page["total"] == 4 and page["hidden"] == {"events": 50, "share": pytest.approx(50 / 54)}
    assert ask(client, people=True, q="verb:list")["hidden"] == {"events": 0, "share": 0.0}
    assert ask(client)["hidden"] is None


def test_a_field_that_no_index_holds_is_searched_and_counted_all_the_same(client: TestClient) -> None:
    page = ask(client, q="auditID:id-5*", size=2, histogram=10, top="userAgent", people=True)
    assert page["total"] == 4 and page["exact"] and len(page["events"]) == 2 and page["after"]
    assert page["hidden"] == {"events": 1, "share": 0.2}  # id-5 and id-50 to id-53
    assert page["top"]["userAgent"] == [{"value": "kubectl/v1.35.4", "count": 4}]
    assert len(ask(client, q="auditID:id-5*", people=True, after=page["after"])["events"]) == 2


class Meeting:
    """A store whose searches wait until three of them are asked at once."""

    def __init__(self, store: Any) -> None:
        self._store, self._together = store, Barrier(3, timeout=60)

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._store, name)

        def ask(*arguments: Any, **options: Any) -> Any:
            self._together.wait()
            return asked(*arguments, **options)

        return ask


def test_a_page_and_its_counts_are_asked_at_once(fresh: World) -> None:
    fresh.services.store = Meeting(fresh.store)  # type: ignore[assignment]
    page = ask(fresh.client(), histogram=10, top="verb")
    assert page["events"] and page["histogram"] and page["top"]["verb"]


def test_what_would_take_too_long_is_left_out_and_named(fresh: World) -> None:
    fresh.services.store = Bounded(fresh.store, most=10)
    page = ask(fresh.client(), q="auditID:id-*", size=5, histogram=10, top="userAgent,verb")
    assert page["left_out"] == ["histogram", "top userAgent", "top verb"]
    assert page["histogram"] is None and page["top"] == {"userAgent": None, "verb": None}
    assert len(page["events"]) == 5 and (page["total"], page["exact"]) == (5, False)
    page = ask(fresh.client(), q="auditID:id-*", people=True, top="verb")
    assert page["left_out"] == ["hidden"] and page["hidden"] is None and page["top"]["verb"][0]["count"] == 4


def test_a_query_that_is_not_understood_says_where(client: TestClient) -> None:
    problem = refused(client, 400, q="user:alice and usr:x")
    assert (
        problem["column"] == 15 and problem["text"] == "user:alice and usr:x" and "'usr'" in problem["detail"]
    )
    assert refused(client, 400, q="user:(")["column"] == 6


def test_an_unknown_field_to_count_is_named_with_its_column(client: TestClient) -> None:
    problem = refused(client, 400, top="user.name,usr.name")
    assert problem["column"] == 10 and "no field 'usr.name'. Did you mean 'user.name'?" in problem["detail"]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("size", 1001, 422), ("size", -1, 422), ("size", "many", 422), ("histogram", 501, 422),
        ("q", "x" * 10_001, 422), ("since", "x" * 65, 422), ("after", "x" * 501, 422), ("top", "x" * 1001, 422),
        ("order", "upwards", 422), ("lang", "sql", 422), ("people", "perhaps", 422),
        ("since", "some day", 400), ("until", "31:99", 400), ("after", "bm9uc2Vuc2U=", 400), ("after", "é", 400),
        ("after", "k2FhYQ==", 400), ("top", ",".join(["user.name"] + [f"labels.l{n}" for n in range(20)]), 400),
        ("q", "(" * 101, 400), ("q", "\ud800".encode("utf-8", "surrogatepass"), 200),
    ],
)  # fmt: skip
def test_every_parameter_has_its_bounds(client: TestClient, name: str, value: Any, code: int) -> None:
    answer = client.get(EVENTS, params={name: value})
    assert answer.status_code == code, answer.text
    if code != 200:
        problem = answer.json()
        assert isinstance(problem["detail"], str) and (code == 400 or name in problem["detail"])


def test_a_span_that_ends_before_it_begins_is_refused(client: TestClient) -> None:
    assert "later than" in refused(client, 400, since="1h", until="2h")["detail"]
    assert refused(client, 400, since="2026-11-23T09:00:00.5Z", until="2026-11-23T09:00:00Z")


def test_an_event_has_its_raw_record_and_a_command_to_copy(client: TestClient) -> None:
    [found] = ask(client, q="name:s1")["events"]
    one = client.get(f"{EVENTS}/{found['tallyman']['id']}").json()
    assert (
        one["event"]["event"]["original"] == record(51, "alice@example.com", "get", "secrets", "s1").decode()
    )
    assert one["command"].startswith("kubectl") and "secret" in one["command"] and "s1" in one["command"]


def test_a_truncated_record_can_be_looked_at_too(client: TestClient) -> None:
    [found] = ask(client, q="event.kind:pipeline_error")["events"]
    one = client.get(f"{EVENTS}/{found['tallyman']['id']}").json()
    assert one["command"] is None and one["event"]["event"]["original"] == '{"kind":"Event","apiVer'
    assert one["event"]["event"]["reason"] == "cut off"


def test_an_event_that_is_not_there_is_said_to_be_missing(client: TestClient) -> None:
    assert client.get(f"{EVENTS}/{'0' * 40}").status_code == 404
    assert client.get(f"{EVENTS}/nonsense").status_code == 422


def test_what_is_searched_and_looked_at_is_written_down(fresh: World) -> None:
    client = fresh.client(name="carol")
    [found] = client.get(EVENTS, params={"q": "name:s1", "since": "1d"}).json()["events"]
    client.get(f"{EVENTS}/{found['tallyman']['id']}")
    acts = client.get("/api/v1/audit").json()["acts"]
    assert [(act["actor"], act["action"]) for act in acts] == [("carol", "view event"), ("carol", "search")]
    assert acts[1]["detail"]["q"] == "name:s1" and acts[1]["detail"]["since"] == "2026-11-22T11:00:00.000000Z"
    assert client.get("/api/v1/audit", params={"action": "search", "size": 1}).json()["acts"] == acts[1:]
    assert client.get("/api/v1/audit", params={"after": acts[0]["number"]}).json()["acts"] == acts[1:]


def test_an_event_is_found_as_soon_as_it_is_committed(fresh: World) -> None:
    client = fresh.client()
    fresh.time += timedelta(minutes=1)
    fresh.write([record(61, "bob@example.com", "delete", "pods", "last")])
    assert ask(client, q="user:bob* and verb:delete")["total"] == 1
