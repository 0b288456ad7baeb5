"""Alerts and what is decided about them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, Field

from api.auth import Analyst, Caller, Serve
from api.events import cursor, moment, uncursor
from store.alerts import Changed, Unknown

router = APIRouter(prefix="/alerts", tags=["alerts"])
Reason = Literal["duplicate", "false_positive", "true_positive", "benign_positive", "automated_closure", "other"]


class Triage(BaseModel):
    """One decision about one alert or many."""

    ids: list[str] = Field(min_length=1, max_length=1000)
    action: Literal["acknowledge", "close", "reopen"]
    reason: Reason | None = Field(None, description="needed to close")
    note: str = Field("", max_length=10_000)
    version: int | None = Field(None, description="of the alert as it was seen; 409 if someone changed it since")


@router.get("")
def listed(
    serve: Serve,
    token: Caller,
    status: Literal["", "open", "acknowledged", "closed"] = "",
    severity: Annotated[Literal["low", "medium", "high", "critical"], Query(description="at least")] = "low",
    rule: str = "",
    user: str = "",
    since: str | None = None,
    until: str | None = None,
    size: Annotated[int, Query(ge=0, le=1000)] = 100,
    after: str | None = None,
) -> dict[str, Any]:
    """One page of alerts, newest first, and how many of each severity are open."""
    now = serve.now()
    page = serve.book.listed(
        status=status or None, severity=severity, rule=rule or None, user=user or None,
        since=moment(since, now), until=moment(until, now), limit=size, after=uncursor(after),
    )  # fmt: skip
    return {"alerts": page.alerts, "after": cursor(page.after), "open": serve.book.open_by_severity()}


@router.get("/{id}")
def one(serve: Serve, token: Caller, id: str) -> dict[str, Any]:
    """One alert with its whole document and history; the beginning of its id is enough."""
    try:
        return dict(serve.book.show(id))
    except Unknown as error:
        raise HTTPException(404, str(error)) from None


@router.post("/triage")
def triage(serve: Serve, token: Analyst, decision: Triage) -> dict[str, Any]:
    """Acknowledge, close or reopen; closing asks for a reason."""
    if decision.action == "close" and decision.reason is None:
        raise HTTPException(422, "closing asks for a reason: true_positive, benign_positive, false_positive …")
    try:
        changed = serve.book.decide(
            decision.ids, decision.action, user=token.name, reason=decision.reason,
            note=decision.note, now=serve.now(), version=decision.version,
        )  # fmt: skip
    except Unknown as error:
        raise HTTPException(404, str(error)) from None
    except Changed as error:
        raise HTTPException(409, str(error)) from None
    serve.audit.log(token.name, f"{decision.action} alerts", {"ids": decision.ids}, serve.now())
    return {"changed": changed}
