"""How things stand, for a person and for a probe."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from api.auth import Caller
from api.problems import PROBLEMS
from api.services import Serve

router = APIRouter(tags=["status"], responses=PROBLEMS)
probes = APIRouter(tags=["status"])


class Alive(BaseModel):
    """The process answers."""

    status: str = Field(description="`ok`.")


class Ready(BaseModel):
    """Whether everything works that must."""

    status: str = Field(description="`ok` or `unavailable`.")
    checks: dict[str, str] = Field(description="By check: `ok`, or what is wrong.")


class Status(BaseModel):
    """How things stand."""

    model_config = ConfigDict(extra="allow")
    running: bool = Field(description="Whether a `tallyman run` writes this store.")
    events: int | None = Field(description="Events in the store; null while its cluster is away.")
    alerts_open: dict[str, int] = Field(description="Open alerts by severity.")
    rules: dict[str, int] = Field(description="How many are loaded, and left out.")
    sources: dict[str, dict[str, float]] = Field(description="By source: what was counted since the start.")
    detectors: dict[str, dict[str, float]] = Field(
        description="By detector: what it found, how much it remembers, whether it is still learning."
    )
    sinks: dict[str, dict[str, int]] = Field(description="By sink: how many alerts wait, and were given up.")
    store: dict[str, Any] = Field(description="Where it is, how large, how long it keeps.")
    feed: dict[str, Any] | None = Field(
        None, description="How far a cluster is behind the journal of this machine, and what hinders it."
    )


@router.get("/status")
def status(serve: Serve, token: Caller) -> Status:
    """Sources, store, rules, sinks and what was counted."""
    return Status(**serve.status())


@probes.get("/healthz")
async def alive() -> Alive:
    """The process answers."""
    return Alive(status="ok")


@probes.get("/readyz", responses={503: {"model": Ready, "description": "Names what does not work."}})
def ready(serve: Serve, response: Response) -> Ready:
    """Whether store and journal can be used; 503 names what can't."""
    checks = serve.ready()
    fine = all(result == "ok" for result in checks.values())
    response.status_code = 200 if fine else 503
    return Ready(status="ok" if fine else "unavailable", checks=checks)
