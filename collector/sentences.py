"""What sentences and commands of every system have in common: text that is safe to print and to copy."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

MOST = 300  # characters of one value in a sentence
SHELLS = frozenset(
    [
        "sh",
        "bash",
        "ash",
        "dash",
        "zsh",
        "ksh",
        "mksh",
        "csh",
        "tcsh",
        "fish",
        "pwsh",
        "powershell",
        "powershell.exe",
        "cmd",
        "cmd.exe",
    ]
)


def clean(text: str, most: int = MOST) -> str:
    """The text in one line, with anything a terminal would obey written out (`\\x1b`), and cut when long."""
    if len(text) > most:
        text = f"{text[:most]}…"
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def quote(word: str) -> str:
    """One word of a shell command, quoted where it needs it, and safe to paste."""
    if word.isprintable():
        return shlex.quote(word)
    return "$'" + "".join(_visible(each) if each not in "\\'" else "\\" + each for each in word) + "'"


def opens_shell(args: Sequence[str]) -> bool:
    """Whether a command is a shell, or starts one through the usual wrappers."""
    words = [word.rpartition("/")[2] for word in args]
    while words and words[0] in ("env", "busybox", "sudo", "nsenter", "chroot", "exec"):
        words = [word for word in words[1:] if word in SHELLS][:1]
    return bool(words) and words[0] in SHELLS
