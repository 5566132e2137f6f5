"""`sept app`: open a project in a browser, for this machine or, behind a login, for others."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from sept_core import auth, errors
from sept_core.cli import output
from sept_core.cli.options import Dir, path_option
from sept_core.services.project import projects
from sept_core.storage import app_files

Port = Annotated[int, typer.Option(help="The port to listen on.")]
Address = Annotated[
    str, typer.Option(help="The address to listen on; beyond this machine a login is needed.")
]
Host = Annotated[
    list[str] | None, typer.Option(help="A name under which others reach this machine.")
]
User = Annotated[
    list[str] | None,
    typer.Option(help="Who may enter by OIDC: an e-mail address, or @EXAMPLE.ORG for a domain."),
]
Tls = Annotated[Path | None, path_option("File of the certificate or key, in PEM.")]


def serve(
    folder: Dir,
    port: Port = 8501,
    address: Address = "127.0.0.1",
    host: Host = None,
    user: User = None,
    tls_certificate: Tls = None,
    tls_key: Tls = None,
) -> None:
    """Open the project in a browser; Ctrl-C stops the app, jobs go on.

    With the environment variable SEPT_PASSWORD, or with --user and Streamlit's OIDC settings, the
    app asks for a login (docs/security.md).
    """
    script = app_files.root() / "app.py"
    with projects.opened(folder):
        pass  # a missing or busy project is told here instead of in the browser
    hosts = _hosts(address, host or [])
    login = _login(address, hosts, user or [])
    options = [f"--server.port={port}", f"--server.address={address}"]
    options += [f"--server.allowedHosts={name}" for name in ("127.0.0.1", "localhost", *hosts)]
    options += [f"--secrets.files={file}" for file in app_files.secrets()]
    if tls_certificate and tls_key:
        options += [f"--server.sslCertFile={tls_certificate}", f"--server.sslKeyFile={tls_key}"]
    scheme = "https" if tls_certificate and tls_key else "http"
    shown = hosts[0] if hosts else "127.0.0.1"
    output.notes.print(f"Open {scheme}://{shown}:{port} in a browser; Ctrl-C stops the app.")
    here = auth.is_this_machine(address)
    if login["SEPT_LOGIN"] == "password" and scheme == "http" and not here:
        output.notes.print("Without --tls-certificate and --tls-key the password travels in clear.")
    environment = os.environ | login | {"SEPT_PROJECT": str(folder.absolute())}
    command = [sys.executable, "-m", "streamlit", "run", str(script), *options]
    code = _run(command, script.parent, environment)
    if code:
        raise errors.JobError(
            f"The app ended with code {code}; is port {port} taken? Choose another with --port."
        )


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> int:
    """The server's exit code; whoever ends this process (Ctrl-C, SIGTERM) ends the server, too."""
    with subprocess.Popen(command, cwd=folder, env=environment) as server:
        signal.signal(signal.SIGTERM, lambda *_: server.terminate())
        try:
            code = server.wait()
            return 0 if code == -signal.SIGTERM else code
        except KeyboardInterrupt:  # the terminal has sent it to the server as well
            server.wait()
            return 0


def _hosts(address: str, given: list[str]) -> list[str]:
    """The names that requests may ask for, beside this machine's own."""
    named = address not in ("0.0.0.0", "::") and not auth.is_this_machine(address)
    return [*given, address] if named else given


def _login(address: str, hosts: list[str], users: list[str]) -> dict[str, str]:
    """What the app reads from its environment.

    Raises:
        InputError: the address is reached by others, and there is no login; or it is incomplete.
    """
    mode = "oidc" if users else "password" if os.environ.get("SEPT_PASSWORD") else "none"
    here = auth.is_this_machine(address)
    if mode == "none" and not here:
        raise errors.InputError(
            f"On {address} others reach the app: set SEPT_PASSWORD to a password of at least "
            f"{auth.LEAST_PASSWORD} characters, or name people with --user and set up OIDC "
            "(docs/security.md)."
        )
    if not here and not hosts:
        raise errors.InputError(
            f"With --address {address}, give the name that people type as --host NAME."
        )
    if mode == "oidc" and not any(file.exists() for file in app_files.secrets()):
        raise errors.InputError(
            f"A login by OIDC needs an [auth] section in {app_files.secrets()[0]}; "
            "docs/security.md shows one."
        )
    found = {
        "SEPT_LOGIN": mode,
        "SEPT_USERS": ",".join(users),
        "SEPT_HOSTS": ",".join(hosts),
    }
    auth.from_environment(dict(os.environ) | found)  # refuses here instead of in the server's log
    return found
