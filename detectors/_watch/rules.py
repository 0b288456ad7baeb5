"""What a detector's alerts say of their rule: one for each level that it tells at."""

from __future__ import annotations

from event_model.alert import RuleInfo

LEVELS = ("low", "medium", "high")


def rules(
    uuid: str,
    rule_id: str,
    name: str,
    description: str | None,
    *,
    group_by: str = "user.name",
    levels: tuple[str, ...] = LEVELS,
) -> dict[str, RuleInfo]:
    """By level: the same rule, told louder. `group_by` is the field that names the entity."""
    return {
        level: RuleInfo(
            uuid, rule_id, name, level, description or "", tags=("behaviour",), group_by=(group_by,)
        )
        for level in levels
    }
