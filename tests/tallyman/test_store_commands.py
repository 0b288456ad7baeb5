"""The commands that ask a store: what they print, for people and for scripts."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.living import configured, living, record
from tests.end_to_end.waiting import until
from tests.tallyman.world import Ran, objects

CONTROLLER = {
    "username": "system:serviceaccount:kube-system:job-controller",
    "groups": ["system:serviceaccounts"],
}
SECRET = {"resource": "secrets", "namespace": "shop", "name": "db-password", "apiVersion": "v1"}
ALICE = {"username": "alice@example.com", "groups": ["system:authenticated"]}


def at(minute: int) -> dict[str, str]:
    return dict.fromkeys(
        ("requestReceivedTimestamp", "stageTimestamp"), f"2026-11-02T10:{minute:02}:00.000000Z"
    )


LOG = [
    *(record(number, user=CONTROLLER, verb="update", **at(number)) for number in range(8)),
    record(20, user=ALICE, requestURI="/api/v1/namespaces/shop/secrets/db-password", objectRef=SECRET, **at(20)),
    record(21, user=ALICE, verb="delete", requestURI="/api/v1/namespaces/shop/secrets/db-password", objectRef=SECRET, **at(21)),
    record(22, user=ALICE, verb="delete", responseStatus={"code": 403}, **at(22)),
    b"not json",
]  # fmt: skip


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("kept")
    (root / "audit.log").write_bytes(b"".join(line + b"\n" for line in LOG))
    with living(root) as run:
        run.until_count(len(LOG))
        until(lambda: len(run.told()) == 1, 60)
    return root / "store"


@pytest.fixture(autouse=True)
def store(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the store, which the commands find by the environment."""
    place = tmp_path / "store"
    shutil.copytree(kept, place)
    monkeypatch.setenv("TALLYMAN_STORE__PATH", str(place))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return place


# search


def test_search_prints_time_and_sentence_newest_first_and_talks_on_stderr(tallyman: Ran) -> None:
    code, out, err = tallyman("search", "user:alice@example.com")
    assert code == 0
    assert [line.split("\t")[:2] for line in out.splitlines()] == [
        ["2026-11-02 10:22:00", "✗"],
        ["2026-11-02 10:21:00", ""],
        ["2026-11-02 10:20:00", ""],
    ]
    assert "alice@example.com deleted secret shop/db-password" in out.splitlines()[1]
    assert (
        "3 of 3 events" in err
        and "tallyman timeline user:alice@example.com --around 2026-11-02T10:22:00" in err
    )


def test_search_says_nothing_but_the_data_when_told_to_be_quiet(tallyman: Ran) -> None:
    for arguments in (["-q", "search", "user:alice*"], ["search", "user:alice*", "-q"]):
        code, out, err = tallyman(*arguments)
        assert (code, len(out.splitlines()), err) == (0, 3, "")


def test_search_gives_documents_to_scripts(tallyman: Ran) -> None:
    code, out, err = tallyman("search", "verb:delete and outcome:success", "--json", "--raw", "-q")
    (found,) = objects(out)
    assert (code, err) == (0, "")
    assert (found["user"]["name"], found["event"]["original"].encode()) == ("alice@example.com", LOG[9])


def test_search_prints_the_fields_that_are_asked_for(tallyman: Ran) -> None:
    code, out, _ = tallyman(
        "search", "resource:secrets", "--fields", "@timestamp, user,verb,responseStatus.code", "--oldest"
    )
    assert code == 0
    assert [line.split("\t")[1:] for line in out.splitlines()] == [
        ["alice@example.com", "get", "200"],
        ["alice@example.com", "delete", "200"],
    ]


def test_search_counts_and_groups(tallyman: Ran) -> None:
    assert tallyman("search", "--count", "who:human")[:2] == (0, "3\n")
    assert objects(tallyman("search", "--count", "who:human", "--json")[1]) == [{"count": 3}]
    code, out, _ = tallyman("search", "--top", "user", "event.kind:event")
    assert (code, out.splitlines()) == (0, [f"{CONTROLLER['username']}\t8", "alice@example.com\t3"])
    assert objects(tallyman("search", "--top", "verb", "event.kind:event", "--json", "-n", "1")[1]) == [
        {"value": "update", "count": 8}
    ]


def test_search_counts_over_time(tallyman: Ran) -> None:
    code, out, _ = tallyman("search", "--histogram", "who:human", "--json")
    counts = objects(out)
    assert code == 0
    assert sum(each["count"] for each in counts) == 3
    assert counts[0]["start"].startswith("2026-11-02T10:20:00")
    code, out, _ = tallyman("search", "--histogram", "who:human")
    assert code == 0 and out.startswith("2026-11-02 10:20        1 ███")


def test_search_takes_times_as_people_write_them(tallyman: Ran) -> None:
    assert (
        tallyman("search", "--count", "--since", "2026-11-02T10:21:00Z", "--until", "2026-11-02T10:22:00Z")[1]
        == "1\n"
    )
    assert tallyman("search", "--count", "--until", "2026-11-02", "event.kind:event")[1] == "0\n"
    assert tallyman("search", "--count", "--since", "1h")[1] == "1\n"  # the dead letter has just come
    code, _, err = tallyman("search", "--since", "banana")
    assert code == 2 and "'banana' is no time; write 1h" in err and "Traceback" not in err


