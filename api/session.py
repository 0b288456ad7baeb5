"""Log in by a one-time link, say who is asking, log out."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse, RedirectResponse
from pydantic import BaseModel, Field

from api.auth import COOKIE, WRITER, Caller, Secret, address, refuse
from api.problems import PROBLEMS
from api.services import Serve, Services

PAGE = Path(__file__).parent / "page"
LENGTH = timedelta(hours=12)  # of a session
router = APIRouter(tags=["session"], responses=PROBLEMS)
front = APIRouter(include_in_schema=False)


class Session(BaseModel):
    """Who is asking."""

    name: str = Field(description="Name of the token; decisions are written down under it.")
    role: str = Field(description="`analyst`, or `auditor` who only reads.")
    may_write: bool = Field(description="Whether this caller may decide on alerts.")


class Nothing(BaseModel):
    """An empty object: `{}`."""


@router.get("/session")
def who(token: Caller) -> Session:
    """Who is asking, and what they may."""
    return Session(name=token.name, role=token.role, may_write=token.role == WRITER)


@router.post("/logout", status_code=204)
def logout(serve: Serve, token: Caller, text: Secret, nothing: Nothing) -> Response:
    """End the session of this cookie. An API token stays valid: `tallyman token revoke` ends that."""
    if token.kind == "session":
        serve.tokens.end(text)
        serve.audit.log(token.name, "logout", {}, serve.now())
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


@front.get("/")
def page(
    request: Request, serve: Serve, text: Secret, token: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """The page. A one-time token in the address becomes a session, and leaves the address."""
    if not token:
        return FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-cache"})
    now = serve.now()
    made = serve.tokens.redeem(token, LENGTH.total_seconds(), now)
    answer = RedirectResponse("/", 303)
    if made is None:
        is_logged_in = text and serve.tokens.check(text, now)  # then a used link is as good as a bookmark
        return answer if is_logged_in else _refused(request, serve)
    found = serve.tokens.check(made, now)
    serve.audit.log(found.name if found else "", "login", {"from": address(request)}, now)
    answer.set_cookie(
        COOKIE, made, max_age=int(LENGTH.total_seconds()), httponly=True, samesite="strict",
        secure=_is_https(request),
    )  # fmt: skip
    return answer


def _refused(request: Request, serve: Services) -> Response:
    """The same as elsewhere, but for a person to read."""
    try:
        refuse(request, serve, "link")
    except HTTPException as error:
        text = f"{error.detail}. `tallyman token login` prints a new one.\n"
        return PlainTextResponse(text, error.status_code, error.headers)


def _is_https(request: Request) -> bool:
    """Whether the browser came by TLS that ends in front of us; a false claim only makes cookies stricter."""
    return request.headers.get("x-forwarded-proto", request.url.scheme).lower() == "https"
