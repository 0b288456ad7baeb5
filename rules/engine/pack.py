"""Load folders of rules; a broken rule never stops the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from event_model.errors import RuleError
from rules.engine import document
from rules.engine.conditions import Lists
from rules.engine.parse import parse
from rules.engine.rule import Rule

SHIPPED = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Pack:
    """Rules that can run, and what is wrong with the others."""

    rules: list[Rule] = field(default_factory=list)
    errors: list[RuleError] = field(default_factory=list)


def load(folders: Iterable[Path], lists: Lists | None = None) -> Pack:
    """Every rule below these folders (or in these files); `lists` says what %placeholders% stand for."""
    loaded = [load_file(path, lists or {}) for path in files(folders)]
    return join(loaded)


def files(folders: Iterable[Path]) -> Iterator[Path]:
    """Every rule file, sorted within its folder, each once. A folder that is not there raises RuleError."""
    seen: set[Path] = set()
    for folder in folders:
        if folder.is_dir():
            found = sorted(path for path in folder.rglob("*") if path.suffix in (".yml", ".yaml"))
        elif folder.exists():
            found = [folder]
        else:
            raise RuleError("there is no such folder or file of rules", str(folder))
        for path in found:
            if path not in seen and path.is_file():
                seen.add(path)
                yield path


def load_file(path: Path, lists: Lists) -> Pack:
    """The rules of one file, with all that is wrong in it."""
    pack = Pack()
    try:
        documents = document.read(path)
    except RuleError as error:
        return Pack([], [error])
    for number, each in enumerate(documents, 1):
        rule_id = path.stem if number == 1 else f"{path.stem}_{number}"
        made, errors = parse(each, rule_id, lists)
        pack.errors.extend(errors)
        if made is not None:
            pack.rules.append(made)
    return pack


def join(packs: Iterable[Pack]) -> Pack:
    """All of them as one; of rules with the same id the first stays."""
    whole = Pack()
    by_id: dict[str, Rule] = {}
    for pack in packs:
        whole.errors.extend(pack.errors)
        for each in pack.rules:
            first = by_id.setdefault(each.info.uuid, each)
            if first is each:
                whole.rules.append(each)
            else:
                message = f"has the same id as {first.path}, which stays; give it an id of its own"
                whole.errors.append(each.document.error(message, "id"))
    return whole
