import logging
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from event_model.errors import ConfigError
from rules.engine import Pack
from store.database import Database
from store.embedded import Embedded
from tallyman.config import ApiConfig, Config, StoreConfig
from tallyman.normalizer import Normalizer
from tallyman.serving import listener, make_services, serving
from tests.api.world import World, record, world


def ask(address: str, path: str, **more: str) -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=60) as client:
        return client.get(address + path, headers=more)


def test_it_answers_as_soon_as_its_address_is_given_and_no_longer_than_the_block(tmp_path: Path) -> None:
    with world(tmp_path, []) as made:
        with serving(made.services, "127.0.0.1", 0) as address:
            assert ask(address, "/healthz").json() == {"status": "ok"}
            assert "server" not in ask(address, "/healthz").headers
        with pytest.raises(httpx.ConnectError):
            ask(address, "/healthz")


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"api: 127.0.0.1:{port}: .* TALLYMAN_API__PORT=0"):
            listener("127.0.0.1", port)
    with pytest.raises(ConfigError, match=r"api: no\.such\.host\.invalid:1"):
        listener("no.such.host.invalid", 1)


@pytest.mark.parametrize(
    ("host", "names"),
    [("127.0.0.1", ("127.0.0.1", "localhost", "[::1]")), ("127.0.0.5", ("127.0.0.5",)), ("0.0.0.0", ("*",))],
)
def test_on_loopback_only_its_own_names_are_answered(
    tmp_path: Path, host: str, names: tuple[str, ...]
) -> None:
    with world(tmp_path, []) as made:
        config = Config(store=StoreConfig(path=made.root), api=ApiConfig(host=host))
        services = make_services(config, made.store, made.database, Pack)
        assert set(names) <= set(services.hosts)
        assert ("*" in services.hosts) is (host == "0.0.0.0")


def test_no_token_is_ever_written_to_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # the client's own log, not ours
    logging.getLogger("httpcore").setLevel(logging.WARNING)
    with world(tmp_path, [record(0)]) as made, serving(made.services, "127.0.0.1", 0) as address:
        link = made.database.tokens.login("page", "analyst", 600, made.time)
        token = made.database.tokens.create("ci", "analyst", None, made.time)
        assert ask(address, f"/?token={link}").status_code == 303
        assert ask(address, f"/?token={link}").status_code == 401
        for text in (token, token + "x", link):
            ask(address, "/api/v1/status", Authorization=f"Bearer {text}")
        made.services.status = broken
        assert ask(address, "/api/v1/status", Authorization=f"Bearer {token}").status_code == 500
    assert "Exception in ASGI application" in caplog.text  # our own errors are
    assert token not in caplog.text and link not in caplog.text


def broken() -> dict[str, Any]:
    raise RuntimeError("broken")


def test_a_reading_process_answers_while_another_writes(tmp_path: Path) -> None:
    def total(address: str, made: World) -> int:
        token = made.database.tokens.create("ci", "analyst", None, made.time)
        answer = ask(address, "/api/v1/events?size=0", Authorization=f"Bearer {token}")
        return int(answer.json()["total"])

    with world(tmp_path, [record(0)]) as made, Embedded(made.root, Normalizer({"audit": {}})) as reader:
        database = Database(made.root)
        services = make_services(Config(store=StoreConfig(path=made.root)), reader, database, Pack)
        services.now = lambda: made.time
        with serving(services, "127.0.0.1", 0) as address:
            assert total(address, made) == 1
            made.write([record(1), record(2)])
            assert total(address, made) == 3
        database.close()
