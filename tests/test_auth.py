"""Passwords, tokens and who may enter, without a server."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sept_core import auth, errors

GOOD = "correct horse battery"


def test_a_password_matches_only_itself() -> None:
    password = auth.Password(GOOD)
    assert password.matches(GOOD)
    for wrong in ("", GOOD[:-1], GOOD + " ", GOOD.upper(), "\udc80" * 12, "x" * 100_000):
        assert not password.matches(wrong)
    assert GOOD not in repr(vars(password)), "only its hash is kept"


def test_a_short_password_and_a_login_for_nobody_are_refused() -> None:
    with pytest.raises(errors.InputError, match="at least 12"):
        auth.from_environment({"SEPT_LOGIN": "password", "SEPT_PASSWORD": "short"})
    with pytest.raises(errors.InputError, match="users who may log in"):
        auth.from_environment({"SEPT_LOGIN": "oidc"})
    with pytest.raises(errors.InputError, match="'ldap'"):
        auth.from_environment({"SEPT_LOGIN": "ldap"})


def test_the_password_leaves_the_environment() -> None:
    environment = {"SEPT_LOGIN": "password", "SEPT_PASSWORD": GOOD, "PATH": "/bin"}
    login = auth.from_environment(environment)
    assert login.needed and login.password is not None and login.password.matches(GOOD)
    assert environment == {"SEPT_LOGIN": "password", "PATH": "/bin"}


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True),
        ("0.0.0.0", False), ("::", False), ("192.168.1.4", False), ("localhost.example.org", False),
        ("", False),
    ],
)  # fmt: skip
def test_what_only_this_machine_reaches(address: str, inside: bool) -> None:
    assert auth.is_this_machine(address) is inside


def test_who_may_enter_by_oidc() -> None:
    login = auth.Login("oidc", ("ada@example.org", "@lab.example.com"))
    assert login.knows("Ada@Example.org") and login.knows("bo@lab.example.com")
    for stranger in ("", "eve@example.org", "a@evil-lab.example.com", "@", "ada@example.org.evil"):
        assert not login.knows(stranger)


def test_guessing_has_to_wait() -> None:
    gate = auth.Turnstile()
    for second in range(auth.TRIES):
        assert gate.is_open(1000.0 + second)
        gate.failed(1000.0 + second)
    assert not gate.is_open(1010.0)
    assert gate.is_open(1000.0 + 61)
    assert gate.is_open(10.0), "a clock that went backwards locks nobody out"


@given(st.text(), st.text(), st.integers(0, 10**11), st.text())
def test_a_token_holds_for_its_subject_until_its_end(
    subject: str, other: str, until: int, junk: str
) -> None:
    signer, stranger = auth.Signer(), auth.Signer()
    token = signer.token(subject, until)
    assert signer.holds(token, subject, until)
    assert not signer.holds(token, subject, until + 1)
    assert signer.holds(token, other, until) is (other == subject)
    assert not stranger.holds(token, subject, until)
    assert not signer.holds(junk, subject, 0)
    longer = f"{until + 1}-{token.partition('-')[2]}"
    assert not signer.holds(longer, subject, until), "the end is signed, too"


def test_tokens_of_one_window_are_the_same_and_last_at_least_one() -> None:
    now = time.time()
    ends = {auth.window_end(now - now % 60 + second, 60) for second in range(60)}
    assert len(ends) == 1
    assert 60 < ends.pop() - now <= 120
