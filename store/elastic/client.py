"""The connection to a cluster: whom to trust, who we are, and what went wrong in words."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from event_model.errors import ConfigError, NoRoom, StoreError

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch  # 0.2 seconds to import, and only this store needs it

SECTION = "store.elasticsearch"
RETRIED = (502, 503, 504)  # by the client itself, on the next node
MOST_RETRIES = 2
DISK_FULL = ("disk usage exceeded", "flood-stage watermark", "read-only-allow-delete")


class Away(StoreError):
    """The cluster does not answer, or not now: the same may work later."""


@dataclass(frozen=True)
class Connection:
    """How to reach the cluster and as whom. Secrets hide themselves, and files are read when connecting."""

    hosts: tuple[str, ...] = ()  # https://es:9200
    cloud_id: str | None = None
    ca_file: Path | None = None
    fingerprint: str | None = None  # SHA-256 in hex
    api_key: SecretStr | None = None
    api_key_file: Path | None = None
    username: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    plain_http: bool = False
    timeout: float = 30.0  # seconds for one answer

    @property
    def address(self) -> str:
        """Where the cluster is, for messages: no secret can be part of it."""
        return ", ".join(self.hosts) or f"cloud id {(self.cloud_id or '').partition(':')[0]}"


def connect(connection: Connection, *, retries: int = MOST_RETRIES) -> Elasticsearch:
    """A client of the cluster; nothing is sent yet. `retries` are made where a node does not answer or says 502-504.

    Raises ConfigError naming the setting.
    """
    import elasticsearch

    logging.getLogger("elastic_transport").setLevel(logging.ERROR)  # its warnings are errors that we tell of
    options: dict[str, Any] = {**_place(connection), **_trust(connection), **_identity(connection)}
    try:
        return elasticsearch.Elasticsearch(
            **options,
            request_timeout=connection.timeout,
            max_retries=retries,
            retry_on_status=RETRIED,
            http_compress=not all(_is_here(host) for host in connection.hosts) or not connection.hosts,
        )
    except UnicodeEncodeError:  # a ValueError as well, and it holds the text
        raise ConfigError(
            f"{SECTION}: username and password may hold ASCII alone; an API key always does"
        ) from None
    except ValueError as error:
        raise ConfigError(f"{SECTION}.{'cloud_id' if connection.cloud_id else 'hosts'}: {error}") from None


def _place(connection: Connection) -> dict[str, Any]:
    if bool(connection.hosts) == bool(connection.cloud_id):
        raise ConfigError(f"{SECTION}: needs either hosts, such as [https://es:9200], or cloud_id")
    if connection.cloud_id:
        return {"cloud_id": connection.cloud_id}
    return {"hosts": list(dict.fromkeys(_host(host) for host in connection.hosts))}


def _host(text: str) -> str:
    """The address with its port. Raises ConfigError, without showing what may be a password."""
    try:
        parts = urlsplit(text)
        port = parts.port or (443 if parts.scheme == "https" else 9200)
    except ValueError:
        parts, port = urlsplit(""), 0
    if "@" in text:
        raise ConfigError(
            f"{SECTION}.hosts: no user and password in an address; there are `username` and `password_file`"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{SECTION}.hosts: {text!r} is no address; write https://es:9200")
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{name}:{port}{parts.path.rstrip('/')}"


def _trust(connection: Connection) -> dict[str, Any]:
    if connection.ca_file and connection.fingerprint:
        raise ConfigError(f"{SECTION}: either ca_file or fingerprint says whom to trust, not both")
    plain = next(filter(_is_plain, connection.hosts), None)
    if plain and (connection.ca_file or connection.fingerprint):
        key = "ca_file" if connection.ca_file else "fingerprint"
        raise ConfigError(
            f"{SECTION}: {key} says whom to trust, and {plain} is not encrypted; write https://"
        )
    if connection.fingerprint:
        digits = re.sub("[: ]", "", connection.fingerprint).lower()
        if not re.fullmatch("[0-9a-f]{64}", digits):
            raise ConfigError(
                f"{SECTION}.fingerprint: {connection.fingerprint!r} is no SHA-256 in hex; "
                "`openssl x509 -fingerprint -sha256 -noout -in ca.crt` prints it"
            )
        return {"ssl_assert_fingerprint": digits}
    if connection.ca_file:
        if not connection.ca_file.is_file():
            raise ConfigError(f"{SECTION}.ca_file: there is no file {str(connection.ca_file)!r}")
        return {"ca_certs": str(connection.ca_file)}
    return {}


def _identity(connection: Connection) -> dict[str, Any]:
    key = _secret("api_key", connection.api_key, connection.api_key_file)
    password = _secret("password", connection.password, connection.password_file)
    if key and (password or connection.username):
        raise ConfigError(f"{SECTION}: either an API key or username and password, not both")
    if bool(password) != bool(connection.username):
        missing = "password_file" if connection.username else "username"
        raise ConfigError(f"{SECTION}: username and password_file belong together; {missing} is missing")
    if not key and not password:
        return {}
    for host in connection.hosts:
        if _is_plain(host) and not _is_here(host) and not connection.plain_http:
            raise ConfigError(
                f"{SECTION}.hosts: {host} would carry the {'API key' if key else 'password'} unencrypted; "
                f"write https://, or set plain_http: true where something else encrypts"
            )
    return {"api_key": key} if key else {"basic_auth": (connection.username, password)}


def _secret(name: str, given: SecretStr | None, file: Path | None) -> str:
    """The secret, or an empty string. Raises ConfigError naming the file, never what is in it."""
    if given and file:
        raise ConfigError(f"{SECTION}: {name} is set twice: by the environment, and by {name}_file {file}")
    if given:
        return given.get_secret_value()
    if not file:
        return ""
    try:
        found = file.read_text("utf-8").strip()
    except OSError as error:
        raise ConfigError(f"{SECTION}.{name}_file: {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{SECTION}.{name}_file: {file} holds no text") from None
    if not found:
        raise ConfigError(f"{SECTION}.{name}_file: {file} is empty")
    return found


def _is_plain(host: str) -> bool:
    return urlsplit(host).scheme == "http"  # which is in lower case, however it was written


def _is_here(host: str) -> bool:
    """Whether an address is this machine's own."""
    name = urlsplit(host).hostname or ""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


