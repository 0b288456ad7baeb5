"""The server that tests start is a real one, is found again after a crash, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import elasticsearch as service
from tests.services.elasticsearch import Missing, started
from tests.services.fixtures import without

ROOT = Path(__file__).resolve().parents[2]


def test_what_was_acknowledged_is_there_after_a_kill_and_the_server_is_gone_in_the_end() -> None:
    try:
        with started(heap="256m") as server:
            server.request("PUT", "/_index_template/t", {"index_patterns": ["t-*"], "data_stream": {}})
            server.request("PUT", "/t-1/_create/a", {"@timestamp": "2026-01-01T00:00:00Z"})
            server.kill()
            assert not service.running_in(server.folder)
            server.start()
            assert server.request("GET", "/_data_stream/t-1")["data_streams"][0]["generation"] == 1
            assert server.request("GET", "/t-1/_search?q=_id:a")["hits"]["total"]["value"] == 1
            folder = server.folder
    except Missing as reason:
        without(reason)
    assert not service.running_in(folder) and not folder.exists()


def test_a_server_whose_test_run_was_killed_is_ended_by_the_next() -> None:
    code = "from tests.services.elasticsearch import started\nwith started(heap='256m') as s:\n print(s.folder, flush=True); input()"
    run = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert run.stdout and run.stdin
    with run:
        line = run.stdout.readline().strip()
        run.kill()
    if not line:
        without("this machine can't have the server")
    folder = Path(line)
    assert service.running_in(folder)
    with service.locked(service.cache() / "servers.lock"):
        service.sweep()
    assert not service.running_in(folder) and not folder.exists()


def test_a_machine_without_java_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match="JDK 17"):
        service.java_home()


def test_a_server_that_can_not_be_had_skips_a_test_and_fails_it_where_services_are_required(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TALLYMAN_REQUIRE_SERVICES", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no Maven"):
        without("no Maven")
    monkeypatch.setenv("TALLYMAN_REQUIRE_SERVICES", "1")
    with pytest.raises(pytest.fail.Exception, match="required, but no Maven"):
        without("no Maven")
