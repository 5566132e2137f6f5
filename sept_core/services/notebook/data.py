"""The Data section of the Python facade: sources, target sets, features.

In: arguments as Python values. Out: records of `results`.
"""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from sept_core import errors
from sept_core.services.data import collections, embedding, file_outcomes, foreground
from sept_core.services.data import source_options as options
from sept_core.services.data.image_server import ImageServer
from sept_core.services.data.source_options import SourceOptions, TargetOptions
from sept_core.services.notebook import results
from sept_core.services.notebook.handle import Progress, waiting
from sept_core.services.notebook.results import Embedded, Listing
from sept_core.services.notebook.session import Session
from sept_core.services.project import projects
from sept_core.storage import commands, project_paths


class Data(Session):
    """Methods of the Data section."""

    def add_source(self, name: str, path: str | Path, **given: Unpack[SourceOptions]) -> Listing:
        """Add a source to the pool, or list it again: a folder, archive, shards, list or table.

        Raises:
            SourceError: the path cannot be read as a source, or all of its files are rejected.
            InputError: the name is taken by another path, or was added with other options.
        """
        options.check(given, SourceOptions)
        return self._add("pool", name, path, given)

    def add_target(self, name: str, path: str | Path, **given: Unpack[TargetOptions]) -> Listing:
        """Add a target set, or list it again.

        Raises:
            AmbiguousError: it can be read in several ways, and was not added. `error.reading` and
                `error.reading.others` describe them; `**reading.options.stored()` chooses one.
            SourceError, InputError: as in `add_source`.
        """
        options.check(given, TargetOptions)
        return self._add("target", name, path, given)

    def _add(self, role: str, name: str, path: str | Path, given: Mapping[str, Any]) -> Listing:
        place = project_paths.expanded(path)
        with self._opened() as project:
            scan = collections.add(project, role, name, place, options.stored(given))
            see = commands.line(role, "status", self.folder)
            counts = file_outcomes.check_listing(project, role, name, see)
            notes = collections.reading(project, role, name)
            known = projects.status(project).targets if role == "target" else []
        target = next((one for one in known if one.name == name), None)
        return results.listing(name, scan, counts, notes, target)

    def embed(
        self,
        encoder: str | None = None,
        *,
        precision: str = "auto",
        device: str = "auto",
        seed: int = 0,
        retry_seconds: float = 60.0,
        value_range: Sequence[str] = (),
        rebuild: bool = False,
        progress: Progress | None = None,
    ) -> Embedded:
        """Read every image once and compute its features; continues where it stopped.

        Args:
            encoder: a spec, such as "bundled+classic" (the default) or "timm:MODEL".
            precision: auto, fp32 or bf16.
            device: auto, cpu, cuda or ray.
            seed: random seed of an encoder that is fitted on the pool.
            retry_seconds: period within which unreadable files are retried three times.
            value_range: range that images of more than 8 bits are scaled from, such as
                "uint16=0:4095".
            rebuild: delete this encoder's features and embed all again.
            progress: called with (done, total, unit).

        Raises:
            SourceError: files could not be read, or no file gave features.
            InputError: there is nothing to embed, or the value range differs from that of existing
                features.
            BusyError: an embedding with other settings is running.
            JobError: the embedding failed or was cancelled.
        """
        delays = embedding.retry_delays(retry_seconds)
        chosen = embedding.EmbedSettings(
            encoder or embedding.DEFAULT, precision, device, seed=seed, retry_delays=delays
        )
        wait = waiting(progress)
        found = foreground.embed(wait, self._paths().root, chosen, value_range, rebuild)
        with self._opened() as project:
            told = embedding.summary(project, found)
        if told.failure:
            raise errors.SourceError(told.failure)
        return results.embedded(found, told)

    def prepare(
        self, encoder: str | None = None, *, device: str = "auto", progress: Progress | None = None
    ) -> str:
        """Make what selection needs once per encoder; returns the encoder's id.

        `select`, `update` and `advise` do it automatically.

        Raises:
            NotFoundError: nothing is embedded with the encoder.
        """
        return foreground.prepare(waiting(progress), self._paths().root, encoder, device)

    def image(self, uid: str, *, thumbnail: bool = False) -> bytes:
        """Return an image that a browser or notebook can show: the file, or a JPEG of it.

        Raises:
            NotFoundError: the project does not have it, or none of its files can be read.
        """
        server = ImageServer(self._paths().root)
        with contextlib.closing(server):
            picture = server.thumbnail(uid) if thumbnail else server.image(uid)
        return picture.data
