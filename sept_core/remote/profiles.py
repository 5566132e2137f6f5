"""Profiles: what Amazon's own tools know of S3 besides the environment, which obstore reads itself.

In: `~/.aws/credentials` and `~/.aws/config`, the variables `AWS_PROFILE`,
`AWS_SHARED_CREDENTIALS_FILE` and `AWS_CONFIG_FILE`. Out: settings for obstore, in memory only.
"""

import configparser
import os
from collections.abc import Mapping
from pathlib import Path

_KEYS = {
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
}


def settings() -> dict[str, str]:
    """Return keys, region and endpoint of the profile, where the environment gives none."""
    profile = os.environ.get("AWS_PROFILE") or "default"
    config = _section("AWS_CONFIG_FILE", "config", f"profile {profile}")
    if profile == "default":
        config = _section("AWS_CONFIG_FILE", "config", profile) or config
    found = {}
    if not {"AWS_REGION", "AWS_DEFAULT_REGION"} & set(os.environ) and "region" in config:
        found["region"] = config["region"]
    if not os.environ.get("AWS_ENDPOINT_URL") and "endpoint_url" in config:
        found["endpoint"] = config["endpoint_url"]
    given = config | _section("AWS_SHARED_CREDENTIALS_FILE", "credentials", profile)
    if "AWS_ACCESS_KEY_ID" not in os.environ:
        found |= {name: given[key] for key, name in _KEYS.items() if key in given}
    return found


def endpoint(found: Mapping[str, str]) -> str:
    """Return the address that S3 is reached at, as the settings or the environment say, or ''."""
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    given = (os.environ.get(name) for name in names)
    return next(filter(None, given), found.get("endpoint", ""))


def _section(variable: str, name: str, section: str) -> dict[str, str]:
    path = Path(os.environ.get(variable) or Path.home() / ".aws" / name)
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text())
    except (OSError, UnicodeError, configparser.Error):
        return {}
    return dict(parser[section]) if parser.has_section(section) else {}
