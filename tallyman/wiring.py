"""Put the parts together that a configuration names: the one place where everything meets."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from collector.sources import SOURCES
from event_model.errors import ConfigError
from event_model.parts import Source
from rules.engine import Engine, Rule
from sinks import SINKS
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


def make_sources(config: Config) -> dict[str, Source]:
    """Each configured source. Raises ConfigError naming the source."""
    made: dict[str, Source] = {}
    for name, section in config.sources.items():
        options: dict[str, Any] = {
            **section.options,
            "name": name,
            "cluster": section.cluster or config.cluster,
        }
        if section.format is not None:
            options["format"] = section.format
        try:
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


def make_normalizer(config: Config) -> Normalizer:
    return Normalizer({name: {} for name in config.sources})
