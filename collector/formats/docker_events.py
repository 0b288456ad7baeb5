"""Events of a Docker engine or swarm, as `docker events --format json` and the Engine API give them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from collector.credentials import is_credential, mask, mask_bytes, suspicious
from collector.docker.events import Actor, Docker, build, read
from collector.documents import Documents
from collector.envelopes import chained, listed
from collector.secrets import MARK
from event_model.event import Event, Origin, Record

__all__ = ["Actor", "Docker", "Format"]


@dataclass(frozen=True, slots=True)
class Format:
    single: ClassVar[bytes] = b'{"'

    def split(self, raw: bytes) -> Iterable[bytes]:
        """The events of a JSON array, or of objects without line ends between them."""
