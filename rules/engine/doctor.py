"""Try rules on events and say of each how often it would have fired, and what keeps it from firing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec import Struct

from event_model.event import Event
from rules.engine import logsource
from rules.engine.advice import Advice, advise, is_memo
from rules.engine.expression import FALSE, Each, Expression, Keyword, Leaf, leaves, simplify
from rules.engine.memo import EVENTS, NONE
from rules.engine.pack import Pack
from rules.engine.rule import Rule
from rules.engine.view import View

_ENOUGH = 100_000  # distinct values of one field; then "never seen" is not said of it any more
_RANK = {"error": 0, "warning": 1, "info": 2}


class Finding(Struct, frozen=True):
    """One thing to know about a rule. `level` is error, warning or info."""

    rule_id: str
    path: str
    line: int
    level: str
    text: str


class Report(Struct, frozen=True):
    """What one rule would have done with the events that were given."""

    rule_id: str
    name: str
    path: str
    events: int  # of its logsource
    tried: int  # not decided by a few cheap fields alone
    fired: int
    blind: int  # not decided at all, for their records lack the bodies that it asks about
    findings: list[Finding]


def doctor(pack: Pack, events: Iterable[Event]) -> list[Finding]:
    """What to know about these rules: broken ones first, then rule by rule, worst first."""
    broken = [
        Finding(_stem(error.path), error.path, error.line, "error", error.message) for error in pack.errors
    ]
    return broken + [finding for report in examine(pack, events) for finding in report.findings]


def _stem(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[0]


def examine(pack: Pack, events: Iterable[Event]) -> list[Report]:
    """Each rule tried on each event; of the events only counts and values are kept."""
    patients = [_Patient(rule) for rule in pack.rules]
    seen = _Seen()
    for event in events:
        known = seen.note(event)
        view = View(event)
        for patient in patients:
            patient.look(view, known)
    return [patient.report(seen) for patient in patients]


class _Seen:
    """Which values each field of the memo had."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, set[object]]] = {}

    def note(self, event: Event) -> dict[str, object]:
        """The event's fields of the memo; their values are remembered."""
        dataset = logsource.dataset_of(event)
        fields = EVENTS.get(dataset, NONE)
        known = dict(zip(fields.names, fields.read(event), strict=True))
        columns = self._values.setdefault(dataset, {name: set() for name in fields.names})
        for name, value in known.items():
            if len(columns[name]) < _ENOUGH:
                columns[name].add(value)
        known.pop("bodies", None)  # a record that lacks them is blind, not decided
        return known

    def never(self, dataset: str, leaf: Leaf) -> bool:
        """Whether it is known that no value of its field was one that is asked for."""
        values = self._values.get(dataset, {}).get(leaf.memo, set())
        return 0 < len(values) < _ENOUGH and all(
            leaf.decided({leaf.memo: value}) is False for value in values
        )


class _Patient:
    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.events = self.tried = self.fired = self.blind = 0
        self.there: Counter[str] = Counter()  # in how many of the tried records a field had a value

    def look(self, view: View, known: dict[str, object]) -> None:
        dataset = logsource.dataset_of(view.event)
        expression = self.rule.expression(dataset)
        if expression is FALSE:
            return
        self.events += 1
        rest = simplify(expression, lambda leaf: leaf.decided(known))
        if rest is FALSE:
            return
        self.tried += 1
        self.there.update({leaf.name for leaf in outermost(rest) if _has_value(leaf, view)})
        if self.rule.predicate(dataset)(view, view):
            self.fired += 1
        elif any(_lacks(view, leaf.body) for leaf in leaves(rest) if leaf.body):
            self.blind += 1

    def report(self, seen: _Seen) -> Report:
        info, path = self.rule.info, str(self.rule.path)
        advice = sorted([*advise(self.rule), *self._say(seen)], key=lambda each: _RANK[each[0]])
        findings = [Finding(info.rule_id, path, line, level, text) for level, line, text in advice]
        return Report(
            info.rule_id, info.name, path, self.events, self.tried, self.fired, self.blind, findings
        )

    def _say(self, seen: _Seen) -> Iterator[Advice]:
        line = self.rule.document.line
        for dataset in self.rule.datasets:
            yield from self._say_fields(dataset, seen)
        if self.fired:
            yield "info", line("title"), f"fired {self.fired} times in {self.events} events"
        if self.blind:
            text = (
                f"could not be decided for {self.blind} events, whose records lack the bodies it asks about"
            )
            yield "warning", line("detection"), text

    def _say_fields(self, dataset: str, seen: _Seen) -> Iterator[Advice]:
        expression, line = self.rule.expression(dataset), self.rule.document.line("detection")
        for leaf in leaves(expression):
            if is_memo(leaf) and seen.never(dataset, leaf):
                yield "info", line, f"{leaf.name} never had a value that it asks for"
        if self.tried > self.blind:
            for name in dict.fromkeys(leaf.name for leaf in outermost(expression) if not is_memo(leaf)):
                if not self.there[name]:
                    yield "info", line, f"{name} had no value in the {self.tried} events that it was tried on"


def _has_value(leaf: Leaf, view: View) -> bool:
    return isinstance(leaf, Keyword) or bool(leaf.read(view))


def outermost(expression: Expression) -> Iterator[Leaf]:
    """The leaves that are read from the event itself, not from an element of one of its lists."""
    inside: set[int] = set()
    for leaf in leaves(expression):
        if isinstance(leaf, Each):
            inside.update(id(below) for below in leaves(leaf.inside))
        if id(leaf) not in inside:
            yield leaf


def _lacks(view: View, body: str) -> bool:
    """Whether a record does not hold a body, or only a remark in its place."""
    if body == "object":
        return view.object is None
    return not isinstance(view.request if body == "requestObject" else view.response, (dict, list))
