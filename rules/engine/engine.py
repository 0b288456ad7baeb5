"""Look at events as they pass, and say which rules they meet."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from event_model.alert import Match
from event_model.event import Event
from rules.engine import logsource
from rules.engine.memo import BRIEFS, EVENTS, NONE, Candidates, KindOf, Memo
from rules.engine.records import Records
from rules.engine.rule import Rule
from rules.engine.view import View

log = logging.getLogger(__name__)


class _Rules:
    """A set of rules with what has been learnt about them; swapped as a whole."""

    def __init__(self, rules: Iterable[Rule], kind_of: KindOf | None) -> None:
        self.rules = list(rules)
        self.events = {name: self._memo(name, EVENTS.get(name, NONE)) for name in logsource.SOURCES}
        self.briefs = {name: self._memo(name, fields, kind_of) for name, fields in BRIEFS.items()}
        self._records: Records | None = None

    def _memo(self, dataset: str, fields: Any, kind_of: KindOf | None = None) -> Memo:
        return Memo([rule for rule in self.rules if dataset in rule.datasets], dataset, fields, kind_of)

    @property
    def records(self) -> Records:
        if self._records is None:  # rare: nothing is compiled for them before there is one
            self._records = Records(self.rules)
        return self._records


class Engine:
    """All rules over one stream of events: an Inspector.

    `kind_of` tells `unwanted` what kind of user a name with its groups is (`tallyman.user.kind`), which a brief
    does not say.
    """

    def __init__(self, rules: Iterable[Rule], kind_of: KindOf | None = None) -> None:
        self._kind_of = kind_of
        self._rules = _Rules(rules, kind_of)
        self.failed = 0  # how often a rule broke on an event; the first time of each is logged
        self._told: set[str] = set()

    @property
    def rules(self) -> list[Rule]:
        return self._rules.rules

    def replace(self, rules: Iterable[Rule]) -> None:
        """Use these rules from the next batch on."""
        self._rules = _Rules(rules, self._kind_of)
        self._told = set()

    def inspect(self, events: list[Event]) -> list[Match]:
        """The matches of these events, in their order."""
        rules = self._rules  # one set for the whole batch
        found: list[Match] = []
        dataset, memo, brief = "", None, None
        for event in events:
            try:
                if event.dataset != dataset:
                    dataset = event.dataset
                    memo, brief = rules.events.get(dataset), rules.briefs.get(dataset)
                if brief is not None:  # what the record alone tells rules most events out, for the least
                    key = brief.key_of(event.native)
                    hints = brief.known.get(key)
                    if not (brief.learn(key) if hints is None else hints):
                        continue
                if memo is None:
                    candidates: Candidates | None = rules.records.candidates(event.native)
                else:
                    key = memo.key_of(event)
                    candidates = memo.known.get(key)
                    if candidates is None:
                        candidates = memo.learn(key)
            except Exception:  # an event that can't even be looked at must not cost the others
                self._count_failure("*")
                continue
            if candidates:
                found += self._tried(event, candidates)
        return found

    def _tried(self, event: Event, candidates: Candidates) -> Iterable[Match]:
        view = View(event)
        for rule, rest in candidates:
            try:
                if rest(view, view):
                    yield rule.match(view, logsource.dataset_of(event))
            except Exception:  # one rule that breaks on one event must not cost the others
                self._count_failure(rule.info.rule_id)

    def _count_failure(self, rule_id: str) -> None:
        self.failed += 1
        if rule_id not in self._told:  # once: it may fail on every event
            self._told.add(rule_id)
            log.exception("rule failed", extra={"rule": rule_id})

    def retell(self, match: Match, event: Event) -> Match:
        """The same match, told of its event as it may be kept: what met the rule may have been a secret."""
        for rule in self.rules:
            if rule.info.uuid == match.rule.uuid:
                return rule.match(View(event), logsource.dataset_of(event))
        return Match(match.rule, (event,), event.message, {}, match.group)  # the rule was replaced just now

    def unwanted(self, brief: Any, dataset: str = logsource.KUBERNETES) -> bool:
        """Whether no rule can want the record that this brief is of: then it need not be decoded whole."""
        memo = self._rules.briefs.get(dataset)
        if memo is None:
            return False
        key = memo.key_of(brief)
        candidates = memo.known.get(key)
        return not (memo.learn(key) if candidates is None else candidates)
