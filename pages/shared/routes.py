"""Routes that the app serves besides its pages: images, data of Curate, scripts; and headers.

GET only, by uid, selection id or a name in a known list, never by path.
"""

from typing import TYPE_CHECKING

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages.shared import access, answers, asset_tree, curate_routes, state

if TYPE_CHECKING:
    from sept_core.services.data import image_server

HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    # Streamlit compiles expressions and styles in the page and needs both `unsafe-` sources.
    "content-security-policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        "connect-src 'self' ws: wss: blob:; worker-src 'self' blob:; frame-ancestors 'none'; "
        "object-src 'none'; base-uri 'self'; form-action 'self'"
    ),
}


STOCK_TITLE = b"<title>Streamlit</title>"
OWN_TITLE = b"<title>SEPT</title>".ljust(len(STOCK_TITLE))  # the stated length of the page holds


class SecurityHeaders:
    """ASGI middleware that adds `HEADERS` to every HTTP response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                known = [(k, v) for k, v in message["headers"] if k.decode().lower() not in HEADERS]
                message["headers"] = [*known, *extra]
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class OwnTitle:
    """ASGI middleware that gives the page its title before any script has run."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_titled(message: Message) -> None:
            if message["type"] == "http.response.body" and STOCK_TITLE in message["body"][:4096]:
                message["body"] = message["body"].replace(STOCK_TITLE, OWN_TITLE, 1)
            await send(message)

        await self._app(scope, receive, send_titled if scope["type"] == "http" else send)


async def image(request: Request) -> Response:
    """Serve the image of a uid."""

    def make() -> Response:
        return _picture(state.opened(answers.key(request)).server.image(request.path_params["uid"]))

    return await answers.answer(make)


async def thumbnail(request: Request) -> Response:
    """Serve a small JPEG of a uid."""

    def make() -> Response:
        return _picture(
            state.opened(answers.key(request)).server.thumbnail(request.path_params["uid"])
        )

    return await answers.answer(make)


def _picture(found: "image_server.Picture") -> Response:
    """Return an image's bytes; images that depend on value ranges are not cached."""
    headers = None if found.lasting else {"cache-control": answers.NEVER}
    return Response(found.data, media_type=found.media_type, headers=headers)


async def asset(request: Request) -> Response:
    """Serve a script or style of the app, under the hash of the whole tree."""
    version, path = request.path_params["version"], request.path_params["path"]
    if not asset_tree.may_fetch(version):
        return _expired()

    def make() -> Response:
        found = asset_tree.find(version, path)
        return Response(found.data, media_type=found.media_type)

    return await answers.answer(make)


def _signed(endpoint: answers.Endpoint) -> answers.Endpoint:
    """Return an endpoint that requires a valid token if there is a login."""

    async def answer(request: Request) -> Response:
        if access.may_fetch(request.query_params.get("token", ""), answers.key(request)):
            return await endpoint(request)
        return _expired()

    return answer


def _expired() -> Response:
    text = "This address has expired; reload the page."
    return PlainTextResponse(text, 403, {"cache-control": answers.NEVER})


PATHS: dict[str, answers.Endpoint] = {
    "/images/{uid}": image,
    "/thumbnails/{uid}": thumbnail,
    **curate_routes.PATHS,
}
ROUTES = [
    *(Route(path, _signed(endpoint), methods=["GET"]) for path, endpoint in PATHS.items()),
    Route("/assets/{version}/{path:path}", asset, methods=["GET"]),
]
MIDDLEWARE = [
    Middleware(TrustedHostMiddleware, allowed_hosts=access.HOSTS),
    Middleware(SecurityHeaders),
    Middleware(OwnTitle),
    Middleware(access.OwnPages),
    Middleware(access.Door),
]
