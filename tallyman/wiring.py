"""Put the parts together that a configuration names: the one place where everything meets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from collector.formats import FORMATS
from collector.sources import SOURCES
from detectors import DETECTORS
from event_model.behaviour import Behaviour
from event_model.errors import ConfigError, nearest
from event_model.parts import Detector, Source
from rules.engine import Engine, Rule
from sinks import SINKS
from store import retention
from store.times import parse_duration
from tallyman.config import Config, DetectorsConfig
from tallyman.normalizer import Normalizer

SHIPPED = "shipped"
SPIKE = 4  # times the budget may be told of on a single day


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


@lru_cache(64)  # asked whenever another file or connection is read from
def behaviour_of(format: str) -> Behaviour | None:
    """What a format tells of anyone's behaviour; None for one that does not, or that there is not."""
    found: Behaviour | None = None
    if format in FORMATS.names():
        found = getattr(FORMATS.find(format), "behaviour", None)
    return found


def make_detectors(
    section: DetectorsConfig, *, floor: float | None = None, budget: float | None = None
) -> dict[str, Detector]:
    """What looks on, each with its options: those that watch actors are one (`actors`). Raises ConfigError
    naming the key.

    `floor` (nats below which nothing is told) and `budget` (alerts a day) go before the configured ones.
    """
    from detectors._watch.watch import Options
    from detectors._watch.watcher import crew

    names, keys = DETECTORS.names(), sorted(DetectorsConfig.model_fields)
    for key, options in section.options.items():
        if key not in names:
            choices = ", ".join([*keys, *names])
            raise ConfigError(f"detectors: no key {key!r}; there are {choices}.{nearest(key, keys + names)}")
        if not isinstance(options, dict):
            raise ConfigError(f"detectors.{key}: must hold options, not {options!r}")
    given = {"floor": floor, "alerts_a_day": budget, "most_a_day": None if budget is None else SPIKE * budget}
    first = {option: value for option, value in given.items() if value is not None}
    made = {name: _detector(section, name, first) for name in dict.fromkeys(section.enabled)}
    together: dict[str, Detector] = crew(made, Options(**section.actors.model_dump()))
    for detector in together.values():
        detector.attach(behaviour_of)
    return together


def _detector(section: DetectorsConfig, name: str, first: Mapping[str, Any]) -> Any:
    """One detector with its options, and with the budget of each where it has none of its own; `first` are options
    that go before those, for detectors that have them."""
    options = dict(section.options.get(name) or {})
    try:
        takes = {each.name for each in fields(DETECTORS.find(name)) if each.init}
        if section.budget is not None and not options.keys() & {"alerts_a_day", "most_a_day"}:
            shared = {"alerts_a_day": section.budget, "most_a_day": SPIKE * section.budget}
            options |= {option: value for option, value in shared.items() if option in takes}
        options |= {option: value for option, value in first.items() if option in takes}
        return DETECTORS.make(name, options)
    except ConfigError as error:
        raise ConfigError(f"detectors.{name}: {error}") from None


class Bounds(NamedTuple):
    """What the configuration says about how long and how much."""

    age: timedelta | None  # keep no records that are older
    size: int | None  # and no more bytes
    window: float  # seconds in which matches of one group make one alert
    feedback: timedelta  # a verdict on a detector's alert counts for so long
    history: timedelta  # what a detector without memory learns from
    snapshots: timedelta  # from one snapshot to the next, at least


def bounds(config: Config) -> Bounds:
    """Raises ConfigError naming the key."""
    return Bounds(
        retention.age(config.store.retention),
        retention.size(config.store.max_size),
        _length("rules.group_window", config.rules.group_window).total_seconds(),
        _length("detectors.feedback", config.detectors.feedback),
        _length("detectors.history", config.detectors.history),
        _length("detectors.snapshot_every", config.detectors.snapshot_every),
    )


def _length(key: str, text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ConfigError(f"{key}: {error}") from None


def connection(config: Config) -> Any:
    """How to reach the configured cluster: a store.elastic.client.Connection. Raises ConfigError naming the key."""
    from store.elastic.client import Connection

    section = config.store.elasticsearch
    timeout = _length("store.elasticsearch.timeout", section.timeout).total_seconds()
    if not timeout:
        raise ConfigError(f"store.elasticsearch.timeout: {section.timeout!r} leaves no time to answer")
    return Connection(
        tuple(section.hosts), section.cloud_id, section.ca_file, section.fingerprint, section.api_key,
        section.api_key_file, section.username, section.password, section.password_file, section.plain_http,
        timeout,
    )  # fmt: skip


def make_normalizer(config: Config) -> Normalizer:
    return Normalizer({name: {} for name in config.sources})
