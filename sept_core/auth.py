"""Access to an app that listens beyond this machine: passwords, signed tokens, rate limits.

In: the app's start options and a browser's input. Out: allowed or not. Pure except for the
environment that `from_environment` reads; times are seconds since 1970, given by the caller.
"""

import hashlib
import hmac
import ipaddress
import os
import secrets
from collections.abc import MutableMapping
from dataclasses import dataclass, field

from sept_core import errors

LEAST_PASSWORD = 12
"""Characters."""

TRIES = 5
"""Wrong passwords per minute, over all clients, before everybody must wait."""

MODES = ("none", "password", "oidc")


@dataclass(frozen=True)
class Login:
    """Login that the app requires from a browser.

    Attributes:
        mode: none (this machine only), password, or oidc (Streamlit's `st.login`).
        users: with oidc, the e-mail addresses that may log in; `@example.org` allows the whole
            domain.
        password: with password, the password to check against.
        hosts: allowed host names of the app, besides this machine's own.
    """

    mode: str = "none"
    users: tuple[str, ...] = ()
    password: "Password | None" = None
    hosts: tuple[str, ...] = ()

    @property
    def needed(self) -> bool:
        return self.mode != "none"

    def knows(self, email: str) -> bool:
        """Return True if the identity provider's e-mail address may log in."""
        address = email.lower()
        return any(
            address == user or (user.startswith("@") and address.endswith(user))
            for user in self.users
        )


def from_environment(environment: MutableMapping[str, str] = os.environ) -> Login:
    """Return the login configured by `sept app`; removes the password from the environment.

    Raises:
        InputError: it is incomplete: a short password, or no user.
    """
    mode = environment.get("SEPT_LOGIN", "none")
    password = environment.pop("SEPT_PASSWORD", "")  # workers and their logs must not see it
    users = tuple(filter(None, environment.get("SEPT_USERS", "").lower().split(",")))
    hosts = tuple(filter(None, environment.get("SEPT_HOSTS", "").split(",")))
    if mode not in MODES:
        raise errors.InputError(f"SEPT_LOGIN is {mode!r}; use one of {', '.join(MODES)}.")
    if mode == "oidc" and not users:
        raise errors.InputError(
            "A login by OIDC needs the users who may log in; give --user NAME@EXAMPLE.ORG, or "
            "@EXAMPLE.ORG for everybody of a domain."
        )
    checked = Password(password) if mode == "password" else None
    return Login(mode, users, checked, hosts)


def is_this_machine(address: str) -> bool:
    """Return True if only processes of this machine can reach `address`."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


class Password:
    """A password stored as a salted scrypt hash and compared in constant time.

    Raises:
        InputError: it is shorter than `LEAST_PASSWORD`.
    """

    def __init__(self, password: str) -> None:
        if len(password) < LEAST_PASSWORD:
            raise errors.InputError(
                f"The password in SEPT_PASSWORD has {len(password)} characters; use at least "
                f"{LEAST_PASSWORD}."
            )
        self._salt = secrets.token_bytes(16)
        self._hash = self._hashed(password)

    def _hashed(self, password: str) -> bytes:
        given = password.encode("utf-8", "surrogatepass")
        return hashlib.scrypt(given, salt=self._salt, n=1 << 14, r=8, p=1)

    def matches(self, given: str) -> bool:
        return hmac.compare_digest(self._hash, self._hashed(given[:1024]))


@dataclass
class Turnstile:
    """Rate limit of guesses: after `TRIES` failures within a minute all attempts are refused."""

    failures: list[float] = field(default_factory=list)

    def is_open(self, now: float) -> bool:
        """Return True if a password may be tried now."""
        self.failures = [at for at in self.failures if now - 60 < at <= now]
        return len(self.failures) < TRIES

    def failed(self, now: float) -> None:
        """Count a wrong password."""
        self.failures.append(now)


@dataclass(frozen=True)
class Signer:
    """Signs tokens with an expiry; every process has its own key."""

    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def token(self, subject: str, until: float) -> str:
        """Return a token for `subject` that expires at `until`; safe in URLs and cookies."""
        return f"{int(until)}-{self._signature(subject, int(until))}"

    def holds(self, token: str, subject: str, now: float) -> bool:
        """Return True if a token is signed by this process, for this subject, and not expired."""
        text, _, signature = token.partition("-")
        if not (text.isascii() and text.isdecimal() and len(text) <= 12) or int(text) < now:
            return False
        expected = self._signature(subject, int(text))
        return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))

    def _signature(self, subject: str, until: int) -> str:
        return hmac.new(self.key, f"{until}:{subject}".encode(), hashlib.sha256).hexdigest()[:43]


def window_end(now: float, seconds: int) -> float:
    """Return the expiry of a new token: constant within a window, so that caches work."""
    return (int(now) // seconds + 2) * seconds
