"""Compare the pinned versions with a copy of the public advisories, without a network.

    git clone https://github.com/pypa/advisory-database
    python -m benchmarks.advisories advisory-database

`pip-audit` asks a service and knows the advisories of today; this reads the same database of the
Python Packaging Authority (OSV schema, https://ossf.github.io/osv-schema/) from a folder, as old as
that folder is. Prints what is affected and exits with 1 if anything is.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("database", type=Path, help="a checkout of pypa/advisory-database")
    parser.add_argument("--constraints", type=Path, default=CONSTRAINTS)
    options = parser.parse_args()
    pins = dict(pinned(options.constraints))
    known = list(advisories(options.database))
    if not known:
        parser.error(f"{options.database} holds no advisories (vulns/PACKAGE/*.yaml).")
    about = [(record, part) for record in known for part in parts(record) if package(part) in pins]
    affected = [
        (record, package(part)) for record, part in about if affects(part, pins[package(part)])
    ]
    for record, name in affected:
        print(f"{name} {pins[name]}: {record['id']} {' '.join(record.get('aliases', []))}")
    newest = max(str(record["modified"]) for record in known)
    print(
        f"{len(pins)} pins, {len(known)} advisories (newest {newest[:10]}), "
        f"{len(about)} about {len({package(part) for _, part in about})} of the pins, "
        f"{len(affected)} that affect a pinned version"
    )
    sys.exit(bool(affected))


def pinned(constraints: Path) -> Iterator[tuple[str, str]]:
    """Canonical name and version of every pin."""
    for line in constraints.read_text().splitlines():
        words = line.split("#")[0].strip()
        if words:
            requirement = Requirement(words)
            yield canonicalize_name(requirement.name), str(requirement.specifier).lstrip("=")


def advisories(database: Path) -> Iterator[dict[str, Any]]:
    """Every advisory that has not been withdrawn."""
    for path in sorted(database.glob("vulns/*/*.yaml")):
        record = yaml.safe_load(path.read_text())
        if not record.get("withdrawn"):
            yield record


def parts(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Yield the statement of an advisory about each package."""
    return list(record.get("affected", []))


def package(part: dict[str, Any]) -> str:
    return canonicalize_name(part["package"]["name"])


def affects(part: dict[str, Any], version: str) -> bool:
    """Return whether a version is listed, or inside a range; commits are not versions."""
    ranges = [r["events"] for r in part.get("ranges", []) if r["type"] == "ECOSYSTEM"]
    return version in part.get("versions", []) or any(
        inside(events, Version(version)) for events in ranges
    )


def inside(events: list[dict[str, str]], version: Version) -> bool:
    """Return whether a version lies between introduction and end; OSV lists events in order."""
    hit = False
    for event in events:
        (kind, bound), *_ = event.items()
        if kind == "introduced":
            hit = hit or bound == "0" or version >= Version(bound)
        elif kind == "fixed":
            hit = hit and version < Version(bound)
        elif kind == "last_affected":
            hit = hit and version <= Version(bound)
    return hit


if __name__ == "__main__":
    main()
