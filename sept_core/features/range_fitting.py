"""Fit the value range of a pixel kind when embedding first meets it.

In: the known ranges, a sample of the pool. Out: `pixel_values.FILE` in the project's `encoders/`,
and an engine that embeds with it.

A pool of 8-bit images pays nothing: nothing is read until an image without a range is met. What is
fitted then depends on the files and their order alone, so that a job that was killed goes on to the
same bytes: it is the sample and, where this holds few images of the kind, also what follows in the
worklist from the first batch that has one.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sept_core import errors
from sept_core.features import engine, feature_store, value_ranges
from sept_core.imaging import images, pixel_values, value_fit
from sept_core.imaging.pixel_values import ValueRanges
from sept_core.ingest import sources, worklists
from sept_core.jobs import job_folder

IMAGES = 200
"""Most images of a kind that its range is fitted on."""

ENOUGH = 20
"""Images of a kind in the sample; with fewer, the worklist is read as well."""

WORKLIST_ROWS = 4096
"""Most rows of the worklist that are read for it."""


class Fitter:
    """Keeps the ranges of a project and fits those of new kinds.

    Attributes:
        ranges: all that are known.
    """

    def __init__(
        self,
        encoders: Path,
        known: ValueRanges,
        sample: Path | None,
        job: job_folder.JobFolder | None = None,
    ) -> None:
        """Begin with what is known.

        Args:
            encoders: the project's folder of fits, where ranges are stored.
            known: of the project; they take precedence over those that are stored there.
            sample: a worklist of pool images, if there is one.
            job: records the progress.
        """
        self._encoders, self._sample, self._job = encoders, sample, job
        self.ranges = pixel_values.merged(value_ranges.fitted(encoders), known)

    def unknown(self, kinds: Iterable[str]) -> list[str]:
        """Return those of some kinds that have no range yet, in order."""
        return sorted({kind for kind in kinds if kind and self.ranges.find(kind) is None})

    def fit(self, kinds: list[str], worklist: Path | None = None, rows: Any = ()) -> None:
        """Fit and store the ranges of `kinds`; their defaults where no image has two values.

        Args:
            kinds: of `unknown`.
            worklist: where they were met.
            rows: its row numbers from there on.
        """
        found = _Found(kinds)
        if self._sample is not None:
            self._read(worklists.read(self._sample), found)
        if worklist is not None and found.fewest < ENOUGH:
            table = worklists.read(worklist)
            self._read(table.take(np.asarray(rows)[:WORKLIST_ROWS]), found)
        new = [
            value_fit.fit(kind, found.samples[kind]) or pixel_values.default(kind) for kind in kinds
        ]
        value_ranges.save(self._encoders, value_ranges.fitted(self._encoders).updated(new))
        self.ranges = self.ranges.updated(new)

    def _read(self, table: pa.Table, found: "_Found") -> None:
        note = f"fitting the value range of {' and '.join(found.samples)} images"
        with sources.ByteReader(worklists.roots_in(table)) as reader:
            for done, row in enumerate(table.to_pylist()):
                if self._job:
                    self._job.progress(done, table.num_rows, "files", note)
                if found.fewest >= IMAGES:
                    break
                with contextlib.suppress(images.UnusableFile, errors.SourceError):
                    found.add(reader, row)
        if self._job:
            self._job.new_phase()


class _Found:
    """Samples of images of some kinds, by kind; no file is read twice."""

    def __init__(self, kinds: list[str]) -> None:
        self.samples: dict[str, list[value_fit.Sample]] = {kind: [] for kind in kinds}
        self._places: set[tuple[str, ...]] = set()

    @property
    def fewest(self) -> int:
        """Number of images of the kind that has the fewest."""
        return min(map(len, self.samples.values()))

    def add(self, reader: sources.ByteReader, row: dict[str, Any]) -> None:
        """Read a worklist row's file and keep its sample if it is of one of the kinds."""
        place = tuple(row[name] for name in feature_store.LOCATION)
        if place in self._places:
            return
        self._places.add(place)
        found = images.samples(worklists.read_bytes(reader, row), images.parse_bands(row["bands"]))
        sample = (
            value_fit.sample(found.values, bits=found.bits, nodata=found.nodata) if found else None
        )
        if sample and len(self.samples.get(sample.kind, range(IMAGES))) < IMAGES:
            self.samples[sample.kind].append(sample)


class FittingEngine:
    """An engine that is reopened with the new range when a batch contains a kind without one.

    That batch and the following ones, which other threads may have computed, are embedded again.
    """

    def __init__(self, open_with: Callable[[ValueRanges], engine.Engine], fitter: Fitter) -> None:
        self._open_with, self._fitter = open_with, fitter
        self._engine = open_with(fitter.ranges)
        self._unknown: list[str] = []
        self.card = self._engine.card

    @property
    def ranges(self) -> ValueRanges:
        """Return all ranges that are known now."""
        return self._fitter.ranges

    def batches(self, worklist: Path, slices: list[np.ndarray]) -> engine.Results:
        """See `engine.Engine`."""
        done = 0
        while done < len(slices):
            for batch in self._known(worklist, slices[done:]):
                yield batch
                done += 1
            if done < len(slices):
                self._fitter.fit(self._unknown, worklist, np.concatenate(slices[done:]))
                self._engine.close()
                self._engine = self._open_with(self._fitter.ranges)

    def _known(self, worklist: Path, slices: list[np.ndarray]) -> Iterator[engine.Batch]:
        """The batches before the first with a kind that has no range; `_unknown` names it."""
        with contextlib.closing(self._engine.batches(worklist, slices)) as results:
            for batch in results:
                self._unknown = self._fitter.unknown(kind for kind, _ in batch.scaled)
                if self._unknown:
                    return
                yield batch

    def close(self) -> None:
        """See `engine.Engine`."""
        self._engine.close()
