"""The errors that are written for people; everything else is a builtin exception."""

from collections.abc import Iterable


class ConfigError(Exception):
    """A setting that can't work: says where it stands, what it holds and what would be right."""


class RuleError(Exception):
    """A rule that can't work, with file and line in front: `pods.yml:12: …`."""

    def __init__(self, message: str, path: str = "", line: int = 0) -> None:
        self.message, self.path, self.line = message, path, line
        super().__init__(message)

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.path, self.line) if part)
        return f"{place}: {self.message}" if place else self.message


class QueryError(Exception):
    """A search that can't be understood; `column` (from 0) is where in `text` it went wrong."""

    def __init__(self, message: str, text: str = "", column: int = 0) -> None:
        self.message, self.text, self.column = message, text, column
        super().__init__(message)

    def __str__(self) -> str:
        return f"{self.message}\n  {self.text}\n  {' ' * self.column}^" if self.text else self.message


class Unreadable(Exception):
    """A record that its format does not understand; the text is the reason kept beside it."""


class StoreError(Exception):
    """The store can't be opened, read or written: says which, why, and what to do."""


def nearest(name: str, choices: Iterable[str]) -> str:
    """` Did you mean 'x'?` for the choice most like `name`, or an empty string."""
    from difflib import get_close_matches  # only mistakes need it, and every command imports this file

    close = get_close_matches(name, list(choices), n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""


class NoRoom(StoreError):
    """The disk is full: the same may work later, when there is room."""
