"""The server that tests start is a real one, is found again after a crash, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from store.elastic.server import server
from tests.services import elasticsearch as service
from tests.services.cluster import Cluster
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


def test_a_stream_of_logs_is_made_in_the_mode_that_an_ordinary_server_of_its_version_chooses(
    cluster: Cluster,
) -> None:
    stream = cluster.names.stream("docker.events")
    cluster.client.indices.create_data_stream(name=stream)
    (found,) = cluster.client.indices.get_settings(index=stream, flat_settings=True).values()
    chosen = "logsdb" if server(cluster.client).number >= (9, 0) else None
    assert found["settings"].get("index.mode") == chosen


def a_jdk(home: Path, version: str) -> Path:
    """A folder that says of itself that it is this JDK."""
    (home / "bin").mkdir(parents=True)
    for name in ("java", "javac"):
        (home / "bin" / name).write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
        (home / "bin" / name).chmod(0o755)
    return home


@pytest.fixture
def javas(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the distribution keeps its JDKs; the machine has no other, and 21 is the oldest that will do."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(service, "JAVAS", tmp_path / "jvm")
    monkeypatch.setattr(service, "OLDEST_JAVA", 21)
    return tmp_path / "jvm"


def test_a_machine_without_java_is_told_so(javas: Path) -> None:
    with pytest.raises(Missing, match=r"needs a JDK 21 or newer \(no Java at all\)"):
        service.java_home()


def test_a_java_that_is_too_old_or_has_no_compiler_is_not_taken(
    javas: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(a_jdk(tmp_path / "named", "17.0.15")))
    (a_jdk(javas / "runtime", "25.0.1") / "bin" / "javac").unlink()
    with pytest.raises(Missing, match=r"JDK 21 .*named is 17, .*runtime is none"):
        service.java_home()


def test_the_java_that_is_named_goes_before_the_one_on_the_path_and_that_before_the_others(
    javas: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    a_jdk(javas / "old", "17.0.15")
    young, on_path = a_jdk(javas / "young", "25"), a_jdk(tmp_path / "on_path", "21.0.2")
    assert service.java_home() == young
    monkeypatch.setenv("PATH", f"{on_path / 'bin'}:/usr/bin:/bin")
    assert service.java_home() == on_path
    monkeypatch.setenv("JAVA_HOME", str(a_jdk(tmp_path / "named", "23")))
    assert service.java_home() == tmp_path / "named"


def test_a_server_that_can_not_be_had_skips_a_test_and_fails_it_where_services_are_required(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TALLYMAN_REQUIRE_SERVICES", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no Maven"):
        without("no Maven")
    monkeypatch.setenv("TALLYMAN_REQUIRE_SERVICES", "1")
    with pytest.raises(pytest.fail.Exception, match="required, but no Maven"):
        without("no Maven")
