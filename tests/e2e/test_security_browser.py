"""The promises of docs/security.md about the app, in a real browser."""

import http.client
import json
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import identity_provider
import pytest
from browser_app import (
    PATIENCE,
    ROOT,
    needs_chromium,
    open_curate,
    running,
    wait_until_saved,
    wait_until_up,
)
from playwright.sync_api import Page, expect
from small_project import picture, png, sept

from pages.shared import streamlit_compat
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import decisions, selections
from sept_core.services.project import projects

PASSWORD = "correct horse battery"
MARKUP = "<img src=x onerror=window.pwned=1>"
PAGES = ("Overview", "Pool", "Targets", "Curate", "Export", "Pre-train", "Evaluate")
ODD_NAMES = (
    f"{MARKUP}.png", "![x](http:⁄⁄192.0.2.1⁄x.png).png", "[go](javascript:alert(1)).png",
    "=HYPERLINK(1).png", "right\u202eto left.png", "new\nline.png", "'\"`;--.png",
    ":red[x] $y$.png",
)  # fmt: skip


def ask(address: str, path: str, method: str = "GET", body: str = "", **headers: str) -> Any:
    """Return status, headers and body of one request, without following redirects."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    try:
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


@needs_chromium
def test_a_password_stands_before_everything(page: Page, project: Path) -> None:
    with projects.opened(project) as opened:
        uid = opened.db.execute("SELECT min(uid) FROM images").fetchall()[0][0]
    with running(project, SEPT_LOGIN="password", SEPT_PASSWORD=PASSWORD) as address:
        for path in ("/", "/_stcore/stream", "/_stcore/host-config", f"/thumbnails/{uid}",
                     f"/images/{uid}", "/static/index.html", "/media/x"):  # fmt: skip
            assert ask(address, path)[0] == 401, path
        page.goto(address)
        page.get_by_label("Password").fill("wrong wrong wrong")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_have_text("Wrong password.")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page.locator(".st-key-project-menu")).to_contain_text(project.name, timeout=PATIENCE)
        cookies = {str(cookie["name"]): cookie for cookie in page.context.cookies()}
        assert cookies["sept_login"]["httpOnly"]
        inside = {"cookie": f"sept_login={cookies['sept_login']['value']}"}
        key = re.search(r"project=([\w-]+)", page.url)
        assert key
        query = f"/thumbnails/{uid}?project={key[1]}"
        assert ask(address, query, **inside)[0] == 403, "an image also needs a token"
        assert ask(address, f"{query}&token=1-abc", **inside)[0] == 403
        forged = {"cookie": "sept_login=99999999999-" + "0" * 43}
        assert ask(address, "/", **forged)[0] == 401
        for _ in range(6):
            answer = ask(address, "/login", "POST", "password=guess")
        assert answer[0] == 429, "guesses are throttled"
        assert ask(address, "/login", "POST", "password=" + "x" * 9000)[0] in (413, 429)


SECRETS = """[auth]
redirect_uri = "http://127.0.0.1:{port}/oauth2callback"
cookie_secret = "a long random text for this test"
client_id = "{client}"
client_secret = "secret"
server_metadata_url = "{provider}/.well-known/openid-configuration"
"""


@needs_chromium
def test_an_identity_provider_says_who_enters_and_who_decided(
    page: Page, project: Path, tmp_path: Path
) -> None:
    port, home = _free_port(), tmp_path / "home"
    (home / ".streamlit").mkdir(parents=True)
    with identity_provider.provider() as provider:
        text = SECRETS.format(port=port, client=identity_provider.CLIENT, provider=provider.address)
        (home / ".streamlit" / "secrets.toml").write_text(text)
        login = {"SEPT_LOGIN": "oidc", "SEPT_USERS": "ada@example.org", "HOME": str(home)}
        with running(project, port, **login) as address:
            page.goto(f"{address}/curate?target=toys&budget=30")
            enter = page.get_by_role("button", name="Log in")
            expect(enter).to_be_visible(timeout=PATIENCE)
            assert page.locator("img").count() == 0 and "toys" not in page.content()
            provider.email = "eve@example.org"
            enter.click()
            expect(page.get_by_text("may not use this app")).to_be_visible(timeout=PATIENCE)
            page.get_by_role("button", name="Log out").click()
            expect(enter).to_be_visible(timeout=PATIENCE)
            provider.email = "ada@example.org"
            enter.click()
            page.get_by_role("link", name="Curate", exact=True).first.click()
            open_curate(page, f"{address}/curate?target=toys&budget=30")
            page.locator(".gridpane .view").focus()
            page.keyboard.press("x")
            wait_until_saved(page)
    history = json.loads(sept("history", project, "--target", "toys", "--json").stdout)
    assert [event["who"] for event in history["events"]] == ["ada@example.org"]


@needs_chromium
def test_names_stay_text_on_every_page(page: Page, tmp_path: Path) -> None:
    pool, target, project = tmp_path / "pool", tmp_path / "target", tmp_path / "project"
    for number, name in enumerate(ODD_NAMES):
        (pool / MARKUP).mkdir(parents=True, exist_ok=True)
        (pool / MARKUP / name).write_bytes(png(picture("red", number)))
        (pool / f"broken {name}").write_bytes(b"no image")
    for number in range(30):
        (pool / f"{number}.png").write_bytes(png(picture("blue", 100 + number)))
    for label in (MARKUP, "![x](y)"):
        (target / label).mkdir(parents=True)
        for number in range(3):
            image = picture("red", 50 + number + 9 * len(label))
            (target / label / f"{number}{ODD_NAMES[0]}").write_bytes(png(image))
    for words in (("init", project), ("pool", "add", project, "odd", pool),
                  ("target", "add", project, "toys", target), ("embed", project),
                  ("prepare", project), ("map", project),
                  ("pool", "note", project, "odd", f"{MARKUP} ![a](b)")):  # fmt: skip
        done = sept(*words)
        assert done.returncode == 0, done.stderr
    with projects.opened(project) as opened:
        projects.rename(opened, f"{MARKUP} [a](http://192.0.2.1)")
        request = selections.Request(("toys",), SelectionSettings("instance-search", 10))
        record = selections.select(opened, request)
        uid = selections.picks(opened, record["id"])["uid"][0].as_py()
        decisions.decide(opened, ["toys"], "veto", [uid], reason=MARKUP, who=MARKUP)
    with running(project) as address:
        page.goto(address)
        for name in PAGES:
            page.get_by_role("link", name=name, exact=True).first.click()
            expect(page.locator("h1").first).to_have_text(name, timeout=PATIENCE)
            expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=PATIENCE)
            if name == "Pool":  # names a source and a note
                expect(page.get_by_text("onerror").first).to_be_visible(timeout=PATIENCE)
            assert page.evaluate("window.pwned") is None, name
            assert page.locator("[onerror], a[href^='javascript'], img[src='x']").count() == 0, name
            assert page.locator("a[href*='192.0.2.1'], img[src*='192.0.2.1']").count() == 0, name


def test_routes_take_uids_and_nothing_else(project: Path) -> None:
    with running(project) as address:
        assert "root:" not in ask(address, "/thumbnails/../../etc/passwd")[2]
        odd = ("..%2f..%2fetc%2fpasswd", "%00", "0" * 31, "0" * 33, "A" * 32, "0" * 32, "..", "%2e")
        for word in odd:
            for route in ("thumbnails", "images"):
                status, headers, body = ask(address, f"/{route}/{word}?project=project")
                assert status in (400, 403, 404) and "root:" not in body, word
        status, headers, _ = ask(address, "/", host="evil.example")
        assert status == 400, "another host name may be rebound"
        _, headers, _ = ask(address, "/")
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        for method in ("POST", "PUT", "DELETE"):
            assert ask(address, f"/images/{'0' * 32}", method)[0] in (403, 405)


def test_pages_of_other_sites_are_turned_away(project: Path) -> None:
    handshake = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                 "Sec-WebSocket-Key": "c2VwdCBzZXB0IHNlcHQhIQ=="}  # fmt: skip
    stream, port = "/_stcore/stream", _free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "sept_core", "app", str(project), f"--port={port}",
               "--host=lab.example.org"]  # fmt: skip
    with subprocess.Popen(command) as app:
        try:
            wait_until_up(app, address)
            for origin in (address, f"http://localhost:{port}"):
                assert ask(address, stream, **handshake, Origin=origin)[0] == 101, origin
            theirs = {"Host": "lab.example.org", "Origin": "https://lab.example.org"}
            assert ask(address, stream, **handshake, **theirs)[0] == 101, "behind a proxy"
            others = (
                "http://evil.example",
                "null",
                "http://127.0.0.1.evil.example",
                "file://",
                "http://[",
            )
            for origin in others:
                assert ask(address, stream, **handshake, Origin=origin)[0] == 403, origin
                for path in ("/", streamlit_compat.HEALTH, "/images/" + "0" * 32):
                    status, _, body = ask(address, path, Origin=origin)
                    assert status == 403 and body == "Cross-origin request refused.", (origin, path)
                upload = ask(address, "/_stcore/upload_file/x/y", "PUT", "x", Origin=origin)
                assert upload[0] == 403, origin
            assert ask(address, "/")[1]["cross-origin-resource-policy"] == "same-origin"
        finally:
            app.terminate()


def test_others_reach_it_with_a_login_only(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEPT_PASSWORD", raising=False)
    told = sept("app", project, "--address", "0.0.0.0")
    assert told.returncode == 1 and "SEPT_PASSWORD" in told.stderr
    monkeypatch.setenv("SEPT_PASSWORD", "short")
    told = sept("app", project, "--address", "0.0.0.0", "--host", "lab.example.org")
    assert told.returncode == 1 and "at least 12" in told.stderr
    told = sept("app", project, "--address", "0.0.0.0", "--user", "ada@example.org",
                "--host", "lab.example.org")  # fmt: skip
    assert told.returncode == 1 and "secrets.toml" in told.stderr
    monkeypatch.delenv("SEPT_PASSWORD")
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.address=0.0.0.0",
               f"--server.port={_free_port()}"]  # fmt: skip
    around = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert around.returncode != 0 and "needs a login" in around.stdout + around.stderr


def test_ending_the_command_ends_its_server(project: Path) -> None:
    port = _free_port()
    command = [sys.executable, "-m", "sept_core", "app", str(project), f"--port={port}"]
    with subprocess.Popen(command) as app:
        wait_until_up(app, f"http://127.0.0.1:{port}")
        app.terminate()
        assert app.wait(60) == 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
