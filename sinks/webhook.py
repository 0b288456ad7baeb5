"""POST alerts as JSON to an address, signed with HMAC-SHA256, and again later when it does not answer."""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import urllib3
from pydantic import SecretStr

from event_model.errors import ConfigError


def signature(secret: bytes, moment: int, body: bytes) -> str:
    """`t=SECONDS,v1=HEX`: HMAC-SHA256 over `SECONDS.BODY`; the time lets a receiver refuse what is replayed."""
    digest = hmac.new(secret, b"%d." % moment + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


@dataclass(slots=True)
class Sink:
    url: str  # http:// or https://
    secret: SecretStr | None = (
        None  # key of the signature; better: secret_file, or TALLYMAN_SINKS__NAME__SECRET
    )
    secret_file: Path | None = None
    timeout: float = 10.0  # seconds for one request
    ca_file: Path | None = None  # certificates to trust instead of the system's
    headers: dict[str, str] = field(default_factory=dict)
    _pool: Any = field(default=None, init=False, repr=False)  # urllib3.PoolManager, made when first used

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ConfigError(f"webhook: url must begin with http:// or https://, not {self.url!r}")

    def send(self, alerts: list[dict[str, Any]]) -> None:
        """One request with all of them. Raises OSError unless the answer is 2xx."""
        body = orjson.dumps({"version": 1, "alerts": alerts})
        headers = {"Content-Type": "application/json", "User-Agent": "tallyman", **self.headers}
        if secret := self._key():
            headers["X-Tallyman-Signature"] = signature(secret, int(time.time()), body)
        try:
            answer = self._connections().request(
                "POST",
                self.url,
                body=body,
                headers=headers,
                timeout=self.timeout,
                redirect=False,
                retries=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise OSError(f"{self.url}: {error}") from None
        if not 200 <= answer.status < 300:
            raise OSError(f"{self.url} answered {answer.status}")

    def _key(self) -> bytes:
        if self.secret_file:
            return self.secret_file.read_bytes().strip()
        return self.secret.get_secret_value().encode() if self.secret else b""

    def _connections(self) -> Any:
        if self._pool is None:
            self._pool = urllib3.PoolManager(ca_certs=str(self.ca_file) if self.ca_file else None)
        return self._pool
