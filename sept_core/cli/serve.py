"""`sept app`: start the app, for this machine or, behind a login, for others."""

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

Port = Annotated[int, typer.Option(help="Port to listen on.")]
Address = Annotated[
    str, typer.Option(help="Address to listen on; any other than this machine requires a login.")
]
Host = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Host name that others use for this machine. Repeatable."),
]
User = Annotated[
    list[str] | None,
    typer.Option(
        metavar="USER",
        help="E-mail address that may log in by OIDC, or @EXAMPLE.ORG for a domain. Repeatable.",
    ),
]
Certificate = Annotated[Path | None, path_option("TLS certificate file in PEM format.")]
Key = Annotated[Path | None, path_option("TLS key file in PEM format.")]


def serve(
    folder: Dir,
    port: Port = 8501,
    address: Address = "127.0.0.1",
    host: Host = None,
    user: User = None,
    tls_certificate: Certificate = None,
    tls_key: Key = None,
) -> None:
    """Start the app for a project; Ctrl-C stops the app, but not its jobs.

    The app requires a login if the environment variable SEPT_PASSWORD is set, or with --user and
    Streamlit's OIDC settings; see docs/security.md.
    """
    script = app_files.root() / "app.py"
    with projects.opened(folder):
        pass  # reports a missing or busy project here instead of in the browser
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
        output.notes.print(
            "Warning: without --tls-certificate and --tls-key the password is sent unencrypted."
        )
    environment = os.environ | login | {"SEPT_PROJECT": str(folder.absolute())}
    command = [sys.executable, "-m", "streamlit", "run", str(script), *options]
    code = _run(command, script.parent, environment)
    if code:
        raise errors.JobError(
            f"The app ended with code {code}; is port {port} taken? Choose another with --port."
        )


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> int:
    """Run the server and return its exit code; Ctrl-C and SIGTERM also stop the server."""
    with subprocess.Popen(command, cwd=folder, env=environment) as server:
        signal.signal(signal.SIGTERM, lambda *_: server.terminate())
        try:
            code = server.wait()
            return 0 if code == -signal.SIGTERM else code
        except KeyboardInterrupt:  # the terminal has sent the signal to the server too
            server.wait()
            return 0


def _hosts(address: str, given: list[str]) -> list[str]:
    """Return the host names allowed in requests, besides those of this machine."""
    named = address not in ("0.0.0.0", "::") and not auth.is_this_machine(address)
    return [*given, address] if named else given


def _login(address: str, hosts: list[str], users: list[str]) -> dict[str, str]:
    """Return the variables that the app reads from its environment.

    Raises:
        InputError: others can reach the address and there is no login, or it is incomplete.
    """
    mode = "oidc" if users else "password" if os.environ.get("SEPT_PASSWORD") else "none"
    here = auth.is_this_machine(address)
    if mode == "none" and not here:
        raise errors.InputError(
            f"Others can reach the app on {address}: set SEPT_PASSWORD to a password of at least "
            f"{auth.LEAST_PASSWORD} characters, or list users with --user and set up OIDC "
            "(docs/security.md)."
        )
    if not here and not hosts:
        raise errors.InputError(
            f"--address {address} needs --host NAME, the host name that users type."
        )
    if mode == "oidc" and not any(file.exists() for file in app_files.secrets()):
        raise errors.InputError(
            f"OIDC login needs an [auth] section in {app_files.secrets()[0]}; see docs/security.md."
        )
    found = {
        "SEPT_LOGIN": mode,
        "SEPT_USERS": ",".join(users),
        "SEPT_HOSTS": ",".join(hosts),
    }
    auth.from_environment(dict(os.environ) | found)  # raises here instead of in the server's log
    return found
