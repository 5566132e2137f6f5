"""Who may use an app that listens beyond this machine: passwords, signed tokens, their limits.

In: what the app was started with, what a browser sends. Out: yes or no. Pure apart from the
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
    """What the app asks of a browser before it shows anything.

    Attributes:
        mode: none (this machine only), password, or oidc (Streamlit's `st.login`).
        users: with oidc, the e-mail addresses that may enter; `@example.org` stands for all of
            that domain.
        password: with password, what checks one.
        hosts: names under which the app may be asked for, beside this machine's own.
    """

    mode: str = "none"
    users: tuple[str, ...] = ()
    password: "Password | None" = None
    hosts: tuple[str, ...] = ()

    @property
    def needed(self) -> bool:
        return self.mode != "none"

    def knows(self, email: str) -> bool:
        """Whether the identity provider's e-mail address may enter."""
        address = email.lower()
        return any(
            address == user or (user.startswith("@") and address.endswith(user))
            for user in self.users
        )


def from_environment(environment: MutableMapping[str, str] = os.environ) -> Login:
    """The login that `sept app` asked for; the password is taken out of the environment.

    Raises:
        InputError: it is incomplete: a short password, no user.
    """
    mode = environment.get("SEPT_LOGIN", "none")
    password = environment.pop("SEPT_PASSWORD", "")  # workers and their logs must not have it
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
    """Whether only processes of this machine reach what listens on `address`."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


class Password:
    """A password that is kept as a salted scrypt hash; compared in constant time.

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
    """Slows guessing: after `TRIES` failures within a minute nobody is let through."""

    failures: list[float] = field(default_factory=list)

    def is_open(self, now: float) -> bool:
        """Whether a password may be tried now."""
        self.failures = [at for at in self.failures if now - 60 < at <= now]
        return len(self.failures) < TRIES

    def failed(self, now: float) -> None:
        """Count a wrong password."""
        self.failures.append(now)


@dataclass(frozen=True)
class Signer:
    """Signs that something holds until a time; every process has a key of its own."""

    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def token(self, subject: str, until: float) -> str:
        """A token for `subject` that ends at `until`; safe in URLs and cookies."""
        return f"{int(until)}-{self._signature(subject, int(until))}"

    def holds(self, token: str, subject: str, now: float) -> bool:
        """Whether a token is ours, for this subject, and not over."""
        text, _, signature = token.partition("-")
        if not (text.isascii() and text.isdecimal() and len(text) <= 12) or int(text) < now:
            return False
        expected = self._signature(subject, int(text))
        return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))

    def _signature(self, subject: str, until: int) -> str:
        return hmac.new(self.key, f"{until}:{subject}".encode(), hashlib.sha256).hexdigest()[:43]


def window_end(now: float, seconds: int) -> float:
    """When a token made now should end: the same for all of a window, so that caches hold."""
    return (int(now) // seconds + 2) * seconds
