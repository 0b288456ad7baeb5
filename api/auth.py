"""Who may ask: a bearer token, or the session cookie that a one-time link gave."""

from __future__ import annotations

from typing import Annotated, NoReturn

from fastapi import Depends, HTTPException, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from api.services import Serve, Services
from store.state import Token

COOKIE = "tallyman_session"
WRITER = "analyst"  # the role that may change things; whatever else there is may read
_FORGET = f"{COOKIE}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict"
_bearer = HTTPBearer(auto_error=False, description="A token made by `tallyman token create NAME`.")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="The session that a one-time link began.")


async def secret(
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    session: Annotated[str | None, Depends(_cookie)],
) -> str:
    """The token in plain text, as it came; empty where none did."""
    return given.credentials if given else session or ""


Secret = Annotated[str, Depends(secret)]


def caller(request: Request, serve: Serve, text: Secret) -> Token:
    """The token that the request came with; 401 without a valid one."""
    if not text:
        raise HTTPException(
            401, "a token is needed: `tallyman token create NAME`", {"WWW-Authenticate": "Bearer"}
        )
    token = serve.tokens.check(text, serve.now())
    if token is None:
        refuse(request, serve, "token" if "authorization" in request.headers else "session")
    return token


def analyst(token: Annotated[Token, Depends(caller)]) -> Token:
    """A caller who may change things; 403 for an auditor, who may only read."""
    if token.role != WRITER:
        raise HTTPException(403, f"the role {token.role} may read, and change nothing")
    return token


def address(request: Request) -> str:
    """Where the request came from: the peer, never what a header claims."""
    return request.client.host if request.client else ""


def refuse(request: Request, serve: Services, what: str) -> NoReturn:
    """401 for a token that is not valid, 429 after too many; the first ones are written to the audit log."""
    now, place = serve.now(), address(request)
    if serve.attempts.failed(place, now.timestamp()) <= serve.attempts.most:
        serve.audit.log("", "login refused", {"from": place, "with": what}, now)
        headers = {"WWW-Authenticate": "Bearer"}
        if what == "session":
            headers["Set-Cookie"] = _FORGET
        raise HTTPException(401, f"this {what} is not valid (any more)", headers)
    wait = serve.attempts.wait(place, now.timestamp())
    raise HTTPException(429, "too many logins have failed", {"Retry-After": str(wait)})


Caller = Annotated[Token, Depends(caller)]
Analyst = Annotated[Token, Depends(analyst)]
