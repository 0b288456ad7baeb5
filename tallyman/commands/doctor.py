"""Check everything that a run needs, and say what to do about what is missing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from glob import glob
from pathlib import Path

import click

from event_model.errors import ConfigError, StoreError
from tallyman.config import Config
from tallyman.opening import configuration
from tallyman.output import emit, number

Check = tuple[str, bool, str]  # what, whether it is fine, in which way
LOW_DISK = 1 << 30
FEW_WATCHES = 1024


@click.command(help=__doc__)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> int:
    fine = True
    for name, good, text in checks(lambda: configuration(context)):
        fine = fine and good
        if as_json:
            emit({"check": name, "ok": good, "text": text})
        else:
            click.echo(
                f"{click.style('ok  ', fg='green') if good else click.style('FAIL', fg='red')} {name}: {text}"
            )
    return 0 if fine else 3


def checks(read: Callable[[], Config]) -> Iterator[Check]:
    """Each check with its result; those that need the configuration end where it can't be read."""
    try:
        config = read()
    except ConfigError as error:
        yield "configuration", False, str(error)
        return
    yield (
        "configuration",
        True,
        f"{number(len(config.sources), 'source')}, {number(len(config.sinks), 'sink')}",
    )
    yield from _parts(config)
    yield from _rules(config)
    yield from _files(config)
    yield from _store(config)
    if config.store.type == "elasticsearch":
        yield from _cluster(config)
    yield _watches()


def _parts(config: Config) -> Iterator[Check]:
    from tallyman.wiring import make_detectors, make_sinks, make_sources

    def detectors(config: Config) -> object:
        return make_detectors(config.detectors)

    makers: tuple[tuple[str, Callable[[Config], object]], ...] = (
        ("sources", make_sources),
        ("sinks", make_sinks),
        ("detectors", detectors),
    )
    for name, make in makers:
        try:
            make(config)
            yield name, True, "their options are right"
        except ConfigError as error:
            yield name, False, str(error)


def _rules(config: Config) -> Iterator[Check]:
    from rules.engine import load
    from tallyman.wiring import rule_folders

    try:
        pack = load(rule_folders(config.rules.packs))
    except ConfigError as error:
        yield "rules", False, str(error)
        return
    text = f"{len(pack.rules)} loaded" + "".join(f"; left out: {error}" for error in pack.errors)
    yield "rules", not pack.errors, text


def _files(config: Config) -> Iterator[Check]:
    for name, section in config.sources.items():
        for pattern in section.options.get("paths", []):
            found = [path for path in glob(str(pattern), recursive=True) if Path(path).is_file()]
            unreadable = [path for path in found if not _readable(path)]
            if unreadable:
                yield (
                    f"source {name}",
                    False,
                    f"can't be read: {', '.join(unreadable[:3])}; run as a user who may",
                )
            elif found:
                yield f"source {name}", True, f"{pattern}: {number(len(found), 'file')}"
            else:
                yield f"source {name}", False, f"{pattern}: no such file yet; it will be read when it comes"


def _readable(path: str) -> bool:
    try:
        with open(path, "rb"):
            return True
    except OSError:
        return False


def _store(config: Config) -> Iterator[Check]:
    from store import retention

    path = config.store.path
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    try:
        retention.age(config.store.retention)
        retention.size(config.store.max_size)
        free = shutil.disk_usage(there).free
        yield "store", free > LOW_DISK, f"{path}: {free / 1e9:.1f} GB free on its disk"
    except (ConfigError, StoreError, OSError) as error:
        yield "store", False, str(error)


def _cluster(config: Config) -> Iterator[Check]:
    from store.elastic.check import check
    from tallyman.cluster import cluster

    try:
        with cluster(config) as (client, connection, names, age):
            for level, what, text in check(client, connection, names, age, "run"):
                yield what, level != "fail", text
    except ConfigError as error:
        yield "cluster", False, str(error)


def _watches() -> Check:
    limit = Path("/proc/sys/fs/inotify/max_user_watches")
    if not limit.exists():
        return "wake-up", True, "no inotify here: files are looked at every second"
    number = int(limit.read_text())
    text = f"{number} inotify watches" + (
        "" if number > FEW_WATCHES else "; few: sysctl fs.inotify.max_user_watches=65536"
    )
    return "wake-up", number > FEW_WATCHES, text
