"""Each sink tells of an alert once, and says so when it can't."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from event_model.errors import ConfigError
from sinks import SINKS, file, stdout, webhook


def alert(id: str) -> dict[str, Any]:
    kibana = {
        "uuid": id,
        "severity": "high",
        "reason": "x did y",
        "original_time": "2026-11-02T10:00:00Z",
        "rule": {"name": "Rule"},
    }
    return {"kibana": {"alert": kibana}}


def ids(path: Path) -> list[str]:
    return [json.loads(line)["kibana"]["alert"]["uuid"] for line in path.read_text().splitlines()]


def test_stdout_prints_a_sentence_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    stdout.Sink().send([alert("a")])
    assert capsys.readouterr().out == "10:00:00 HIGH Rule: x did y\n"


def test_stdout_prints_documents_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    stdout.Sink("json").send([alert("a")])
    assert json.loads(capsys.readouterr().out) == alert("a")


def test_the_file_holds_an_alert_once_however_often_it_is_sent(tmp_path: Path) -> None:
    sink = file.Sink(tmp_path / "alerts.ndjson")
    sink.send([alert("a"), alert("b")])
    sink.send([alert("b"), alert("c")])
    assert ids(sink.path) == ["a", "b", "c"]


def test_after_a_crash_the_file_is_not_told_again_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "alerts.ndjson"
    file.Sink(path).send([alert("a")])
    file.Sink(path).send([alert("a"), alert("b")])
    assert ids(path) == ["a", "b"]


def test_a_torn_last_line_is_cut_and_written_again(tmp_path: Path) -> None:
    path = tmp_path / "alerts.ndjson"
    file.Sink(path).send([alert("a")])
    with open(path, "ab") as torn:
        torn.write(b'{"kibana":{"alert":{"uu')
    file.Sink(path).send([alert("b")])
    assert ids(path) == ["a", "b"]


def test_a_file_renamed_by_logrotate_is_begun_anew(tmp_path: Path) -> None:
    sink = file.Sink(tmp_path / "alerts.ndjson")
    sink.send([alert("a")])
    sink.path.rename(tmp_path / "alerts.1")
    sink.send([alert("b")])
    assert (ids(tmp_path / "alerts.1"), ids(sink.path)) == (["a"], ["b"])


def test_alerts_are_for_their_owner_only(tmp_path: Path) -> None:
    sink = file.Sink(tmp_path / "alerts.ndjson")
    sink.send([alert("a")])
    assert sink.path.stat().st_mode & 0o777 == 0o600


class Receiver(HTTPServer):
    """Takes requests and answers with the next status of `answers`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.url = f"http://127.0.0.1:{self.server_port}/hook"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), body))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the tests look at what came."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_webhook_posts_what_its_signature_vouches_for(receiver: Receiver) -> None:
    webhook.Sink(receiver.url, secret=SecretStr("key")).send([alert("a")])
    headers, body = receiver.got[0]
    assert json.loads(body) == {"version": 1, "alerts": [alert("a")]}
    moment, digest = (part.split("=")[1] for part in headers["X-Tallyman-Signature"].split(","))
    assert hmac.new(b"key", moment.encode() + b"." + body, hashlib.sha256).hexdigest() == digest


def test_the_key_may_stand_in_a_file(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("key\n")
    webhook.Sink(receiver.url, secret_file=tmp_path / "key").send([alert("a")])
    headers, body = receiver.got[0]
    moment = int(headers["X-Tallyman-Signature"].split(",")[0].split("=")[1])
    assert headers["X-Tallyman-Signature"] == webhook.signature(b"key", moment, body)


@pytest.mark.parametrize("status", [301, 400, 429, 503])
def test_anything_but_2xx_is_a_failure_that_names_the_answer(receiver: Receiver, status: int) -> None:
    receiver.answers = [status]
    with pytest.raises(OSError, match=str(status)):
        webhook.Sink(receiver.url).send([alert("a")])


def test_a_webhook_that_nobody_serves_is_an_error_to_try_again(receiver: Receiver) -> None:
    url = receiver.url.replace(str(receiver.server_port), "1")
    with pytest.raises(OSError, match=r"127\.0\.0\.1:1"):
        webhook.Sink(url, timeout=2).send([alert("a")])


def test_a_secret_never_shows(receiver: Receiver) -> None:
    assert "hunter2" not in repr(webhook.Sink(receiver.url, secret=SecretStr("hunter2")))


def test_an_unknown_sink_is_answered_with_those_that_exist() -> None:
    with pytest.raises(
        ConfigError, match=r"sinks/ has no 'webhok'; it has file, stdout, webhook\. Did you mean 'webhook'\?"
    ):
        SINKS.make("webhok")


def test_a_wrong_option_is_named_with_those_that_exist() -> None:
    with pytest.raises(ConfigError, match=r"no option 'ulr'.*Did you mean 'url'"):
        SINKS.make("webhook", {"ulr": "http://x"})


def test_an_option_of_a_wrong_type_is_named_with_what_it_holds() -> None:
    with pytest.raises(ConfigError, match=r"timeout.*'soon'"):
        SINKS.make("webhook", {"url": "http://x", "timeout": "soon"})


def test_every_part_says_what_it_is() -> None:
    assert all(SINKS.help(name).endswith(".") for name in SINKS.names())