@contextmanager
def telling(connection: Connection, doing: str) -> Iterator[None]:
    """Turn the client's exceptions into errors for people: `telling(connection, "searching")`.

    Raises Away where the same may work later, NoRoom where the cluster's disk is full, else StoreError.
    """
    import elastic_transport
    import elasticsearch

    try:
        yield
    except (elasticsearch.ApiError, elastic_transport.TransportError) as error:
        raise explain(connection, doing, error) from None  # its context may hold a request with its headers


def explain(connection: Connection, doing: str, error: Exception) -> StoreError:
    """The error of a client as one for people: what failed, why, and what to do."""
    import elastic_transport
    import elasticsearch

    at = f"Elasticsearch at {connection.address}, {doing}"
    if isinstance(error, elasticsearch.UnsupportedProductError):
        return StoreError(f"{at}: what answers is no Elasticsearch; look at {SECTION}.hosts")
    if isinstance(error, elasticsearch.ApiError):
        return _refusal(at, error)
    if "WRONG_VERSION_NUMBER" in str(error):
        return StoreError(f"{at}: it speaks http, not https; look at {SECTION}.hosts")
    if isinstance(error, elastic_transport.TlsError):
        return StoreError(
            f"{at}: its certificate is not trusted ({_cause(error)}). {SECTION}.ca_file names the authority that "
            "signed it, or fingerprint the certificate itself"
        )
    if isinstance(error, elastic_transport.ConnectionTimeout):
        return Away(
            f"{at}: no answer in {connection.timeout:g} seconds. `tallyman store check` asks how it is"
        )
    if isinstance(error, elastic_transport.ConnectionError):
        return Away(f"{at}: can't be reached ({_cause(error)}). Is it running, and {SECTION}.hosts right?")
    return StoreError(f"{at}: {_cause(error)}")


def _refusal(at: str, error: Any) -> StoreError:
    """What an answer other than 2xx means."""
    status, why = error.meta.status, reason(error.body)
    if status == 401:
        return StoreError(
            f"{at}: refused who we are (401). Look at {SECTION}.api_key_file, or username and password_file"
        )
    if status == 403 and "security_exception" in str(error.body):
        return StoreError(
            f"{at}: not permitted: {why}. `tallyman store check` says which privileges are missing, "
            "and which role has them"
        )
    if any(word in why for word in DISK_FULL):
        return NoRoom(f"{at}: its disk is full, so that it only deletes: {why}")
    if status == 429 or status >= 500:
        return Away(f"{at}: busy or not whole ({status}): {why}. `tallyman store check` asks how it is")
    if status == 404:
        return StoreError(f"{at}: not there: {why}. `tallyman store setup` makes what is missing")
    return StoreError(f"{at}: refused ({status}): {why}")


def reason(body: Any) -> str:
    """The reason in an error answer, or in the `error` of one item of a bulk answer; in at most 500 characters."""
    found = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(found, dict):
        return str(found)[:500]
    texts = []
    while isinstance(found, dict):
        if text := found.get("reason"):
            texts.append(str(text))
        found = found.get("caused_by")
    return ": ".join(dict.fromkeys(texts))[:500] or str(body)[:500]


def _cause(error: BaseException) -> str:
    """The innermost message, without the names of classes around it."""
    while inner := getattr(error, "errors", ()):
        error = inner[0]
    text = str(getattr(error, "message", error))
    return (
        re.sub(r"^(\w*(Connection|Pool|Error)\w*\([^()]*\)?:? ?)+", "", text)
        .removeprefix("(")
        .strip(" :'")[:300]
    )
