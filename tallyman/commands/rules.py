"""List, show, test and examine the rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tallyman.output import emit, severity, table


@click.group(help=__doc__)
def command() -> None:
    pass


def load_pack(folders: tuple[str, ...]) -> Any:
    """The rules of these folders, or the shipped ones; what is wrong with any is said on stderr."""
    from rules.engine import load
    from tallyman.wiring import SHIPPED, rule_folders

    pack = load(rule_folders(folders or (SHIPPED,)))
    for error in pack.errors:
        click.echo(f"rule left out: {error}", err=True)
    return pack


@command.command("list")
@click.option(
    "--rules",
    "folders",
    multiple=True,
    metavar="DIR",
    help="This pack instead of the shipped ones (`shipped` is them).",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def listed(folders: tuple[str, ...], as_json: bool) -> int:
    """Every rule."""
    pack = load_pack(folders)
    if as_json:
        for rule in pack.rules:
            emit(describe(rule))
    else:
        table(
            "",
            ["level", "rule", "name", "techniques"],
            (
                [severity(rule.info.level), rule.info.rule_id, rule.info.name, " ".join(rule.info.techniques)]
                for rule in pack.rules
            ),
        )
    return 5 if pack.errors else 0


def describe(rule: Any) -> dict[str, Any]:
    """What the list says of a rule (docs/cli.md)."""
    info = rule.info
    return {
        "id": info.uuid, "rule_id": info.rule_id, "name": info.name, "level": info.level, "path": str(rule.path),
        "logsource": {name: value for name, value in (("product", rule.logsource.product), ("category", rule.logsource.category), ("service", rule.logsource.service)) if value}, "techniques": list(info.techniques), "controls": list(info.controls),
        "description": info.description, "falsepositives": list(info.false_positives),
    }  # fmt: skip


@command.command()
@click.argument("rule_id")
@click.option("--rules", "folders", multiple=True, metavar="DIR")
def show(rule_id: str, folders: tuple[str, ...]) -> None:
    """One rule's file, by its id or file name."""
    from event_model.errors import nearest

    pack = load_pack(folders)
    for rule in pack.rules:
        if rule_id in (rule.info.uuid, rule.info.rule_id):
            click.echo(f"# {rule.path}", err=True)
            click.echo(Path(rule.path).read_text("utf-8"), nl=False)
            return
    raise click.UsageError(
        f"no rule {rule_id!r}.{nearest(rule_id, [rule.info.rule_id for rule in pack.rules])}"
    )


@command.command()
@click.argument("folders", nargs=-1)
def test(folders: tuple[str, ...]) -> int:
    """Run the tests inside each rule; exit 1 if one fails."""
    from rules.engine import check
    from tallyman.examples import normalizer

    pack = load_pack(folders)
    failures = [failure for rule in pack.rules for failure in check(rule, normalizer(rule))]
    for failure in failures:
        click.echo(f"FAIL {failure}")
    tested = sum(len(examples) for rule in pack.rules for examples in rule.tests.values())
    click.echo(f"{len(pack.rules)} rules, {tested} tests, {len(failures)} failed", err=True)
    return 1 if failures else 5 if pack.errors else 0


@command.command()
@click.argument("folders", nargs=-1)
@click.option(
    "--file",
    "files",
    multiple=True,
    metavar="FILE",
    help="Records to try the rules on (default: what the store holds).",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def doctor(context: click.Context, folders: tuple[str, ...], files: tuple[str, ...], as_json: bool) -> int:
    """For each rule: do its fields exist, were its values ever seen, how often would it have fired?"""
    import msgspec

    from rules.engine.doctor import examine
    from tallyman.reading import events_of, existing, stored_events

    pack = load_pack(folders)
    paths = existing(files)
    reports = examine(pack, events_of(paths) if files else stored_events(context))
    if as_json:
        for report in reports:
            emit(msgspec.to_builtins(report))
    else:
        table(
            "",
            ["rule", "fired", "blind", "remarks"],
            ([each.rule_id, each.fired, each.blind, _remarks(each)] for each in reports),
        )
        seen = max((report.events for report in reports), default=0)
        click.echo(
            f"{len(reports)} rules, {len(pack.errors)} left out, tried on up to {seen} events each", err=True
        )
    return 5 if pack.errors or len(paths) < len(files) else 0


def _remarks(report: Any) -> str:
    return "; ".join(each.text for each in report.findings if each.level != "info") or "ok"
