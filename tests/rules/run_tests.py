"""Run the tests inside rule files: `python tests/rules/run_tests.py [FOLDER…]` prints those that fail."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from event_model.discovery import Parts  # noqa: E402
from event_model.errors import ConfigError  # noqa: E402
from event_model.event import Event, Origin, Record  # noqa: E402
from rules.engine import Pack, Rule, check, load  # noqa: E402
from rules.engine.logsource import DOCKER, KUBERNETES  # noqa: E402

FORMATS = Parts("collector.formats", "Format")
_FORMATS = {KUBERNETES: "kubernetes_audit", DOCKER: "docker_events"}


def normalizer(rule: Rule) -> Any:
    """How a record of the rule's logsource becomes an event."""
    name = next((_FORMATS[dataset] for dataset in rule.datasets if dataset in _FORMATS), "kubernetes_audit")
    form = FORMATS.make(name)
    origin = Origin(source="test", format=name)

    def normalize(record: dict[str, Any]) -> Event:
        event: Event = form.normalize(Record(json.dumps(record).encode()), origin)
        return event

    return normalize


def failures(pack: Pack) -> list[str]:
    """Everything wrong with these rules and their tests."""
    found = [str(error) for error in pack.errors]
    for rule in pack.rules:
        for kind in ("match", "quiet"):
            if not rule.tests.get(kind):
                found.append(f"{rule.path}: has no `{kind}` test")
        try:
            found += [str(failure) for failure in check(rule, normalizer(rule))]
        except ConfigError as error:  # its format is not written yet
            found.append(f"{rule.path}: not run: {error}")
    return found


def main(arguments: list[str]) -> int:
    pack = load([Path(each) for each in arguments] or [ROOT / "rules"])
    wrong = failures(pack)
    print(*wrong, sep="\n", end="\n" if wrong else "")
    tests = sum(len(examples) for rule in pack.rules for examples in rule.tests.values())
    print(f"{len(pack.rules)} rules, {tests} tests, {len(wrong)} problems")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
