"""Have the behaviour detectors learn from, score and explain what stands in files or in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from tallyman.output import emit, number, table, talk

FLOOR = 4.0  # nats below which nothing is worth a line
Decorated = Callable[..., Any]


@click.group(
    help="\b\nExamples:\n  tallyman detect train week/*.log.gz --out week.model\n  tallyman detect score today.log --model week.model\n"
    "  tallyman detect explain 3f9a0c\n  tallyman detect evaluate stream.jsonl --out alerts.jsonl --budget 3\n\n"
    + (__doc__ or "")
)
def command() -> None:
    pass


def choosing(made: Decorated) -> Decorated:
    """The options of every command here: which records, which detectors."""
    for option in (
        click.option(
            "--detector",
            "names",
            multiple=True,
            metavar="NAME",
            help="Only this one (default: those that are enabled).",
        ),
        click.option(
            "--format", "format_name", help="Format of the records (default: found out; `tallyman formats`)."
        ),
        click.argument("files", nargs=-1, metavar="[FILE]..."),
    ):
        made = option(made)
    return made


@command.command(
    help="\b\nExamples:\n  tallyman detect train week/*.log.gz --out week.model\n\n"
    "Learn what is usual, and write it down. Without FILE: from what the store holds."
)
@choosing
@click.option("--out", required=True, type=click.Path(dir_okay=False), help="File for what was learnt.")
@click.pass_context
def train(
    context: click.Context, files: tuple[str, ...], format_name: str | None, names: tuple[str, ...], out: str
) -> int:
    from tallyman.offline import keep, learn

    detectors = chosen(context, names)
    with Reading(context, files, format_name) as reading:
        count = learn(reading.events(), detectors)
    if not count:
        click.echo(f"nothing to learn from; {out} is left as it is", err=True)
        return 5
    size = keep(Path(out), detectors)
    talk().print(f"learnt from {number(count, 'event')}; {out}: {size:,} bytes", style="dim", markup=False)
    return reading.code


@command.command(
    help="\b\nExamples:\n  tallyman detect score today.log --model week.model\n  tallyman detect score today.log --json\n\n"
    "Say of everything unusual how much evidence there is, in nats, as it comes. Without FILE: in what the store holds. "
    "Without --model the detectors begin knowing nothing."
)
@choosing
@click.option("--model", type=click.Path(dir_okay=False), help="What `detect train` wrote.")
@click.option(
    "--floor",
    type=click.FloatRange(0),
    default=FLOOR,
    show_default=True,
    help="Nats below which nothing is told.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def score(
    context: click.Context, files: tuple[str, ...], format_name: str | None, names: tuple[str, ...],
    model: str | None, floor: float, as_json: bool,
) -> int:  # fmt: skip
    from detectors._evaluation import told as scored
    from tallyman.offline import findings, recall

    detectors = chosen(context, names, all_from=floor)
    if model:
        recall(Path(model), detectors)
    rows = []
    with Reading(context, files, format_name) as reading:
        for match in findings(reading.events(), detectors.values()):
            told = scored(match)
            if as_json:
                emit(
                    {
                        **told,
                        "rule_id": match.rule.rule_id,
                        "reason": match.reason,
                        "evidence": match.evidence,
                    }
                )
            else:
                rows.append(
                    [
                        told["time"][:19].replace("T", " "),
                        f"{told['score']:.1f}",
                        told["entity"],
                        match.reason,
                    ]
                )
    table("", ["time", "nats", "entity", "what is unusual"], rows)
    return reading.code


@command.command(
    help="\b\nExamples:\n  tallyman detect explain 3f9a0c\n  tallyman detect explain alice@example.com today.log --model week.model\n\n"
    "Give the reasons of a detector's alert of the store (the beginning of its id is enough), or of what is unusual in "
    "files about WHAT: an entity, or the id of an event."
)
@click.argument("what")
@choosing
@click.option("--model", type=click.Path(dir_okay=False), help="What `detect train` wrote.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def explain(
    context: click.Context, what: str, files: tuple[str, ...], format_name: str | None, names: tuple[str, ...],
    model: str | None, as_json: bool,
) -> int:  # fmt: skip
    if not files:
        explain_alert(context, what, as_json)
        return 0
    from detectors._evaluation import told as scored
    from tallyman.offline import findings, recall

    detectors = chosen(context, names, all_from=0.0)
    if model:
        recall(Path(model), detectors)
    seen, told = set(), 0
    with Reading(context, files, format_name) as reading:
        for match in findings(reading.events(), detectors.values()):
            one = scored(match)
            seen.add(str(one["entity"]))
            if what == one["entity"] or what in one["event_ids"]:
                told += 1
                explained(match.reason, one["time"], match.evidence, as_json)
    if not told:
        from event_model.errors import nearest

        raise click.UsageError(f"nothing unusual about {what!r} there.{nearest(what, seen)}")
    return reading.code


@command.command(
    help="\b\nExamples:\n  tallyman detect evaluate stream.jsonl.gz --out alerts.jsonl\n"
    "  tallyman detect evaluate stream.jsonl.gz --out alerts.jsonl --budget 3\n\n"
    "Write what the detectors would tell of records, in the order of time: a line each with `time`, `score`, `entity` "
    "and `event_ids`. Without --budget everything above --floor, for ranking; with it, what the online threshold would tell, "
    "without digests (what goes beyond the hard cap, four times the budget in 24 hours)."
)
@choosing
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False), help="File for the alerts; - for stdout."
)
@click.option(
    "--floor",
    type=click.FloatRange(0),
    help=f"Nats below which nothing is told (default: {FLOOR:g} without --budget).",
)
@click.option(
    "--budget", type=click.FloatRange(0, min_open=True), help="Alerts a day of each detector, on average."
)
@click.pass_context
def evaluate(
    context: click.Context, files: tuple[str, ...], format_name: str | None, names: tuple[str, ...],
    out: str, floor: float | None, budget: float | None,
) -> int:  # fmt: skip
    import orjson

    from detectors._evaluation import told as scored
    from tallyman.offline import findings

    if not files:
        raise click.UsageError("name the records: tallyman detect evaluate STREAM --out ALERTS")
    all_from = (FLOOR if floor is None else floor) if budget is None else None
    detectors = chosen(context, names, all_from=all_from, floor=floor, budget=budget)
    count = 0
    with Reading(context, files, format_name) as reading, click.open_file(out, "wb") as file:
        for match in findings(reading.events(), detectors.values()):
            if budget is not None and match.evidence.get("digest"):
                continue
            file.write(orjson.dumps(scored(match)) + b"\n")
            count += 1
    talk().print(
        f"{number(count, 'alert')} of {number(reading.records, 'record')}", style="dim", markup=False
    )
    return reading.code


def chosen(
    context: click.Context,
    names: tuple[str, ...],
    *,
    all_from: float | None = None,
    floor: float | None = None,
    budget: float | None = None,
) -> dict[str, Any]:
    """The detectors that are named, or enabled: with what their budget leaves, or all from so many nats on."""
    from detectors import DETECTORS
    from detectors._evaluation import tell_all
    from event_model.errors import nearest
    from tallyman.opening import configuration
    from tallyman.wiring import make_detectors

    section = configuration(context).detectors
    known = DETECTORS.names()
    for name in names:
        if name not in known:
            raise click.UsageError(
                f"no detector {name!r}; there are {', '.join(known)}.{nearest(name, known)}"
            )
    section = section.model_copy(update={"enabled": list(names) or section.enabled})
    detectors = make_detectors(section, floor=floor, budget=budget)
    if all_from is not None:
        for detector in detectors.values():
            tell_all(detector, all_from)
    return detectors


class Reading:
    """Records of files, or of the store where none is named; what could not be read is told at the end."""

    def __init__(self, context: click.Context, files: tuple[str, ...], format: str | None) -> None:
        from tallyman.reading import existing, known_format
        from tallyman.scanning import Scanned

        known_format(format)
        self._context, self._format, self._done = context, format, Scanned()
        self._files, self._paths = files, existing(files)

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, *raised: object) -> None:
        from tallyman.commands.scan import report

        report(self._done.troubles, 0)

    def events(self) -> Iterator[Any]:
        from tallyman.offline import in_time
        from tallyman.reading import stored_events

        if not self._files:
            return stored_events(self._context)
        return in_time(self._paths, self._format, self._done)

    @property
    def records(self) -> int:
        return self._done.records

    @property
    def code(self) -> int:
        """The exit code: 5 where something could not be read."""
        return 5 if self._done.troubles or len(self._paths) < len(self._files) else 0


def explain_alert(context: click.Context, id: str, as_json: bool) -> None:
    """The reasons of one alert of the store."""
    from store.alerts import Unknown
    from tallyman.opening import opened

    with opened(context) as store:
        try:
            alert = store.database.alerts.show(id)
        except Unknown as error:
            raise click.UsageError(f"{error}. For an entity or event, name FILES to look through") from None
    found = alert["document"].get("tallyman", {}).get("alert", {}).get("evidence")
    if not found:
        raise click.UsageError(
            f"alert {alert['id'][:8]} is of a rule, {alert['rule_id']}: `tallyman alerts show` says why"
        )
    explained(alert["reason"], alert["start"], found, as_json)


def explained(reason: str, time: str, found: dict[str, Any], as_json: bool) -> None:
    """Print one finding with its terms and what is usual."""
    from tallyman.explaining import evidence, usual

    if as_json:
        emit({"time": time, "reason": reason, **found})
        return
    who = reason.partition(": ")[0]  # the sentences follow as terms
    click.echo(f"{time[:19].replace('T', ' ')}  {who}\n")
    for line in evidence(found):
        click.echo(f"  {line}")
    click.echo("\n  usual")
    for name, value in usual(found.get("usual") or {}):
        click.echo(f"    {name:16} {value}")
    click.echo()
