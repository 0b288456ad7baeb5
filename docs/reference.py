"""Write the generated pages of docs/ from the program itself: `python docs/reference.py [--check]`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, get_type_hints

import click

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))

from collector.formats import FORMATS  # noqa: E402
from collector.sources import SOURCES  # noqa: E402
from detectors import DETECTORS  # noqa: E402
from event_model.discovery import Parts  # noqa: E402
from event_model.fields import FIELDS  # noqa: E402
from rules.engine import load  # noqa: E402
from sinks import SINKS  # noqa: E402
from store.query.names import ALIASES  # noqa: E402
from tallyman.commands import CommandFolder  # noqa: E402
from tallyman.config import EXAMPLE, Config  # noqa: E402
from tallyman.wiring import rule_folders  # noqa: E402

NOTE = "<!-- written by docs/reference.py; a test fails when it is not up to date -->\n"
SET_BY_US = ("name", "cluster", "format")  # options of a source that every source has


def commands() -> str:
    """Every command with its own --help."""
    root = CommandFolder("tallyman")
    parts = [NOTE, (DOCS / "cli.head.md").read_text("utf-8"), "## Commands\n"]
    for name in root.list_commands(click.Context(root)):
        made = root.get_command(click.Context(root), name)
        assert made is not None
        parts += _help(made, f"tallyman {name}")
    return "\n".join(parts)


def _help(made: click.Command, path: str) -> Iterator[str]:
    context = click.Context(made, info_name=path, terminal_width=100)
    yield f"### {path}\n\n```\n{made.get_help(context).rstrip()}\n```\n"
    if isinstance(made, click.Group):
        for name, below in sorted(made.commands.items()):
            yield from _help(below, f"{path} {name}")


def configuration() -> str:
    """Every setting, and every source, format and sink with its options."""
    rows = [
        f"| `{name}` | {kind} | {default} | {text} |" for name, kind, default, text in _settings(Config, "")
    ]
    parts = [
        NOTE, (DOCS / "configuration.head.md").read_text("utf-8"), "```yaml\n" + EXAMPLE + "```\n", "## Settings\n",
        "| key | type | default | |\n|---|---|---|---|", *rows,
    ]  # fmt: skip
    for title, folder in (
        ("Sources", SOURCES),
        ("Formats", FORMATS),
        ("Detectors", DETECTORS),
        ("Sinks", SINKS),
    ):
        parts += ["", f"## {title}\n", *_parts(folder)]
    return "\n".join(parts) + "\n"


def _settings(model: Any, above: str) -> Iterator[tuple[str, str, str, str]]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if hasattr(kind, "model_fields"):
            yield from _settings(kind, f"{above}{name}.")
            continue
        default = "" if field.is_required() else field.get_default(call_default_factory=False)
        shown = "" if default is None or "Undefined" in str(default) else f"`{default}`"
        yield f"{above}{name}", _kind(kind), shown, field.description or ""


def _kind(kind: Any) -> str:
    text = kind.__name__ if isinstance(kind, type) and not hasattr(kind, "__args__") else str(kind)
    for noise in ("typing.", "pathlib.", "tallyman.config.", "pydantic.types.", "collections.abc."):
        text = text.replace(noise, "")
    return text.replace("|", "or").replace("NoneType", "none").replace("None", "none")


def _parts(folder: Parts) -> Iterator[str]:
    for name in folder.names():
        made = folder.find(name)
        yield f"### {name}\n\n{folder.help(name)}\n"
        comments, hints = _comments(made), get_type_hints(made)
        options = [
            each for each in fields(made) if each.init and not (folder is SOURCES and each.name in SET_BY_US)
        ]
        if options:
            yield "| option | type | default | |\n|---|---|---|---|"
        for each in options:
            default = "" if _default(each) is MISSING else f"`{_default(each)}`"
            yield f"| `{each.name}` | {_kind(hints[each.name])} | {default} | {comments.get(each.name, '')} |"
        yield ""


def _default(option: Field[Any]) -> Any:
    return option.default if option.default_factory is MISSING else option.default_factory()


def _comments(made: Any) -> dict[str, str]:
    """The comment behind each field in the part's file: that is where an option is explained."""
    found = {}
    for line in Path(sys.modules[made.__module__].__file__ or "").read_text("utf-8").splitlines():
        name, colon, rest = line.strip().partition(": ")
        if colon and name.isidentifier() and "  # " in rest:
            found[name] = rest.partition("  # ")[2]
    return found


def search() -> str:
    """The query language, with every alias and field."""
    aliases = [f"| `{name}` | `{field}` |" for name, field in sorted(ALIASES.items())]
    known = [f"| `{each.name}` | {each.kind} | {each.help} |" for each in FIELDS.values()]
    return "\n".join(
        [NOTE, (DOCS / "search.head.md").read_text("utf-8"), "## Short names\n", "| write | for |\n|---|---|", *aliases,
         "", "## Fields\n", "| field | type | |\n|---|---|---|", *known, ""]
    )  # fmt: skip


def rules() -> str:
    """Every shipped rule."""
    pack = load(rule_folders(["shipped"]))
    order = ("critical", "high", "medium", "low", "informational")
    found = sorted(
        pack.rules, key=lambda rule: (rule.path.parent.name, order.index(rule.info.level), rule.info.rule_id)
    )
    rows = [
        f"| {rule.info.level} | `{rule.info.rule_id}` | {rule.info.name} | {' '.join(rule.info.techniques)} | {rule.path.parent.name} |"
        for rule in found
    ]
    head = f"# Rules\n\n{len(rows)} rules are shipped. `tallyman rules show RULE` prints one; each carries tests and says when it is wrong.\n"
    return "\n".join([NOTE, head, "| level | rule | | ATT&CK | pack |\n|---|---|---|---|---|", *rows, ""])


PAGES = {"cli.md": commands, "configuration.md": configuration, "search.md": search, "rules.md": rules}


def main() -> int:
    stale = [
        name
        for name, make in PAGES.items()
        if not (DOCS / name).exists() or (DOCS / name).read_text("utf-8") != make()
    ]
    if "--check" in sys.argv:
        print(*(f"docs/{name} is not up to date: python docs/reference.py" for name in stale), sep="\n")
        return 1 if stale else 0
    for name in stale:
        (DOCS / name).write_text(PAGES[name](), "utf-8")
        print(f"wrote docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
