"""Routes that the app serves besides its pages: images, review sheets, scripts; and headers.

GET only, by uid, selection id or a name in a known list, never by path.
"""

from typing import TYPE_CHECKING

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages.shared import access, answers, asset_tree, curate_routes, state
from sept_core import errors

if TYPE_CHECKING:
    from sept_core.services.data import image_server
    from sept_core.services.explore import point_map

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


async def sheet(request: Request) -> Response:
    """Serve the images of a selection in an order, for the review grid."""

    def make() -> Response:
        from sept_core.services.curate import (
            review_sheet,  # imports faiss, which the first page does not need
        )

        path = request.path_params
        with state.project(answers.key(request)) as project:
            order = review_sheet.Order(path["order"], path["position"])
            return JSONResponse(review_sheet.sheet(project, path["selection"], order))

    return await answers.answer(make)


async def why(request: Request) -> Response:
    """Serve the details shown next to the full-size image of a selection."""

    def make() -> Response:
        from sept_core.services.curate import (
            review_sheet,  # imports faiss, which the first page does not need
        )

        path = request.path_params
        with state.project(answers.key(request)) as project:
            return JSONResponse(review_sheet.why(project, path["selection"], path["uid"]))

    return await answers.answer(make, answers.NEVER)


def _map(request: Request) -> "point_map.Map":
    """Return the map of a request."""
    from sept_core.services.explore import (
        point_map,  # imports faiss, which the first page does not need
    )

    with state.project(answers.key(request)) as project:
        return point_map.load(project, request.path_params["encoder"])


async def map_points(request: Request) -> Response:
    """Serve x and y of every point of a map, 4 bytes for each point."""

    return await answers.answer(lambda: answers.raw(_map(request).points()))


async def map_colours(request: Request) -> Response:
    """Serve the colour class of every point of a map, 1 byte for each point."""

    def make() -> Response:
        from sept_core.services.explore import point_colours, point_map

        encoder = request.path_params["encoder"]
        with state.project(answers.key(request)) as project:
            drawn = point_map.load(project, encoder)
            by = request.query_params.get("by", "")
            return answers.raw(point_colours.colour(project, encoder, drawn, by).classes.tobytes())

    return await answers.answer(make)


async def map_targets(request: Request) -> Response:
    """Serve uids and places of each target set's images on a map."""

    return await answers.answer(lambda: JSONResponse(_map(request).target_places()))


async def map_nearest(request: Request) -> Response:
    """Serve the uid of the image nearest to a place on a map, or null."""

    def make() -> Response:
        try:
            x, y, within = (float(request.query_params[name]) for name in ("x", "y", "within"))
        except (KeyError, ValueError):
            raise errors.NotFoundError(
                "The request lacks x, y or within, or one is not a number."
            ) from None
        return JSONResponse({"uid": _map(request).nearest(x, y, within)})

    return await answers.answer(make)


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
    "/map/{encoder}/points/{revision}": map_points,
    "/map/{encoder}/colours/{revision}": map_colours,
    "/map/{encoder}/targets/{revision}": map_targets,
    "/map/{encoder}/nearest/{revision}": map_nearest,
    "/images/{uid}": image,
    "/thumbnails/{uid}": thumbnail,
    "/why/{selection}/{uid}": why,
    "/sheets/{selection}/{order}/{position:int}": sheet,
    **curate_routes.PATHS,
}
ROUTES = [
    *(Route(path, _signed(endpoint), methods=["GET"]) for path, endpoint in PATHS.items()),
    Route("/assets/{version}/{path:path}", asset, methods=["GET"]),
]
MIDDLEWARE = [
    Middleware(TrustedHostMiddleware, allowed_hosts=access.HOSTS),
    Middleware(SecurityHeaders),
    Middleware(access.OwnPages),
    Middleware(access.Door),
]
