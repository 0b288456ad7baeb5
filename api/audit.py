"""What people did with this program itself: logins, searches, decisions."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.auth import Caller
from api.problems import PROBLEMS
from api.services import Serve

router = APIRouter(prefix="/audit", tags=["audit"], responses=PROBLEMS)
Size = Annotated[int, Query(ge=1, le=1000, description="Acts on the page.")]
Behind = Annotated[
    int | None, Query(ge=0, lt=1 << 53, description="`number` of the last act of the page before.")
]
Actor = Annotated[str, Query(max_length=255, description="Only by this token's name.")]
Action = Annotated[
    str, Query(max_length=64, description="Only these: `search`, `view event`, `login`, `login refused` …")
]


class Act(BaseModel):
    """One thing that someone did."""

    number: int = Field(description="Grows, and is never given twice.")
    time: str = Field(description="RFC 3339.")
    actor: str = Field(description="Name of the token; empty where there was none.")
    action: str = Field(description="What was done.")
    detail: dict[str, Any] = Field(description="With what; never a token.")


class Acts(BaseModel):
    """One page of the audit log."""

    acts: list[Act] = Field(description="Newest first.")


@router.get("")
def listed(
    serve: Serve,
    token: Caller,
    size: Size = 100,
    after: Behind = None,
    actor: Actor = "",
    action: Action = "",
) -> Acts:
    """What was done with this program, newest first."""
    found = serve.audit.listed(size, actor=actor or None, action=action or None, after=after)
    return Acts(acts=[Act(**act) for act in found])
