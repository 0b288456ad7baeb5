"""One rule, ready to run: what it says of itself, its condition compiled, its reason, its tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from event_model.alert import Match, RuleInfo
from event_model.errors import RuleError
from event_model.event import Event
from event_model.fields import FIELDS
from rules.engine import logsource, reason
from rules.engine.conditions import Lists, compile_detection
from rules.engine.document import Document
from rules.engine.explanation import explain
from rules.engine.expression import FALSE, Compiled, Expression, compile
from rules.engine.fields import TABLES
from rules.engine.logsource import RECORD, Logsource
from rules.engine.view import View

if TYPE_CHECKING:
    from sigma.rule import SigmaDetections

_LONGEST_LIST = 20


@dataclass(frozen=True, eq=False)
class Rule:
    """A Sigma rule compiled for every dataset that its logsource fits."""

    info: RuleInfo
    path: Path
    logsource: Logsource
    datasets: tuple[str, ...]  # ours that it can meet
    fields: tuple[str, ...]  # as it writes them
    needs: tuple[str, ...]  # bodies without which it can't be evaluated
    tests: dict[str, list[dict[str, Any]]]  # match and quiet: name and record
    expressions: dict[str, Expression] = field(repr=False)  # by dataset
    document: Document = field(repr=False)
    detections: SigmaDetections = field(repr=False)
    lists: Lists = field(repr=False)
    tell: Callable[[Event], str] | None = field(repr=False, default=None)

    @cached_property
    def record_expression(self) -> Expression:
        """Its condition over records of any shape."""
        try:
            return compile_detection(self.document, self.detections, TABLES[RECORD], self.lists)
        except RuleError:
            return FALSE  # names a field as no record of another shape can: found when it was loaded

    @cached_property
    def _compiled(self) -> dict[str, Compiled]:
        return {}

    def expression(self, dataset: str) -> Expression:
        if dataset == RECORD:
            return self.record_expression
        return self.expressions.get(dataset, FALSE)

    def predicate(self, dataset: str) -> Compiled:
        """The whole condition as one function."""
        if dataset not in self._compiled:
            self._compiled[dataset] = compile(self.expression(dataset))
        return self._compiled[dataset]

    def matches(self, event: Event) -> dict[str, Any] | None:
        """The fields and values by which the event meets this rule, or None."""
        view = View(event)
        dataset = logsource.dataset_of(event)
        return self.matched(view, dataset) if self.predicate(dataset)(view, view) else None

    def matched(self, view: View, dataset: str) -> dict[str, Any]:
        """Why an event meets this rule, of which it is known that it does."""
        found = explain(self.expression(dataset), view, view, met=True) or {}
        return {name: _shown(values) for name, values in found.items() if values}

    def match(self, view: View, dataset: str) -> Match:
        """The match that one event makes."""
        event = view.event
        return Match(
            rule=self.info,
            events=(event,),
            reason=self.tell(event) if self.tell else event.message,
            matched=self.matched(view, dataset),
            group=tuple(reason.shown(FIELDS[name].read(event)) for name in self.info.group_by),
        )


def _shown(values: list[Any]) -> Any:
    values = list(values[:_LONGEST_LIST])
    return values[0] if len(values) == 1 else values
