"""Find a part by its file's name: `type: webhook` is sinks/webhook.py, with no list to extend."""

from __future__ import annotations

import ast
import importlib
from dataclasses import dataclass, fields
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, get_type_hints

from event_model.errors import ConfigError, nearest


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts in one package: each a module that holds a dataclass named `kind`, its fields the options."""

    package: str  # collector.formats
    kind: str  # Format

    def names(self) -> list[str]:
        """What there is, sorted; nothing is imported."""
        folder = importlib.import_module(self.package).__path__
        return sorted(module.name for module in iter_modules(folder) if not module.name.startswith("_"))

    def find(self, name: str) -> Any:
        """The dataclass of one part. Raises ConfigError with the names there are."""
        names = self.names()
        if name not in names:
            folder = self.package.replace(".", "/")
            choices = ", ".join(names)
            raise ConfigError(f"{folder}/ has no {name!r}; it has {choices}.{nearest(name, names)}")
        return getattr(importlib.import_module(f"{self.package}.{name}"), self.kind)

    def make(self, name: str, options: dict[str, Any] | None = None) -> Any:
        """One part with its options checked by type. Raises ConfigError naming the option and what it may be."""
        made = self.find(name)
        allowed = sorted(each.name for each in fields(made) if each.init)
        checked = {}
        for option, value in (options or {}).items():
            if option not in allowed:
                choices = ", ".join(allowed) or "none"
                raise ConfigError(
                    f"{name} has no option {option!r}; its options: {choices}.{nearest(option, allowed)}"
                )
            checked[option] = _checked(made, name, option, value)
        try:
            return made(**checked)
        except TypeError as error:  # an option without a default
            raise ConfigError(
                f"{name}: {str(error).replace('.__init__()', '').replace('__init__() ', '')}"
            ) from None

    def help(self, name: str) -> str:
        """The first line of the part's docstring, read without importing it."""
        folder = importlib.import_module(self.package).__path__[0]
        text = ast.get_docstring(ast.parse((Path(folder) / f"{name}.py").read_text("utf-8"))) or ""
        return text.partition("\n")[0]


def _checked(made: Any, name: str, option: str, value: Any) -> Any:
    """The option's value as its type has it: `"10"` for a float is 10.0. Raises ConfigError."""
    from pydantic import TypeAdapter, ValidationError  # half of the start-up time of `--help`

    try:
        return TypeAdapter(get_type_hints(made)[option]).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in (option, *first["loc"]))
        raise ConfigError(f"{name}: {where}: {first['msg']}, not {first['input']!r}") from None
