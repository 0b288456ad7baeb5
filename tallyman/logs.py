"""Our own log: lines for people on a terminal, JSON with ECS names elsewhere."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

import orjson

_ORDINARY = set(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def extras(record: logging.LogRecord) -> dict[str, object]:
    """What was given as `extra=`."""
    return {name: value for name, value in record.__dict__.items() if name not in _ORDINARY}


class EcsFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "@timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
            "log.level": record.levelname.lower(),
            "log.logger": record.name,
            "message": record.getMessage(),
        }
        if found := extras(record):
            line["tallyman"] = found
        if record.exc_info:
            line["error.stack_trace"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


class PlainFormatter(logging.Formatter):
    """`12:03:11 warning: unreadable record (source=audit)`."""

    def format(self, record: logging.LogRecord) -> str:
        clock = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        with_ = ", ".join(f"{name}={value}" for name, value in extras(record).items())
        text = f"{clock} {record.levelname.lower()}: {record.getMessage()}{f' ({with_})' if with_ else ''}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


class StderrHandler(logging.Handler):
    """Writes to whatever stderr is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        formatter = PlainFormatter() if sys.stderr.isatty() else EcsFormatter()
        sys.stderr.write(formatter.format(record) + "\n")


def configure(verbose: int = 0, quiet: bool = False) -> None:
    """Log to stderr: warnings, with -v information, with -vv everything."""
    level = logging.ERROR if quiet else (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    root = logging.getLogger()
    root.setLevel(level)
    if not any(isinstance(each, StderrHandler) for each in root.handlers):
        root.addHandler(StderrHandler())
    logging.getLogger("watchdog.observers.inotify").addFilter(_is_worth_telling)


def _is_worth_telling(record: logging.LogRecord) -> bool:
    """Not that watchdog was told to end while it waited for a change: it calls that an error."""
    return not record.getMessage().endswith("called when the thread is inactive")
