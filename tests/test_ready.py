"""Whatever threads decode into has been made ready: msgspec crashes where two of them are the first to use a type."""

from __future__ import annotations

import ast
import gc
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from event_model.ready import ready

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("api", "collector", "detectors", "event_model", "rules", "sinks", "store", "tallyman")
MODULES = [
    path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
    if path.name != "__main__.py"
]
NOT_DECODED = {"isinstance", "issubclass", "map"}  # what a type is given to otherwise


def is_ready(kind: type[Struct]) -> bool:
    """Whether msgspec has described the type: it holds the description."""
    return any(type(each).__name__ == "StructInfo" for each in gc.get_referents(kind))


def given(path: Path) -> Iterator[tuple[int, type[Struct]]]:
    """The Structs that are given to something while a function runs, with the lines where they are."""
    names = vars(
        importlib.import_module(
            ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        )
    )
    tree = ast.parse(path.read_text("utf-8"))
    functions = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    for call in (each for function in functions for each in ast.walk(function) if isinstance(each, ast.Call)):
        if ast.unparse(call.func) in NOT_DECODED:
            continue
        for argument in (*call.args, *(each.value for each in call.keywords)):
            found: Any = names.get(argument.id) if isinstance(argument, ast.Name) else None
            if isinstance(found, type) and issubclass(found, Struct):
                yield call.lineno, found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_types_that_are_decoded_into_are_made_ready_where_they_are_defined(path: Path) -> None:
    lacking = [f"line {line}: {kind.__name__}" for line, kind in given(path) if not is_ready(kind)]
    assert lacking == [], "event_model.ready has to be told of them"


def test_a_type_is_made_ready_with_all_that_it_holds() -> None:
    class Inner(Struct):
        number: int

    class Outer(Struct):
        inner: list[Inner]

    Outer.__annotations__["inner"] = list[Inner]  # names of a function can't be looked up
    assert not is_ready(Inner) and not is_ready(Outer)
    ready(Outer)
    assert is_ready(Inner) and is_ready(Outer)
