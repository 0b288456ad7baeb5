"""The parts that the documentation shows in whole work when they are put where it says."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from event_model.discovery import Parts
from tests.detectors.acts import act, after, made, ordinary, told

DOCS = Path(__file__).resolve().parent.parent / "docs"


def part(page: str) -> str:
    """The first block of Python on a page."""
    found = re.search(r"```python\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)
    assert found, page
    return found[1]


@pytest.fixture
def parts(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    """The parts of a package, with one more that a page shows: (package, kind, name, page)."""
    package, kind, name, page = request.param
    (tmp_path / f"{name}.py").write_text(part(page), "utf-8")
    folder = importlib.import_module(package)
    monkeypatch.setattr(folder, "__path__", [*folder.__path__, str(tmp_path)])
    yield Parts(package, kind)
    sys.modules.pop(f"{package}.{name}", None)


@pytest.mark.parametrize("parts", [("sinks", "Sink", "lines", "add-a-sink.md")], indirect=True)
def test_the_sink_appends_a_line_for_each_alert(parts: Parts, tmp_path: Path) -> None:
    alerts = [{"kibana": {"alert": {"reason": f"{name} read a secret"}}} for name in ("alice", "bob")]
    parts.make("lines", {"path": str(tmp_path / "alerts.txt")}).send(alerts)
    assert (tmp_path / "alerts.txt").read_text() == "alice read a secret\nbob read a secret\n"


@pytest.mark.parametrize(
    "parts", [("detectors", "Detector", "strangers", "add-a-detector.md")], indirect=True
)
def test_the_detector_tells_of_a_network_that_nobody_acted_from(parts: Parts) -> None:
    detector = made(parts.make("strangers"))
    assert told(detector, ordinary(4.0)) == []
    known = act("app1", "list pods", after(4.0), source="10.0.0.0/24")
    strange = act("app2", "list pods", after(4.0), source="203.0.113.0/24")
    elsewhere = act("app2", "list widgets", after(4.0) + timedelta(minutes=1), source="203.0.113.0/24")
    (match,) = told(detector, [known, strange, elsewhere])
    assert match.events == (strange,) and match.group == ("app2",)
    assert match.rule.rule_id == "behaviour_strangers" and "first from 203.0.113.0/24" in match.reason
