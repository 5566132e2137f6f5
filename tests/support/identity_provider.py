"""An OpenID provider on this machine: it says that whoever asks is one person, and signs it."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT = "sept"


class Provider(ThreadingHTTPServer):
    """Says `email` of everybody; knows the nonces of the logins that it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.email = ""
        self.nonce = ""
        self.key = RSAKey.generate_key(2048, {"kid": "test", "use": "sig", "alg": "RS256"})

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/keys",
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def token(self) -> dict[str, Any]:
        now = int(time.time())
        who = {"sub": self.email, "email": self.email, "email_verified": True}
        valid = {"nonce": self.nonce, "iat": now, "exp": now + 600}
        claims = {"iss": self.address, "aud": CLIENT} | who | valid
        signed = jwt.encode({"alg": "RS256", "kid": "test"}, claims, self.key)
        return {"access_token": "x", "token_type": "Bearer", "expires_in": 600, "id_token": signed}


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if path == "/authorize":
            self.server.nonce = query["nonce"][0]
            back = urlencode({"code": "x", "state": query["state"][0]})
            self.send_response(302)
            self.send_header("location", f"{query['redirect_uri'][0]}?{back}")
            self.end_headers()
        elif path == "/keys":
            self._tell({"keys": [self.server.key.as_dict(private=False)]})
        else:
            self._tell(self.server.metadata())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._tell(self.server.token())

    def _tell(self, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


@contextlib.contextmanager
def provider() -> Iterator[Provider]:
    server = Provider()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
