"""Copies of a project's features to and from object storage."""

from pathlib import Path
from typing import Any

from sept_core.features import remote
from sept_core.services.project import projects


def push(folder: Path, url: str, encoder: str | None, told: remote.Told) -> dict[str, Any]:
    """Copy an encoder's features, of the pool and of target sets, to a URL; see `mirror.push`.

    The catalogue is not held while they are copied.

    Raises:
        NotFoundError: nothing is embedded with the encoder.
        InputError, JobError: see `mirror.push`.
    """
    with projects.opened(folder) as project:
        encoder_id = projects.find_encoder(project, encoder)
    copied = remote.push(projects.paths_of(folder).features(encoder_id), url, told)
    return {"encoder": encoder_id, "url": url, "shards copied": copied}


def pull(folder: Path, url: str, told: remote.Told) -> dict[str, Any]:
    """Copy back features that this project pushed and no longer has.

    Raises:
        NotFoundError, InputError, IntegrityError, JobError: see `mirror.pull`.
    """
    encoder_id = remote.encoder_of(url)
    copied = remote.pull(url, projects.paths_of(folder).features(encoder_id), told)
    return {"encoder": encoder_id, "url": url, "shards copied": copied}
