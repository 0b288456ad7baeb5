"""The loaded rules."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException

from api.auth import Caller, Serve

router = APIRouter(prefix="/rules", tags=["rules"])


@router.get("")
def every(serve: Serve, token: Caller) -> dict[str, Any]:
    """Every loaded rule: id, name, level, techniques, controls."""
    return {"rules": serve.rules()}


@router.get("/{rule_id}")
def one(serve: Serve, token: Caller, rule_id: str) -> dict[str, Any]:
    """One rule by its Sigma id or its file's name."""
    for rule in serve.rules():
        if rule_id in (rule["id"], rule["rule_id"]):
            return rule
    raise HTTPException(404, f"no rule {rule_id!r}")
