"""The loaded rules."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path
from pydantic import BaseModel, Field

from api.auth import Caller
from api.problems import MISSING, PROBLEMS
from api.services import Serve
from event_model.errors import nearest

router = APIRouter(prefix="/rules", tags=["rules"], responses=PROBLEMS)
RuleId = Annotated[str, Path(max_length=255, description="Its Sigma id, or its file's name without `.yml`.")]


class Rule(BaseModel):
    """What a rule says of itself."""

    id: str = Field(description="Sigma id.")
    rule_id: str = Field(description="Name of its file, without `.yml`.")
    name: str = Field(description="Title.")
    level: str = Field(description="Sigma level: informational, low, medium, high, critical.")
    path: str = Field(description="Its file.")
    logsource: dict[str, str] = Field(description="Which logs it is about: product, category, service.")
    techniques: list[str] = Field(description="MITRE ATT&CK ids.")
    controls: list[str] = Field(description="Controls that it evidences.")
    description: str = Field(description="What it means and why it matters.")
    falsepositives: list[str] = Field(description="When it is ordinary.")


class Rules(BaseModel):
    """The rules that are loaded."""

    rules: list[Rule] = Field(description="In the order of their files.")


@router.get("")
def every(serve: Serve, token: Caller) -> Rules:
    """Every loaded rule."""
    return Rules(rules=[Rule(**rule) for rule in serve.rules()])


@router.get("/{rule_id}", responses=MISSING)
def one(serve: Serve, token: Caller, rule_id: RuleId) -> Rule:
    """One rule."""
    loaded = serve.rules()
    for rule in loaded:
        if rule_id in (rule["id"], rule["rule_id"]):
            return Rule(**rule)
    hint = nearest(rule_id, [rule["rule_id"] for rule in loaded])
    raise HTTPException(404, f"no rule {rule_id!r}.{hint}")
