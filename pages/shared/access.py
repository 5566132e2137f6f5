"""Access control of an app that listens beyond this machine: login, and tokens in image URLs.

In: requests and the login settings of the environment. Out: requests that may pass, and tokens.
With a password, the login protects the whole server: without its cookie there is no page, no
socket and no image. With OIDC, Streamlit identifies the user and `require` admits known ones.
"""

import html
import time
from string import Template
from urllib.parse import parse_qs, urlsplit

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from pages.shared import notices, streamlit_compat
from sept_core import auth, errors
from sept_core.storage import app_files

COOKIE = "sept_login"
COOKIE_SECONDS = 12 * 3600
TOKEN_SECONDS = 3600
"""A token in a URL expires after one to two of these periods."""

MOST_BODY = 4096

LOGIN = auth.from_environment()
HOSTS = ("127.0.0.1", "localhost", *LOGIN.hosts)
"""The names under which the app answers."""

SIGNER = auth.Signer()
_TURNSTILE = auth.Turnstile()

_PAGE = Template((app_files.assets() / "login.html").read_text())


def check_address() -> None:
    """Refuse to listen beyond this machine without a login.

    Raises:
        InputError: the server listens beyond this machine, and no login is configured.
    """
    address = st.get_option("server.address") or "0.0.0.0"
    if not LOGIN.needed and not auth.is_this_machine(address):
        raise errors.InputError(
            f"Listening on {address} needs a login; start the app with sept app DIR --address "
            f"{address}, which sets one up."
        )


def require() -> None:
    """With OIDC, stop the run here unless a known user is logged in."""
    if LOGIN.mode != "oidc":
        return
    if not st.user.is_logged_in:
        st.title("SEPT")
        st.button("Log in", type="primary", on_click=st.login)
        st.stop()
    if not (st.user.get("email_verified", True) and LOGIN.knows(str(st.user.get("email", "")))):
        st.title("SEPT")
        st.error(notices.plain(f"{st.user.get('email', 'This account')} may not use this app."))
        st.button("Log out", on_click=st.logout)
        st.stop()


def who() -> str | None:
    """Return the e-mail address of the user, which signs decisions; None without OIDC."""
    return str(st.user.email) if LOGIN.mode == "oidc" else None


def token(project: str) -> str:
    """Return the token parameter for a URL of the app's routes; empty without a login."""
    signed = signature(project)
    return f"&token={signed}" if signed else ""


def signature(subject: str) -> str:
    """Return a token for `subject`; empty without a login."""
    if not LOGIN.needed:
        return ""
    return SIGNER.token(subject, auth.window_end(time.time(), TOKEN_SECONDS))


def may_fetch(given: str, subject: str) -> bool:
    """Return whether the token of a request is valid for its subject."""
    return not LOGIN.needed or SIGNER.holds(given, subject, time.time())


class OwnPages:
    """ASGI middleware that refuses cross-origin requests.

    Streamlit would refuse them too, but first asks a service on the network for this machine's
    address.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or _is_own_page(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "cross-origin"})
        else:
            await PlainTextResponse("Cross-origin request refused.", 403)(scope, receive, send)


def _is_own_page(scope: Scope) -> bool:
    """Return whether a request comes from a page of this app, or from outside a browser page."""
    origin = Headers(scope=scope).get("origin")
    if origin is None or scope["path"] == "/login":  # the referrer policy makes its origin "null"
        return True
    try:
        return urlsplit(origin).hostname in HOSTS
    except ValueError:  # not a valid address
        return False


class Door:
    """ASGI middleware that, with a password, passes only the login and logged-in requests."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or LOGIN.mode != "password":
            await self._app(scope, receive, send)
        elif scope["path"] == "/login" and scope["type"] == "http":
            await (await _login(Request(scope, receive)))(scope, receive, send)
        elif scope["path"] == streamlit_compat.HEALTH or _is_inside(HTTPConnection(scope)):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "log in first"})
        else:
            await _turned_away(scope)(scope, receive, send)


def _is_inside(connection: HTTPConnection) -> bool:
    return SIGNER.holds(connection.cookies.get(COOKIE, ""), "login", time.time())


def _turned_away(scope: Scope) -> Response:
    wants_page = "text/html" in Headers(scope=scope).get("accept", "")
    if scope["method"] == "GET" and wants_page:
        return RedirectResponse("/login", 303)
    return PlainTextResponse("Log in first.", 401)


async def _login(request: Request) -> Response:
    if request.method == "GET":
        return _page("")
    if request.method != "POST":
        return PlainTextResponse("Send the password by POST.", 405)
    now = time.time()
    if not _TURNSTILE.is_open(now):
        return _page("Too many wrong passwords; wait a minute and try again.", 429)
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BODY:
            return _page("The password is too long.", 413)
    given = parse_qs(body.decode("utf-8", "replace")).get("password", [""])[0]
    if LOGIN.password is None or not await run_in_threadpool(LOGIN.password.matches, given):
        _TURNSTILE.failed(now)
        return _page("Wrong password.", 401)
    answer = RedirectResponse("/", 303)
    answer.set_cookie(
        COOKIE,
        SIGNER.token("login", now + COOKIE_SECONDS),
        max_age=COOKIE_SECONDS,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer


def _page(problem: str, status: int = 200) -> Response:
    return HTMLResponse(
        _PAGE.substitute(problem=html.escape(problem)), status, {"cache-control": "no-store"}
    )
