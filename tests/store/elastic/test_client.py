"""How a cluster is reached: what a setting may be, and what is said of one that can't work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from event_model.errors import ConfigError, NoRoom, StoreError
from store.elastic.client import Away, Connection, connect, reason, telling

HOST = ("https://es.example:9200",)
HERE = ("http://127.0.0.1:9",)  # nobody listens there
KEY = SecretStr("a-very-secret-key")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "either hosts.*or cloud_id"),
        ({"hosts": HOST, "cloud_id": "a:b"}, "either hosts.*or cloud_id"),
        ({"hosts": ("es:9200",)}, "hosts: 'es:9200' is no address; write https://"),
        ({"hosts": ("ftp://es",)}, "is no address"),
        ({"hosts": ("https://es:many",)}, "is no address"),
        ({"hosts": ("https://me:hush@es:9200",)}, "no user and password in an address"),
        ({"hosts": HOST, "ca_file": Path("/nowhere/ca.crt")}, "ca_file: there is no file '/nowhere/ca.crt'"),
        ({"hosts": HOST, "fingerprint": "12:34"}, "fingerprint: '12:34' is no SHA-256.*openssl"),
        ({"hosts": HOST, "ca_file": Path("x"), "fingerprint": "ab" * 32}, "either ca_file or fingerprint"),
        ({"hosts": HERE, "ca_file": Path("/dev/null")}, "ca_file says whom to trust, and http://.* is not encrypted"),
        ({"hosts": (*HOST, *HERE), "fingerprint": "ab" * 32}, "fingerprint says whom to trust, and http://"),
        ({"hosts": ("https://e s:9200",)}, "hosts: Could not parse URL 'https://e s:9200'"),
        ({"cloud_id": "shop:hm"}, "cloud_id: Cloud ID is not properly formatted"),
        ({"cloud_id": "shop:ZXUuZXhhIG1wbGUkeSR6"}, "cloud_id: Failed to parse: Host"),
        ({"hosts": HOST, "username": "mé", "password": KEY}, "username and password may hold ASCII alone"),
        ({"hosts": HOST, "username": "me"}, "password_file is missing"),
        ({"hosts": HOST, "password": KEY}, "username is missing"),
        ({"hosts": HOST, "username": "me", "password": KEY, "api_key": KEY}, "either an API key or"),
        ({"hosts": HOST, "api_key_file": Path("/nowhere/key")}, "api_key_file: /nowhere/key: No such file"),
        ({"hosts": HOST, "api_key_file": Path("/dev/null")}, "api_key_file: /dev/null is empty"),
        ({"hosts": HOST, "api_key_file": Path("x"), "api_key": KEY}, "api_key is set twice"),
        ({"hosts": ("http://es.example:9200",), "api_key": KEY}, "API key unencrypted.*plain_http"),
        ({"hosts": ("HTTP://es.example:9200",), "api_key": KEY}, "API key unencrypted.*plain_http"),
    ],
)  # fmt: skip
def test_a_setting_that_can_not_work_is_named(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as told:
        connect(Connection(**wrong))
    assert "hush" not in str(told.value) and KEY.get_secret_value() not in str(told.value)


def test_a_password_goes_over_plain_http_to_this_machine_only_or_where_it_is_allowed() -> None:
    connect(Connection(hosts=("http://localhost:9200",), api_key=KEY)).close()
    connect(Connection(hosts=("http://[::1]:9200",), api_key=KEY)).close()
    connect(Connection(hosts=("http://es.example:9200",), api_key=KEY, plain_http=True)).close()


def test_an_address_that_is_named_twice_is_one() -> None:
    client = connect(Connection(hosts=(*HOST, "https://es.example:9200/")))
    assert len(client.transport.node_pool.all()) == 1
    client.close()


def test_a_cloud_id_leads_to_its_deployment() -> None:
    import base64

    cloud = "shop:" + base64.b64encode(b"europe.example$abc$def").decode()
    client = connect(Connection(cloud_id=cloud, api_key=KEY))
    (node,) = client.transport.node_pool.all()
    assert node.base_url == "https://abc.europe.example:443"
    client.close()


def test_a_secret_is_read_from_its_file_when_connecting(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-the-file\n")
    client = connect(Connection(hosts=HOST, api_key_file=tmp_path / "key"))
    assert client._headers["authorization"] == "ApiKey from-the-file"
    client.close()


def test_a_connection_shows_no_secret() -> None:
    connection = Connection(hosts=HOST, username="me", password=KEY)
    assert KEY.get_secret_value() not in f"{connection!r} {connection} {connection.address}"


def test_a_cluster_that_is_not_there_may_be_there_later() -> None:
    connection = Connection(hosts=HERE, api_key=KEY)
    client = connect(connection, retries=0)
    said = r"http://127.0.0.1:9, asking: can't be reached \(.*refused\)"
    with pytest.raises(Away, match=said), telling(connection, "asking"):
        client.info()
    client.close()


@pytest.mark.parametrize(
    ("status", "kind", "why", "error", "said"),
    [
        (401, "security_exception", "unable to authenticate", StoreError, "refused who we are"),
        (403, "security_exception", "action [x] is unauthorized", StoreError, "not permitted: action.*store check"),
        (403, "cluster_block_exception", "index [a] blocked by: [index write]", StoreError, "refused .403.*blocked"),
        (404, "index_not_found_exception", "no such index [a]", StoreError, "store setup"),
        (429, "es_rejected_execution_exception", "queue is full", Away, "busy.*queue is full"),
        (503, "unavailable_shards_exception", "primary shard is not active", Away, "503"),
        (429, "cluster_block_exception",
         "index [a] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, "
         "index has read-only-allow-delete block];", NoRoom, "its disk is full"),
    ],
)  # fmt: skip
def test_an_answer_that_is_no_success_is_told_in_words(
    status: int, kind: str, why: str, error: type[StoreError], said: str
) -> None:
    import elasticsearch
    from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig

    meta = ApiResponseMeta(status, "1.1", HttpHeaders(), 0.0, NodeConfig("http", "es", 9200))
    body = {"error": {"type": kind, "reason": why, "root_cause": [{"reason": why}]}, "status": status}
    with pytest.raises(error, match=said) as told, telling(Connection(hosts=HOST), "asking"):
        raise elasticsearch.ApiError(kind, meta, body)
    assert type(told.value) is error and told.value.__suppress_context__


def test_a_reason_is_followed_down_to_its_cause() -> None:
    body = {
        "error": {
            "reason": "failed to parse",
            "caused_by": {"reason": "no date", "caused_by": {"reason": "x"}},
        }
    }
    assert reason(body) == "failed to parse: no date: x"
    assert (reason({"reason": "alone"}), reason("text"), reason(None)) == ("alone", "text", "None")
