"""What a rule says of itself: names, level, references, how its alerts are grouped and told, its tests."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from event_model.alert import LEVELS, RuleInfo
from event_model.errors import RuleError, nearest
from event_model.event import Event
from event_model.fields import FIELDS
from rules.engine import reason
from rules.engine.document import Document, Key
from rules.engine.logsource import DOCKER

BODIES = ("requestObject", "responseObject")
GROUP_BY = ("user.name", "orchestrator.namespace", "orchestrator.resource.name")
DOCKER_GROUP_BY = (
    "container.name",
    "container.image.name",
    "orchestrator.resource.name",
)  # nobody is named there
Tests = dict[str, list[dict[str, Any]]]


class Header:
    """Reads the keys outside the detection; what is wrong with them is added to `errors`."""

    def __init__(self, document: Document, errors: list[RuleError]) -> None:
        self.document, self.data, self.errors = document, document.data, errors

    def _error(self, message: str, *keys: Key) -> None:
        self.errors.append(self.document.error(message, *keys))

    def _text(self, key: str, default: str = "") -> str:
        value = self.data.get(key)
        if isinstance(value, (dict, list)):
            self._error(f"{key} must be text", key)
            return default
        return default if value is None else str(value).strip()

    def _texts(self, key: str, choices: Sequence[str] = ()) -> tuple[str, ...]:
        value = self.data.get(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            self._error(f"{key} must be a list", key)
            return ()
        for index, item in enumerate(value):
            if choices and str(item) not in choices:
                self._error(f"{key}: there is no field {item!r}.{nearest(str(item), choices)}", key, index)
        return tuple(str(item) for item in value)

    def info(self, rule_id: str, datasets: Sequence[str]) -> RuleInfo:
        level = self._text("level", "medium")
        if level not in LEVELS:
            self._error(
                f"there is no level {level!r}; it is one of {', '.join(LEVELS)}.{nearest(level, LEVELS)}",
                "level",
            )
        tags = self._texts("tags")
        usual = DOCKER_GROUP_BY if list(datasets) == [DOCKER] else GROUP_BY
        return RuleInfo(
            uuid=self._text("id") or str(uuid.uuid5(uuid.NAMESPACE_URL, rule_id)),
            rule_id=rule_id,
            name=self._text("title", rule_id),
            level=level,
            description=self._text("description"),
            author=self._text("author"),
            license=self._text("license"),
            version=self._text("version", "1"),
            tags=tags,
            techniques=_techniques(tags),
            controls=self._texts("controls"),
            references=self._texts("references"),
            false_positives=self._texts("falsepositives"),
            group_by=self._texts("group_by", tuple(FIELDS)) or usual,
        )

    def needs(self) -> tuple[str, ...]:
        """The bodies without which the rule can't be decided."""
        return self._texts("needs", BODIES)

    def reason(self) -> Callable[[Event], str] | None:
        """What tells an alert's reason, if the rule has its own words for it."""
        text = self._text("reason")
        if not text:
            return None
        try:
            return reason.template(text)
        except ValueError as error:
            self._error(f"reason: {error}", "reason")
            return None

    def placeholders(self) -> dict[str, list[str]]:
        """What %placeholders% stand for where nothing is configured."""
        value = self.data.get("placeholders")
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(texts, list) for texts in value.values()):
            self._error("placeholders must be a map of lists", "placeholders")
            return {}
        return {str(name): [str(text) for text in texts] for name, texts in value.items()}

    def tests(self) -> Tests:
        """Records that must and must not match, by `match` and `quiet`."""
        tests = self.data.get("tests")
        if tests is None:
            return {}
        if not isinstance(tests, dict):
            self._error("tests must be a map of `match` and `quiet`", "tests")
            return {}
        for kind, examples in tests.items():
            if kind not in ("match", "quiet"):
                self._error(f"tests: {kind!r} is neither `match` nor `quiet`", "tests", str(kind))
            elif not isinstance(examples, list):
                self._error(f"tests: {kind} must be a list", "tests", kind)
            else:
                self._check_examples(kind, examples)
        return tests

    def _check_examples(self, kind: str, examples: list[Any]) -> None:
        for index, example in enumerate(examples):
            if not isinstance(example, dict) or not isinstance(example.get("record"), dict):
                self._error("a test has a `name` and a `record` map", "tests", kind, index)


def _techniques(tags: tuple[str, ...]) -> tuple[str, ...]:
    """`T1611` of `attack.t1611`."""
    found = (tag.partition(".")[2].upper() for tag in tags if tag.lower().startswith("attack.t"))
    return tuple(name for name in found if name[1:2].isdigit())
