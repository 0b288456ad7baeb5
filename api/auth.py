"""Who may ask: a bearer token, or the session cookie that a one-time link gave."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials

from api.services import Services, services

COOKIE = "tallyman_session"
SESSION_HOURS = 12
bearer = HTTPBearer(auto_error=False, description="a token made by `tallyman token create`")


def caller(
    request: Request,
    serve: Annotated[Services, Depends(services)],
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)] = None,
) -> Any:
    """The token that the request came with; 401 without a valid one."""
    text = given.credentials if given else request.cookies.get(COOKIE, "")
    token = serve.tokens.check(text, serve.now()) if text else None
    if token is None:
        raise HTTPException(401, "a valid token is needed: `tallyman token create NAME`", {"WWW-Authenticate": "Bearer"})
    return token


def analyst(token: Annotated[Any, Depends(caller)]) -> Any:
    """A caller who may change things; 403 for an auditor, who may only read."""
    if token.role == "auditor":
        raise HTTPException(403, "an auditor's token can't change anything")
    return token


Caller = Annotated[Any, Depends(caller)]
Analyst = Annotated[Any, Depends(analyst)]
Serve = Annotated[Services, Depends(services)]
