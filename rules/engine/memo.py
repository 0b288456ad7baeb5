"""Decide most events by a few cheap fields, once for each combination of their values.

A key is a tuple of those fields. For each value of one field a bit mask says which rules that value alone
excludes; what is left of all masks is tried on the whole key, three-valued: no, yes, or "yes if this rest is
met". The answers are remembered by key, so that an event that looks like an earlier one costs a look-up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rules.engine import logsource
from rules.engine.expression import (
    FALSE,
    TRUE,
    Compiled,
    Expression,
    compile,
    leaves,
    possible,
    simplify,
)
from rules.engine.rule import Rule

MOST_KEYS = 20_000  # then they are forgotten and learnt again: keys hold what attackers choose
MOST_VALUES = 4_000  # of one field, likewise
LONGEST = 1024  # characters of a key that is remembered
Key = tuple[Any, ...]
KindOf = Callable[[str, tuple[str, ...]], str]  # of a name and its groups
Candidates = tuple[tuple[Rule, Compiled], ...]


class Fields:
    """The fields of a key, and how to read them of an event or a brief."""

    def __init__(self, names: str, read: Callable[[Any], Key]) -> None:
        self.names, self.read = tuple(names.split()), read


_KUBERNETES = "stage verb resource namespace apiGroup subresource username groups userAgent code impersonated"
_KUBERNETES += " notes bodies"


def _kubernetes_key(native: Any) -> Key:
    """Of a whole record or a brief: every one passes here, so it is one tuple, made without a detour."""
    ref, user, status, other = native.objectRef, native.user, native.responseStatus, native.impersonatedUser
    name, groups = (None, ()) if user is None else (user.username, tuple(user.groups))
    code = None if status is None else status.code
    impersonated = None if other is None else other.username
    bodies = (1 if len(native.requestObject) else 0) + (2 if len(native.responseObject) else 0)
    stage, verb, agent, notes = native.stage, native.verb, native.userAgent, tuple(native.annotations)
    if ref is None:
        return stage, verb, None, None, None, None, name, groups, agent, code, impersonated, notes, bodies
    kind, space, group, sub = ref.resource, ref.namespace, ref.apiGroup, ref.subresource
    return stage, verb, kind, space, group, sub, name, groups, agent, code, impersonated, notes, bodies


def _kubernetes_event(event: Any) -> Key:
    return _kubernetes_key(event.native) + (event.user_kind, event.outcome)  # noqa: RUF005 - half the time of a star


def _docker_event(event: Any) -> Key:
    native = event.native
    return (native.Type, native.Action, native.scope)


EVENTS: dict[str, Fields] = {
    logsource.KUBERNETES: Fields(f"{_KUBERNETES} kind outcome", _kubernetes_event),
    logsource.DOCKER: Fields("Type Action scope", _docker_event),
}
BRIEFS: dict[str, Fields] = {logsource.KUBERNETES: Fields(_KUBERNETES, _kubernetes_key)}
NONE = Fields("", lambda event: ())


class _Asker:
    """One rule with the atoms that the memo's fields decide; what is left of it, by how they decide them."""

    def __init__(self, rule: Rule, dataset: str) -> None:
        self.rule, self.expression = rule, rule.expression(dataset)
        self.atoms = [leaf for leaf in leaves(self.expression) if leaf.memo]
        self.fields = {atom.memo for atom in self.atoms}
        self._left: dict[tuple[bool | None, ...], Compiled | None] = {}

    def left(self, known: Mapping[str, Any]) -> Compiled | None:
        """What is still to be asked of an event with these fields; None if it can't meet the rule."""
        answers = tuple([atom.decided(known) for atom in self.atoms])
        if answers not in self._left:
            by_atom = {id(atom): answer for atom, answer in zip(self.atoms, answers, strict=True)}
            rest = simplify(self.expression, lambda leaf: by_atom.get(id(leaf)))
            self._left[answers] = None if rest is FALSE else compile(rest)
        return self._left[answers]


class Memo:
    """Which of some rules can still want an event, by its key."""

    def __init__(
        self, rules: Sequence[Rule], dataset: str, fields: Fields, kind_of: KindOf | None = None
    ) -> None:
        self._names, self._kind_of = fields.names, kind_of
        self._askers = [asker for rule in rules if (asker := _Asker(rule, dataset)).expression is not FALSE]
        self._asked = [self._askers_of(name) for name in fields.names]
        self._masks: list[dict[Any, int]] = [{} for _ in fields.names]
        self._all = (1 << len(self._askers)) - 1
        self.key_of = fields.read
        self.known: dict[
            Key, Candidates
        ] = {}  # rules that an event with this key may meet, and what is left to ask

    def _askers_of(self, name: str) -> list[tuple[int, Expression]]:
        """What the rules ask of one field, and of what follows from it, by the rule's number."""
        names = {name, *_FOLLOWS.get(name, ())}
        return [
            (number, part)
            for number, asker in enumerate(self._askers)
            if names & asker.fields and (part := possible(asker.expression, names)) is not TRUE
        ]

    def learn(self, key: Key) -> Candidates:
        """The rules that may want an event with this key; remembers them."""
        left = self._all
        for index, value in enumerate(key):
            mask = self._masks[index].get(value)
            left &= self._mask(index, value) if mask is None else mask
            if not left:
                break
        found = self._tried(left, key) if left else ()
        if _length(key) <= LONGEST:
            if len(self.known) >= MOST_KEYS:
                self.known.clear()
            self.known[key] = found
        return found

    def _mask(self, index: int, value: Any) -> int:
        """A bit for each rule that this value of this field does not rule out."""
        mask, masks = self._all, self._masks[index]
        known = self._follow({self._names[index]: value})
        for number, expression in self._asked[index]:
            if simplify(expression, lambda leaf: leaf.decided(known)) is FALSE:
                mask &= ~(1 << number)
        if _length((value,)) <= LONGEST:
            if len(masks) >= MOST_VALUES:
                masks.clear()
            masks[value] = mask
        return mask

    def _tried(self, left: int, key: Key) -> Candidates:
        known = self._follow(dict(zip(self._names, key, strict=True)))
        found = []
        while left:
            number = (left & -left).bit_length() - 1  # of the lowest bit
            left &= left - 1
            asker = self._askers[number]
            rest = asker.left(known)
            if rest is not None:
                found.append((asker.rule, rest))
        return tuple(found)

    def _follow(self, known: dict[str, Any]) -> dict[str, Any]:
        """What is known, with what surely follows from it; an event itself holds both, a brief does not."""
        name, groups, code = known.get("username"), known.get("groups"), known.get("code")
        if name and groups is not None and self._kind_of and "kind" not in known:
            known["kind"] = self._kind_of(name, groups)
        if code is not None and code >= 400:
            known.setdefault("outcome", "failure")
        return known


_FOLLOWS = {"code": ("outcome",)}


def _length(key: Key) -> int:
    """How many characters a key holds."""
    length = 0
    for value in key:
        if isinstance(value, str):
            length += len(value)
        elif isinstance(value, tuple):
            length += _length(value)
    return length
