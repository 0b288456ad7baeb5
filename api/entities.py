"""Who acts, and what is usual for them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import BaseModel, Field

from api.alerts import Alert
from api.auth import Caller
from api.problems import MISSING, PROBLEMS
from api.services import Serve

router = APIRouter(prefix="/entities", tags=["entities"], responses=PROBLEMS)
Name = Annotated[
    str,
    Path(
        description="A user, service account, node, container or network, as alerts name it.", max_length=1000
    ),
]
Where = Annotated[
    str | None,
    Query(
        description="As it is known in this cluster; of several, otherwise, in the one where it was seen last. "
        "Alerts are those of all.",
        max_length=1000,
    ),
]


class Entity(BaseModel):
    """What is known of one entity."""

    entity: str = Field(description="Its name.")
    as_of: str | None = Field(
        description="When the detectors' memory was written down; null if there is none."
    )
    usual: dict[str, dict[str, Any]] = Field(
        description="By detector, what is usual for it: actions, namespaces, addresses, clients, hours, peers …"
    )
    alerts: list[Alert] = Field(description="The latest alerts about it, newest first.")


@router.get("/{entity:path}", responses=MISSING)
def entity(serve: Serve, token: Caller, entity: Name, cluster: Where = None) -> Entity:
    """What is usual for an entity, and the latest alerts about it."""
    found = serve.entity(entity, cluster)
    if found is None:
        raise HTTPException(404, f"nothing is known of {entity!r}")
    serve.audit.log(token.name, "view entity", {"entity": entity}, serve.now())
    return Entity(**found)