def test_search_takes_lucene_when_asked(tallyman: Ran) -> None:
    assert (
        tallyman("search", "--count", "--lucene", "user.name:alice* AND -event.outcome:failure")[1] == "2\n"
    )


def test_a_search_that_goes_wrong_says_where(tallyman: Ran) -> None:
    code, out, err = tallyman("search", "usr.name:alice")
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "tallyman: there is no field 'usr.name'. Did you mean 'user.name'?",
        "  usr.name:alice",
        "  ^",
    ]
    code, _, err = tallyman("search", "user:(alice or")
    assert code == 2 and err.splitlines()[-1].index("^") == 2 + len("user:(alice or")
    code, _, err = tallyman("search", "--top", "usernam")
    assert code == 2 and "Did you mean 'user.name'?" in err
    code, _, err = tallyman("search", "--fields", "usernam")
    assert code == 2 and "Did you mean 'user.name'?" in err and "Traceback" not in err


def test_a_search_that_finds_nothing_is_no_error(tallyman: Ran) -> None:
    code, out, err = tallyman("search", "user:nobody")
    assert (code, out) == (0, "")
    assert "Nothing found" in err


# who and timeline


def test_who_names_the_people_and_the_command(tallyman: Ran) -> None:
    code, out, _ = tallyman("who", "secrets/db-password", "-n", "shop")
    assert code == 0
    assert [line.split("\t") for line in out.splitlines()] == [
        [
            "2026-11-02 10:21:00",
            "alice@example.com",
            "success",
            "10.0.0.9",
            "kubectl -n shop delete secrets db-password",
        ],
        [
            "2026-11-02 10:20:00",
            "alice@example.com",
            "success",
            "10.0.0.9",
            "kubectl -n shop get secrets db-password",
        ],
    ]
    rows = objects(tallyman("who", "secret/db-password", "-n", "shop", "--no-reads", "--json")[1])
    assert [(row["user"], row["action"], row["command"]) for row in rows] == [
        ("alice@example.com", "delete", "kubectl -n shop delete secrets db-password")
    ]


def test_who_says_what_to_try_when_nobody_is_found(tallyman: Ran) -> None:
    code, out, err = tallyman("who", "deploy/web", "-n", "shop")
    assert (code, out) == (0, "") and "Add --reads?" in err
    code, out, err = tallyman("who", "configmaps")
    assert (code, out) == (0, "") and "--reads" not in err


def test_a_timeline_goes_from_old_to_new_around_a_moment(tallyman: Ran) -> None:
    for entity in ("alice@example.com", "user:alice@example.com", "db-password"):
        code, out, _ = tallyman("timeline", entity, "--around", "2026-11-02T10:20:30Z", "--window", "1m")
        assert code == 0
        assert [line.split("\t")[0] for line in out.splitlines()] == [
            "2026-11-02 10:20:00",
            "2026-11-02 10:21:00",
        ], entity
    assert (
        len(
            tallyman("timeline", "10.0.0.9", "--around", "2026-11-02T10:10:00Z", "--window", "1h")[
                1
            ].splitlines()
        )
        == 11
    )


def test_a_timeline_of_a_service_account_needs_no_quotes(tallyman: Ran) -> None:
    code, out, _ = tallyman(
        "timeline", CONTROLLER["username"], "--around", "2026-11-02T10:00:00Z", "--window", "2m30s"
    )
    assert (code, len(out.splitlines())) == (0, 3)


def test_a_timeline_that_finds_nothing_or_cannot_be_understood_says_so(tallyman: Ran) -> None:
    code, out, err = tallyman("timeline", "nobody")
    assert (code, out) == (0, "") and "larger --window" in err
    for wrong in (["--around", "banana"], ["--window", "banana"]):
        code, _, err = tallyman("timeline", "nobody", *wrong)
        assert code == 2 and "banana" in err and "Traceback" not in err


# alerts


def test_alerts_are_listed_shown_and_decided_about(tallyman: Ran) -> None:
    code, out, err = tallyman("alerts", "list")
    id, first, severity, count, status, rule, reason = out.rstrip("\n").split("\t")
    assert (code, first, severity, count, status, rule) == (
        0,
        "2026-11-02 10:21:00",
        "high",
        "2",
        "open",
        "Something was deleted",
    )
    assert "alice@example.com" in reason and "tallyman alerts show" in err

    code, out, err = tallyman("alerts", "show", id)
    assert code == 0 and "verb = delete" in out
    assert "--around 2026-11-02T10:21:00" in err
    document = objects(tallyman("alerts", "show", id, "--json")[1])[0]
    assert document["kibana"]["alert"]["uuid"].startswith(id)

    assert tallyman("alerts", "ack", id, "--note", "looking")[0] == 0
    assert tallyman("alerts", "list")[1] == ""
    assert tallyman("alerts", "close", id, "--reason", "false_positive", "--note", "a drill")[0] == 0
    listed = objects(tallyman("alerts", "list", "--status", "all", "--json")[1])[0]["kibana"]["alert"]
    assert (listed["workflow_status"], listed["workflow_reason"]) == ("closed", "false_positive")
    shown = tallyman("alerts", "show", id)[1]
    assert "a drill" in shown and "looking" in shown
    assert tallyman("alerts", "reopen", id)[0] == 0
    assert len(tallyman("alerts", "list")[1].splitlines()) == 1


