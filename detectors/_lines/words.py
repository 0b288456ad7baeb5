"""What is telling in a line: its level, and words of danger."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from re import IGNORECASE, compile

from msgspec import Struct

from event_model.ready import ready

ERROR = 1.0  # nats of a line that its writer calls an error
IDLE = -1.0  # of one that it calls informational
LOOKED_AT = 4096  # characters

_ERROR = compile(
    r"\b(?:err(?:or)?|fatal|panic|critical|severe|alert|emerg(?:ency)?|exception|traceback)\b|^[EF]\d{4} ",
    IGNORECASE,
)
_IDLE = compile(r"\b(?:info|debug|trace|notice)\b|^I\d{4} ", IGNORECASE)


class Word(Struct, frozen=True):
    """One line of the data file."""

    word: str
    nats: float
    why: str


class Table(Struct, frozen=True):
    """The data file."""

    words: list[Word]


ready(Table)


@cache
def table() -> Table:
    """The data file beside this one, read once."""
    import msgspec.yaml

    return msgspec.yaml.decode(files("detectors._lines").joinpath("danger.yaml").read_bytes(), type=Table)


class Words:
    """The words of danger with their nats; `own` adds some or changes a weight."""

    def __init__(self, own: Mapping[str, float]) -> None:
        self._nats = {each.word: each.nats for each in table().words} | {
            word.lower(): nats for word, nats in own.items()
        }

    def weigh(self, line: str, stderr: bool) -> tuple[float, list[str]]:
        """Nats of what a line says, and the words that say it."""
        head = line[:LOOKED_AT].lower()
        found = sorted(
            (word for word in self._nats if word in head), key=lambda word: (-self._nats[word], word)
        )
        nats = sum(self._nats[word] * (1.0 if at == 0 else 0.5) for at, word in enumerate(found[:4]))
        if _ERROR.search(head[:200]):
            return nats + ERROR, [*found, "error"]
        if _IDLE.search(head[:200]):
            return nats + (IDLE if not found else 0.0), found
        return nats + (ERROR / 2 if stderr else 0.0), found
