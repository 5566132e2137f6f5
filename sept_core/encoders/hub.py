"""Published weights: found in the local cache, else fetched from the Hugging Face hub.

In: a repository and the file names to look for, best first. Out: a path on this machine.
"""

from collections.abc import Sequence
from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

from sept_core import errors

REACH_SECONDS = 5.0
"""Seconds for a first, short check: the hub client itself retries for half a minute."""


def cached(repo: str, names: Sequence[str]) -> Path | None:
    """Return the file in the local cache, without using the network."""
    for name in names:
        found = huggingface_hub.try_to_load_from_cache(repo, name)
        if isinstance(found, str):
            return Path(found)
    return None


def find(repo: str, names: Sequence[str], *, spec: str, folder: Path) -> Path:
    """Return the path of the weights, downloading them if necessary.

    Args:
        repo: As "timm/resnet18.a1_in1k".
        names: File names to try in this order; safetensors first.
        spec: What the user asked for; the same with "@/path/FILE" takes a local file.
        folder: Where the message proposes to put the file.

    Raises:
        EncoderError: the file is not on this machine and cannot be downloaded.
    """
    path = cached(repo, names)
    if path is not None:
        return path
    reason = _unreachable()
    if reason is None:
        try:
            return _download(repo, names)
        except Exception as problem:  # every failure of hub, network or disk ends the same way
            reason = f"{type(problem).__name__}: {problem}".splitlines()[0]
    target = folder.absolute() / f"{repo.replace('/', '--')}{Path(names[0]).suffix}"
    raise errors.EncoderError(
        f"The weights of {spec} are not on this machine and cannot be downloaded ({reason}); "
        f"download {names[0]} from https://huggingface.co/{repo} on another machine, save it as "
        f"{target} and use the encoder {spec}@{target}"
    )


def _unreachable() -> str | None:
    """Return why the hub cannot be reached, or None."""
    if huggingface_hub.constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    try:
        huggingface_hub.get_session().head(
            huggingface_hub.constants.ENDPOINT, timeout=REACH_SECONDS
        )
    except Exception as problem:  # the client's network errors share no public base class
        return f"{huggingface_hub.constants.ENDPOINT} does not answer: {problem}"
    return None


def _download(repo: str, names: Sequence[str]) -> Path:
    for name in names[:-1]:
        try:
            return Path(huggingface_hub.hf_hub_download(repo, name))
        except LocalEntryNotFoundError:  # the network, not the repository's listing
            raise
        except EntryNotFoundError:
            continue
    return Path(huggingface_hub.hf_hub_download(repo, names[-1]))
