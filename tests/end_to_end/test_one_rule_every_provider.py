"""One rule, every provider: the same act in a plain, EKS, GKE or AKS record meets the same Kubernetes rules.

Each rule's own tests are the acts. All rules look at every one of them, and the whole sets of rules met are
compared; a rule is left out only where its file says, under `blind`, what the provider's records lack for it.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from collector.formats import FORMATS
from event_model.event import Origin, Record
from rules.engine import SHIPPED, Engine, Pack, Rule, load
from rules.engine.examples import audit_record
from tests.end_to_end.providers import PROVIDERS, Json, as_plain

FOLDER = SHIPPED / "kubernetes"
WRITERS: dict[str, tuple[str, Callable[[Json], bytes]]] = {
    "plain": ("kubernetes_audit", as_plain),
    **PROVIDERS,
}
EVERY_RULE = pytest.mark.parametrize("rule_id", sorted(path.stem for path in FOLDER.glob("*.yml")))
KINDS = ("match", "quiet")


@cache
def pack() -> Pack:
    return load([FOLDER])


@cache
def engine() -> Engine:
    return Engine(pack().rules)


@cache
def rules() -> dict[str, Rule]:
    return {rule.info.rule_id: rule for rule in pack().rules}


@cache
def reader(provider: str) -> tuple[Any, Origin, Callable[[Json], bytes]]:
    name, write = WRITERS[provider]
    return FORMATS.make(name), Origin(source="test", format=name), write


def met(record: Json, provider: str) -> set[str]:
    """The rules that an act meets, from the provider's bytes on."""
    form, origin, write = reader(provider)
    written = write(record)
    pieces = form.split(written) if written else ()
    events = [form.normalize(Record(bytes(piece)), origin) for piece in pieces]
    return {match.rule.rule_id for match in engine().inspect(events)}


def blind(rule: Rule) -> dict[str, str]:
    """Provider -> why this rule can't see there what it sees elsewhere."""
    return dict(rule.document.data.get("blind") or {})


@cache
def blind_on(provider: str) -> frozenset[str]:
    return frozenset(rule_id for rule_id, rule in rules().items() if provider in blind(rule))


def difference(record: Json, provider: str, about: str = "") -> str:
    """What a provider's record meets more or less than the plain one, but for the rules that are blind there.

    Where the provider records nothing of an act, only the rule that it is about must say so.
    """
    plain, delivered = met(record, "plain"), met(record, provider)
    if not reader(provider)[2](record):
        plain &= {about}
    missed, more = (sorted(each - blind_on(provider)) for each in (plain - delivered, delivered - plain))
    return f"{provider}: misses {missed}, adds {more}" if missed or more else ""


@EVERY_RULE
def test_the_same_acts_meet_the_same_rules_everywhere(rule_id: str) -> None:
    wrong = []
    for kind in KINDS:
        for example in rules()[rule_id].tests[kind]:
            record = audit_record(example["record"])
            told = (difference(record, provider, rule_id) for provider in PROVIDERS)
            wrong += [f"{kind} {example['name']!r}: {each}" for each in told if each]
    assert wrong == []


@EVERY_RULE
def test_no_rule_is_called_blind_where_it_sees(rule_id: str) -> None:
    rule = rules()[rule_id]
    for provider, reason in blind(rule).items():
        assert provider in PROVIDERS, f"blind: there is no provider {provider!r}"
        assert isinstance(reason, str) and len(reason.split()) > 2, f"blind on {provider}: no reason given"
        verdicts = [
            (rule_id in met(record, "plain"), rule_id in met(record, provider))
            for record in (audit_record(example["record"]) for kind in KINDS for example in rule.tests[kind])
        ]
        assert any(plain != there for plain, there in verdicts), f"declared blind on {provider}, but is not"


def test_every_file_of_rules_is_loaded() -> None:
    assert [str(error) for error in pack().errors] == []
    assert {path.stem for path in FOLDER.glob("*.yml")} == set(rules())


@pytest.mark.parametrize("file", ["story.json", "legitimate.json"])
def test_a_real_day_meets_the_same_rules_everywhere(file: str, sample_logs: Path) -> None:
    wrong = []
    for record in acts(sample_logs / "demo", file):
        wrong += [
            f"{record['auditID']}: {each}"
            for each in (difference(record, name) for name in PROVIDERS)
            if each
        ]
    assert wrong == []


def acts(folder: Path, file: str) -> list[Json]:
    """The recorded requests of the acts that a file tells of."""
    ids = {each for act in json.loads((folder / file).read_text("utf-8")) for each in act.get("auditIDs", ())}
    with gzip.open(folder / "kubernetes_audit.jsonl.gz") as lines:
        return [record for record in map(json.loads, lines) if record["auditID"] in ids]
