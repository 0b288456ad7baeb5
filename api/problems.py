"""Say what went wrong, always as `{"detail": "…"}`."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from event_model.errors import QueryError, StoreError


class Problem(BaseModel):
    """What went wrong, and what to do about it."""

    detail: str = Field(description="In words.")
    text: str | None = Field(None, description="Of a query: what could not be understood.")
    column: int | None = Field(None, description="Of a query: where in it, from 0.")


PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "A query, time or cursor that can't be understood."},
    401: {"model": Problem, "description": "No valid token."},
    422: {"model": Problem, "description": "A parameter that is not what it should be: names it."},
    429: {"model": Problem, "description": "Too many failed logins: `Retry-After` says how many seconds."},
    503: {"model": Problem, "description": "The store can't be read or written just now: says why."},
}
FORBIDDEN: dict[int | str, dict[str, Any]] = {
    403: {"model": Problem, "description": "This role may only read."},
    413: {"model": Problem, "description": "The body is too long."},
    415: {"model": Problem, "description": "The body is not `application/json`."},
}
MISSING: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "There is none."}}
CHANGED: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "description": "Someone else decided meanwhile: says who and when."}
}


def explain(app: FastAPI) -> None:
    """Turn errors into answers."""
    app.add_exception_handler(QueryError, _misunderstood)
    app.add_exception_handler(StoreError, _unavailable)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _failed)


async def _misunderstood(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, QueryError)
    told = {"detail": error.message, "text": error.text, "column": error.column}
    return JSONResponse(told if error.text else {"detail": error.message}, 400)


async def _unavailable(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 503, {"Retry-After": "5"})


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """Names the parameter, and never repeats the value: it might be a secret in the wrong place."""
    assert isinstance(error, RequestValidationError)
    found = [
        f"{'.'.join(str(part) for part in each['loc'][1:]) or 'body'}: {each['msg']}"
        for each in error.errors()
    ]
    return JSONResponse({"detail": "; ".join(found)}, 422)


async def _failed(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": "an error of ours; the log has it"}, 500)