@pytest.mark.parametrize(
    ("given", "number"),
    [
        (["--severity", "critical"], 0), (["--severity", "high"], 1), (["--rule", "something_deleted"], 1), (["--rule", "another"], 0),
        (["--user", "alice@example.com"], 1), (["--user", "bob"], 0), (["--since", "1h"], 0), (["--until", "1h"], 1), (["--status", "closed"], 0),
    ],
)  # fmt: skip
def test_alerts_are_chosen_by_severity_rule_user_and_time(
    tallyman: Ran, given: list[str], number: int
) -> None:
    code, out, _ = tallyman("alerts", "list", "--json", *given)
    assert (code, len(objects(out))) == (0, number)


def test_an_alert_that_does_not_exist_is_a_usage_error(tallyman: Ran) -> None:
    for arguments in (["show", "ffff"], ["ack", "ffff"], ["close", "ffff", "--reason", "other"]):
        code, _, err = tallyman("alerts", *arguments)
        assert code == 2 and "tallyman alerts list" in err


# the rest


def test_status_says_how_things_stand(tallyman: Ran, store: Path) -> None:
    code, out, _ = tallyman("status", "--json")
    (status,) = objects(out)
    assert code == 0
    assert (status["running"], status["events"], status["store"]["path"]) == (False, len(LOG), str(store))
    assert status["alerts_open"] == {"low": 0, "medium": 0, "high": 1, "critical": 0}
    assert status["rules"] == {"loaded": 1, "left_out": 0}
    assert status["sources"]["audit"] == {"events": len(LOG) - 1, "records": len(LOG), "unreadable": 1}
    code, out, _ = tallyman("status")
    assert code == 0
    for line in (
        "running   no",
        "alerts    1 high open",
        "source    audit: 11 events, 1 unreadable",
        f"events    {len(LOG)}",
    ):
        assert line in out, out


def test_the_store_is_measured_reindexed_and_pruned(tallyman: Ran) -> None:
    (day,) = objects(tallyman("store", "size", "--json")[1])
    assert day["bytes"] > 0
    assert tallyman("store", "reindex")[0] == 0
    assert tallyman("search", "--count", "who:human")[1] == "3\n"
    code, _, err = tallyman("store", "prune", "--dry-run")
    assert (code, err) == (0, "would delete nothing\n")


def test_tokens_are_made_listed_and_revoked(tallyman: Ran) -> None:
    code, out, _ = tallyman("token", "create", "grafana", "--role", "auditor", "--days", "30")
    assert code == 0 and len(out.strip()) > 20
    (row,) = objects(tallyman("token", "list", "--json")[1])
    assert (row["name"], row["role"]) == ("grafana", "auditor") and out.strip() not in str(row)
    code, out, _ = tallyman("token", "login")
    assert out.startswith("http://127.0.0.1:8080/?token=")
    assert "1 ended" in tallyman("token", "revoke", "grafana")[2]


def test_doctor_says_what_would_keep_a_run_from_working(tallyman: Ran, tmp_path: Path) -> None:
    (tmp_path / "tallyman.yaml").write_text("sources: {a: {type: file, paths: [/no/such.log]}}\n")
    code, out, _ = tallyman("--config", str(tmp_path / "tallyman.yaml"), "doctor", "--json")
    checks = {row["check"]: row for row in objects(out)}
    assert code == 3
    assert checks["source a"]["ok"] is False and "no such file yet" in checks["source a"]["text"]
    assert checks["rules"]["ok"] and checks["store"]["ok"]


@pytest.fixture
def tail() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tallyman", "tail", *arguments]
        started.append(
            subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_tail_shows_what_people_do_as_they_do_it(
    tail: Callable[..., subprocess.Popen[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "audit.log"
    log.touch()
    with living(tmp_path, configured(tmp_path)) as run, open(log, "ab", buffering=0) as file:
        process = tail("--people", "--json")
        number = 100

        def shown() -> bool:
            nonlocal number
            number += 1
            file.write(record(number, user=CONTROLLER) + b"\n" + record(1000 + number, user=ALICE) + b"\n")
            return bool(_ready(process))

        until(shown, 60, run.thread.is_alive)  # it follows from when it has started
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    users = {each["user"]["name"] for each in objects(out)}
    assert users == {"alice@example.com"}
    assert process.returncode == 130
    assert "events of machines" in err and "Traceback" not in err


def _ready(process: subprocess.Popen[str]) -> object:
    import select

    return select.select([process.stdout], [], [], 0.1)[0]
