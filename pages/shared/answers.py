"""Answers of the app's routes: their caching, and errors as one sentence.

In: a function that makes a response. Out: the response, run in a thread.
"""

from collections.abc import Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from sept_core import errors

FOREVER = "private, max-age=31536000, immutable"
"""For answers that never change: a uid names bytes, a sheet's URL names its revision."""

NEVER = "no-store"

IDENTITY = {"content-encoding": "identity"}

Endpoint = Callable[[Request], Awaitable[Response]]


async def answer(make: Callable[[], Response], cache: str = FOREVER) -> Response:
    """Return the response of `make`, run in a thread; an error becomes a 404 with its sentence.

    `cache` is the response's cache-control, unless `make` sets one itself.
    """
    try:
        response = await run_in_threadpool(make)
    except errors.SeptError as problem:
        return PlainTextResponse(str(problem), 404, {"cache-control": NEVER})
    response.headers.setdefault("cache-control", cache)
    return response


def key(request: Request) -> str:
    """Return the project key of a request; only projects opened on this machine have one."""
    return request.query_params.get("project", "")


def raw(data: bytes) -> Response:
    """Return bytes marked as encoded: compressing a million points costs more than it saves."""
    return Response(data, media_type="application/octet-stream", headers=IDENTITY)
