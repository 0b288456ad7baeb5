"""Put the parts together that a configuration names: the one place where everything meets."""

from __future__ import annotations

import gc
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from collector.formats import FORMATS
from collector.sources import SOURCES
from event_model.errors import ConfigError
from event_model.parts import Source
from rules.engine import Engine, Rule
from sinks import SINKS
from store import retention
from store.times import parse_duration
from tallyman.config import Config
from tallyman.normalizer import Normalizer

SHIPPED = "shipped"


def rule_folders(packs: Iterable[str]) -> list[Path]:
    """The folders that `packs` names; `shipped` stands for the rules that come with the program."""
    import rules

    folders: list[Path] = []
    for pack in packs:
        if pack == SHIPPED:
            home = Path(rules.__path__[0])
            folders += sorted(path for path in home.iterdir() if path.is_dir() and any(path.glob("*.yml")))
        elif Path(pack).is_dir():
            folders.append(Path(pack))
        else:
            raise ConfigError(f"rules: {pack!r} is no folder; name a folder of Sigma rules, or {SHIPPED!r}")
    return folders


def make_engine(rules: Iterable[Rule]) -> Engine:
    """The rule engine, which is told here what kind of user a Kubernetes name is."""
    from collector.kubernetes.people import user_kind

    return Engine(rules, kind_of=user_kind)


def settle() -> None:
    """Leave what was loaded so far out of garbage collection: rules are some 85,000 objects that stay for good,
    and what flows by is freed by itself, so that the collector finds nothing however often it looks."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def make_sources(config: Config) -> dict[str, Source]:
    """Each configured source. Raises ConfigError naming the source."""
    made: dict[str, Source] = {}
    for name, section in config.sources.items():
        options: dict[str, Any] = {
            **section.options,
            "name": name,
            "cluster": section.cluster or config.cluster,
        }
        try:
            if section.format is not None:
                FORMATS.find(section.format)
                options["format"] = section.format
            made[name] = SOURCES.make(section.type, options)
        except ConfigError as error:
            raise ConfigError(f"sources.{name}: {error}") from None
    return made


def make_sinks(config: Config) -> dict[str, Any]:
    """Each configured sink. Raises ConfigError naming the sink."""
    made = {}
    for name, section in config.sinks.items():
        try:
            made[name] = SINKS.make(section.type, section.options)
        except ConfigError as error:
            raise ConfigError(f"sinks.{name}: {error}") from None
    return made


class Bounds(NamedTuple):
    """What the configuration says about how long and how much."""

    age: timedelta | None  # keep no records that are older
    size: int | None  # and no more bytes
    window: float  # seconds in which matches of one group make one alert


def bounds(config: Config) -> Bounds:
    """Raises ConfigError naming the key."""
    try:
        window = parse_duration(config.rules.group_window).total_seconds()
    except ValueError as error:
        raise ConfigError(f"rules.group_window: {error}") from None
    return Bounds(retention.age(config.store.retention), retention.size(config.store.max_size), window)


def connection(config: Config) -> Any:
    """How to reach the configured cluster: a store.elastic.client.Connection. Raises ConfigError naming the key."""
    from store.elastic.client import Connection

    section = config.store.elasticsearch
    try:
        timeout = parse_duration(section.timeout).total_seconds()
    except ValueError as error:
        raise ConfigError(f"store.elasticsearch.timeout: {error}") from None
    return Connection(
        tuple(section.hosts), section.cloud_id, section.ca_file, section.fingerprint, section.api_key,
        section.api_key_file, section.username, section.password, section.password_file, section.plain_http,
        timeout,
    )  # fmt: skip


def make_normalizer(config: Config) -> Normalizer:
    return Normalizer({name: {} for name in config.sources})
