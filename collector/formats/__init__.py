"""What records mean: a file for each format; `format: cri_log` in the configuration is cri_log.py."""

from __future__ import annotations

from typing import Any

from event_model.discovery import Parts

FORMATS = Parts("collector.formats", "Format")


SURE = 0.5


def recognise(sample: bytes, path: str = "") -> str | None:
    """The name of the format that the first bytes of a file look like most, or None where none is sure."""
    found = [(_sureness(FORMATS.find(name), sample), name) for name in FORMATS.names()]
    sureness, name = max(found, default=(0.0, ""), key=lambda each: each[0])
    return name if sureness >= SURE else None


def _sureness(format: Any, sample: bytes) -> float:
    judge = getattr(format, "recognise", None)
    return float(judge(sample)) if judge and sample else 0.0
