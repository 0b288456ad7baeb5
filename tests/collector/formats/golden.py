"""Golden pairs in sample_logs/: `<format>.<ext>`, and in `<format>.events.json` the events that it must become.

    python -m tests.collector.formats.golden --write [FORMAT…]

writes the events anew, of all formats or of those named; look at the difference before you keep it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from collector.commands import command
from collector.formats import FORMATS
from collector.reading import read_file
from event_model.errors import Unreadable
from event_model.event import Event
from event_model.fields import document

FOLDER = Path(__file__).resolve().parents[3] / "sample_logs"
ENDING = ".events.json"


def samples() -> dict[str, Path]:
    """The sample of each format that has one, by the format's name."""
    files = [path for path in sorted(FOLDER.iterdir()) if path.is_file() and not path.name.endswith(ENDING)]
    return {
        path.name.partition(".")[0]: path for path in files if path.name.partition(".")[0] in FORMATS.names()
    }


def expectation(sample: Path) -> Path:
    return sample.with_name(sample.name.partition(".")[0] + ENDING)


def events(name: str, sample: Path) -> list[dict[str, Any]]:
    """What each record of a sample becomes: a document, or the reason why it can't be read."""
    format = FORMATS.make(name)
    found: list[tuple[int, dict[str, Any]]] = []
    for batch in read_file(str(sample), name):
        for record in batch.records:
            try:
                found.append((record.offset, _plain(format.normalize(record, batch.origin))))
            except Unreadable as error:
                found.append((record.offset, {"unreadable": str(error), "hash": record.hash()}))
        found += [
            (record.offset, {"unreadable": reason, "hash": record.hash()}) for record, reason in batch.dead
        ]
    return [event for _, event in sorted(found, key=lambda each: each[0])]


def _plain(event: Event) -> dict[str, Any]:
    """The document without what depends on the machine, and with the command to copy."""
    whole: dict[str, Any] = json.loads(json.dumps(document(event)))
    del whole["log"]["file"]
    del whole["tallyman"]["id"]
    whole.get("agent", {}).pop("name", None)
    return {**whole, "command": command(event)}


def text(found: list[dict[str, Any]]) -> str:
    """An event a line, so that a difference shows which one it is in."""
    lines = [json.dumps(event, ensure_ascii=False, sort_keys=True) for event in found]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def write(names: list[str]) -> None:
    for name, sample in samples().items():
        if not names or name in names:
            expectation(sample).write_text(text(events(name, sample)), "utf-8")
            print(f"{expectation(sample)}: {len(events(name, sample))} events")


if __name__ == "__main__":
    if "--write" not in sys.argv:
        sys.exit(__doc__)
    write([argument for argument in sys.argv[1:] if argument != "--write"])
