"""Alerts and what is decided about them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import BaseModel, Field, model_validator

from api.asking import After, When, cursor, uncursor
from api.auth import Analyst, Caller
from api.problems import CHANGED, FORBIDDEN, MISSING, PROBLEMS
from api.services import Serve
from store.triage import Changed, Unknown

router = APIRouter(prefix="/alerts", tags=["alerts"], responses=PROBLEMS)
Reason = Literal[
    "duplicate", "false_positive", "true_positive", "benign_positive", "automated_closure", "other"
]
Scope = Literal["entity", "group"]
Severity = Literal["low", "medium", "high", "critical"]
Status = Literal["open", "acknowledged", "closed"]
AnyStatus = Annotated[
    Literal["open", "acknowledged", "closed", "all"], Query(description="What was decided so far.")
]
Least = Annotated[Severity, Query(description="At least this severe.")]
Rule = Annotated[str, Query(description="Of this rule: its Sigma id, or its file's name.", max_length=255)]
User = Annotated[str, Query(description="By this user.", max_length=1000)]
Size = Annotated[int, Query(ge=1, le=1000, description="Alerts on the page.")]
Id = Annotated[str, Path(pattern="^[0-9a-f]{4,40}$", description="The alert's id, or how it begins.")]
AlertId = Annotated[str, Field(pattern="^[0-9a-f]{4,40}$")]


class Alert(BaseModel):
    """An alert in short."""

    id: str = Field(description="The same for the same rule and events, whenever they are read again.")
    rule_id: str = Field(description="Name of the rule's file.")
    rule_uuid: str = Field(description="Sigma id of the rule.")
    rule_name: str = Field(description="Title of the rule.")
    severity: Severity = Field(description="How bad.")
    risk_score: int = Field(description="0 to 100.")
    reason: str = Field(description="One sentence.")
    user: str | None = Field(description="Who did it.")
    start: str = Field(description="Time of its first event.")
    end: str = Field(description="Time of its last event.")
    count: int = Field(description="How many matches were folded into it.")
    last_detected: str = Field(description="When the last of them was found.")
    status: Status = Field(description="What was decided so far.")
    closed_as: Reason | None = Field(description="Why it was closed.")
    decided_by: str | None = Field(description="Who decided last.")
    decided: str | None = Field(description="When that was.")
    version: int = Field(description="Grows with every decision: give it back to `triage`.")


class AlertPage(BaseModel):
    """One page of alerts."""

    alerts: list[Alert] = Field(description="Newest first.")
    after: str | None = Field(description="Give it back for the next page; null at the end.")
    open: dict[Severity, int] = Field(
        description="How many alerts of each severity are open, of all there are."
    )


class Step(BaseModel):
    """One decision in an alert's history."""

    time: str = Field(description="RFC 3339.")
    user: str = Field(description="Who.")
    action: Literal["acknowledge", "close", "reopen"] = Field(description="What.")
    reason: Reason | None = Field(description="Why, for a closed one.")
    note: str = Field(description="In words.")
    scope: Scope = Field("entity", description="Of a detector's alert: for whom the verdict counts.")


class WholeAlert(Alert):
    """An alert with everything that is known of it."""

    document: dict[str, Any] = Field(
        description="The document that sinks are told: ECS and `kibana.alert.*`."
    )
    history: list[Step] = Field(description="Every decision, oldest first.")


class Decision(BaseModel):
    """One decision about one alert or many: about all of them, or none."""

    ids: list[AlertId] = Field(
        min_length=1, max_length=1000, description="Which alerts: their ids, or how they begin."
    )
    action: Literal["acknowledge", "close", "reopen"] = Field(description="What to do.")
    reason: Reason | None = Field(None, description="Why; needed to close.")
    note: str = Field("", max_length=10_000, description="In words, for whoever reads the history.")
    scope: Scope = Field(
        "entity",
        description="Of a detector's alert: for whom the verdict counts, the entity or its whole group.",
    )
    version: int | None = Field(
        None, ge=0, lt=1 << 53, description="Of one alert, as it was seen: 409 if someone has decided since."
    )

    @model_validator(mode="after")
    def _check(self) -> Decision:
        if self.action == "close" and self.reason is None:
            raise ValueError(f"closing asks for a reason: {', '.join(Reason.__args__)}")  # type: ignore[attr-defined]
        if self.version is not None and len(self.ids) > 1:
            raise ValueError("a version is of one alert; leave it out to decide about several")
        return self


class Decided(BaseModel):
    """What came of a decision."""

    changed: int = Field(description="Alerts that changed; the others stood so already.")


@router.get("")
def listed(
    serve: Serve, token: Caller, span: When, status: AnyStatus = "all", severity: Least = "low",
    rule: Rule = "", user: User = "", size: Size = 100, after: After = "",
) -> AlertPage:  # fmt: skip
    """One page of alerts, newest first, and how many of each severity are open."""
    page = serve.book.listed(
        status=None if status == "all" else status, severity=severity, rule=rule or None, user=user or None,
        **span._asdict(), limit=size, after=uncursor(after, tuple[float, int | str]),
    )  # fmt: skip
    return AlertPage(
        alerts=[Alert(**alert) for alert in page.alerts],
        after=cursor(page.after),
        open=serve.book.open_by_severity(),
    )


@router.get("/{id}", responses=MISSING)
def one(serve: Serve, token: Caller, id: Id) -> WholeAlert:
    """One alert with its whole document and history."""
    try:
        found = serve.book.show(id)
    except Unknown as error:
        raise HTTPException(404, str(error)) from None
    serve.audit.log(token.name, "view alert", {"id": found["id"]}, serve.now())
    return WholeAlert(**found)


@router.post("/triage", responses={**FORBIDDEN, **MISSING, **CHANGED})
def triage(serve: Serve, token: Analyst, decision: Decision) -> Decided:
    """Acknowledge, close or reopen; closing asks for a reason."""
    try:
        changed = serve.book.decide(
            decision.ids, decision.action, user=token.name, reason=decision.reason,
            note=decision.note, now=serve.now(), version=decision.version, scope=decision.scope,
        )  # fmt: skip
    except Unknown as error:
        raise HTTPException(404, str(error)) from None
    except Changed as error:
        raise HTTPException(409, str(error)) from None
    serve.audit.log(
        token.name, f"{decision.action} alerts", decision.model_dump(exclude={"version"}), serve.now()
    )
    return Decided(changed=changed)
