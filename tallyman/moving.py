"""Copy a store, see that the other holds all of it, and say what to do where it doesn't."""

from __future__ import annotations

from collections.abc import Callable

import click
from rich.progress import Progress

from tallyman import copying
from tallyman.config import Config
from tallyman.copying import Compared, Copied
from tallyman.output import number


def to_cluster(config: Config, compare: bool, bar: Progress) -> bool:
    """Whether the cluster has what the journal has, as far as was compared."""
    done = copying.to_cluster(config, _progress(bar, "copy"))
    _tell(done)
    found = copying.compare(config, _progress(bar, "compare"), done.until) if compare else None
    if found is None or not found.lacking_there:
        copying.trust(config, done)
        return _fine(
            found, "the cluster has all that was copied, and more: of other machines, or of a run meanwhile"
        )
    copying.doubt(config)
    if done.whole:  # what was refused is where it belongs, and a run need not try it again
        copying.trust(config, done)
        return _lacking(
            found, f"the cluster lacks {_sum(found.lacking_there)} though all of it was sent: refused (tallyman deadletter "
            "list), or deleted meanwhile. The same command again looks for all of it"
        )  # fmt: skip
    return _lacking(
        found, f"the cluster lacks {_sum(found.lacking_there)} of an earlier copy, and this one sent only what is new. "
        "The same command again looks for all of it and writes what is missing"
    )  # fmt: skip


def from_cluster(config: Config, compare: bool, bar: Progress) -> bool:
    """Whether the journal has what the cluster has, as far as was compared."""
    _tell(copying.from_cluster(config, _progress(bar, "copy")))
    found = copying.compare(config, _progress(bar, "compare")) if compare else None
    if found and found.lacking_here:
        click.echo(
            f"{_sum(found.lacking_here)} came late to the cluster and is looked for by itself", err=True
        )
        _tell(copying.from_cluster(config, _progress(bar, "copy what came late"), found))
        found = copying.compare(config, _progress(bar, "compare"))
    if found is None or not found.lacking_here:
        return _fine(found, "this machine has all of the cluster's, and more")
    return _lacking(
        found, f"this machine lacks {_sum(found.lacking_here)}, which came in meanwhile. The same command again copies it"
    )  # fmt: skip


def _progress(bar: Progress, doing: str) -> Callable[[int], None]:
    task = bar.add_task(doing, total=None)
    return lambda more: bar.advance(task, more)


def _tell(done: Copied) -> None:
    click.echo(
        f"copied {number(done.events, 'event')} and {number(done.alerts, 'alert')}; {done.known:,} were there already, "
        f"{done.refused:,} refused", err=True,
    )  # fmt: skip


def _fine(found: Compared | None, more: str) -> bool:
    if found:
        _days(found)
        click.echo(more if found.unlike else f"both hold the same {number(found.events, 'event')}", err=True)
    return True


def _lacking(found: Compared, advice: str) -> bool:
    _days(found)
    click.echo(advice, err=True)
    return False


def _days(found: Compared) -> None:
    for day, here, there in found.unlike:
        click.echo(f"{day}: {here:,} events on this machine, {there:,} in the cluster", err=True)


def _sum(days: dict[str, int]) -> str:
    return number(sum(days.values()), "event")
