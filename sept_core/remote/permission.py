"""Permission: the remote places that SEPT may read.

In: `SEPT_REMOTES`, prefixes of URLs separated by blanks or commas. Out: nothing, or a refusal.
Without the variable every public place may be read; behind a login, where people other than this
machine's user choose places, none. Private addresses need a prefix in any case.
"""

import ipaddress
import os
import socket
from urllib.parse import unquote, urlsplit

from sept_core import errors
from sept_core.remote import places

VARIABLE = "SEPT_REMOTES"

_WITH_IPV4 = tuple(map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0/96", "64:ff9b::/96")))
"""Addresses that hold one of IPv4 in their last 32 bits: compatible, mapped, translated."""


def named() -> list[str]:
    """Return the prefixes of `SEPT_REMOTES`."""
    given = os.environ.get(VARIABLE, "").replace(",", " ").split()
    return [prefix for prefix in given if places.is_remote(prefix)]


def is_named(address: str) -> bool:
    """Return whether a URL lies below one of the prefixes, by whole names."""
    if not {".", ".."}.isdisjoint(unquote(address).split("/")):  # a server may resolve them
        return False
    return any(
        spelled == p or spelled.startswith(p.rstrip("/") + "/")
        for p in map(_whole, named())
        for spelled in (address, places.unpinned(address))
    )


def _whole(prefix: str) -> str:
    return prefix if prefix.count("/") > 2 else prefix + "/"


def check(address: str) -> None:
    """Refuse a URL that must not be read.

    Raises:
        SourceError: it is outside of `SEPT_REMOTES`, or unencrypted and not named there.
    """
    shared = os.environ.get("SEPT_LOGIN", "none") != "none"
    if is_named(address):
        return
    if named() or shared or os.environ.get(VARIABLE) is not None:
        raise errors.SourceError(
            f"{places.shown(address)} is outside the places that {VARIABLE} allows; start SEPT "
            f"with {VARIABLE} set to a prefix of it."
        )
    if places.scheme(address) == "http":
        raise errors.SourceError(
            f"{places.shown(address)} is not encrypted; use https://, or name it in {VARIABLE}."
        )


def addresses(address: str) -> list[tuple[socket.AddressFamily, str]]:
    """Return the numeric addresses of a URL's host, to which a client must then connect.

    Raises:
        SourceError: one of them is not public, and `SEPT_REMOTES` does not name the place.
        OSError: the host is unknown.
    """
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    numbers: list[tuple[socket.AddressFamily, str]] = [
        (family, str(place[0])) for family, _, _, _, place in found
    ]
    if not is_named(address) and not all(_is_public(number) for _, number in numbers):
        raise errors.SourceError(
            f"{places.shown(address)} is at a private or local address; name it in {VARIABLE} to "
            "allow that."
        )
    return numbers


def _is_public(number: str) -> bool:
    place = ipaddress.ip_address(number.partition("%")[0])
    inner = getattr(place, "sixtofour", None)
    if any(place in network for network in _WITH_IPV4):
        inner = ipaddress.IPv4Address(int(place) & 0xFFFF_FFFF)
    return place.is_global and not place.is_multicast and (inner is None or inner.is_global)
