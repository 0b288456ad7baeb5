"""Read standard input as it comes, to its end."""

from __future__ import annotations

import os
import select
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from collector.lines import MAX_LINE
from collector.reading import STDIN, Stream
from collector.tailing import STEP, Reading
from event_model.parts import Batch

PAUSE = 0.2  # seconds between two looks whether to stop


@dataclass
class Source:
    name: str = "stdin"
    format: str | None = None  # recognised from the first records unless named
    cluster: str = ""
    max_line: int = MAX_LINE  # bytes; longer lines become dead letters

    def read(self, positions: dict[str, Any], stop: threading.Event) -> Iterator[Batch]:
        """Yield what comes, until it ends or until told to stop. There is no going back: positions are not used."""
        reading = Reading(self.name, self.format, self.cluster, socket.gethostname(), self.max_line, "stdin")
        stream = Stream(reading, STDIN)
        file = sys.stdin.fileno()
        while not stop.is_set():
            if select.select([file], [], [], PAUSE)[0]:
                data = os.read(file, STEP)
                if not data:
                    yield from stream.end()
                    return
                yield from stream.feed(data)
