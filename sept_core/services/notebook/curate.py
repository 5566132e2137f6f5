"""The Curate section of the Python facade: select, decide, diagnose, export, verify.

In: arguments as Python values. Out: records of `results`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from sept_core.manifest import verification
from sept_core.manifest.verification import VerifyReport
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import (
    decision_export,
    decision_file,
    decision_import,
    decisions,
    manifests,
    selections,
    subset_diagnostics,
    subset_facts,
    subset_page,
)
from sept_core.services.curate.requests import Request
from sept_core.services.notebook import results
from sept_core.services.notebook.data import Data
from sept_core.services.notebook.handle import Progress, waiting
from sept_core.services.notebook.results import (
    Advice,
    Decided,
    Diagnostics,
    Exported,
    ImportedDecisions,
    Selection,
    Undone,
)
from sept_core.services.project.project import Project
from sept_core.storage import project_paths


class Curate(Data):
    """Methods of the Curate section; selecting prepares the encoder first."""

    def select(
        self,
        targets: str | Sequence[str],
        settings: SelectionSettings,
        *,
        encoder: str | None = None,
        filter: str = "",
        group: str = "",
        guard: bool = True,
        refill_duplicates: bool = False,
        device: str = "auto",
        progress: Progress | None = None,
    ) -> Selection:
        """Choose a subset of the pool for one or several target sets.

        Args:
            targets: names of target sets.
            settings: strategy or recipe, budget, weights and their options.
            encoder: id or spec; None for the last embedded one.
            filter: rule on metadata, such as 'width >= 256 and caption ~ "red fox"'.
            group: a named group of images that restricts the pool.
            guard: exclude near-duplicates of held-out images (contamination guard).
            refill_duplicates: let a near-duplicate of a vetoed image be selected in its place.
            device: auto, cpu, cuda or ray; never changes the result.
            progress: called during the preparation with (done, total, unit).

        Raises:
            NotFoundError: a target set is unknown, or nothing is embedded with the encoder.
            InputError: the settings are invalid.
            LeakError: the guard is on and cannot run.
        """
        self.prepare(encoder, device=device, progress=progress)
        asked = Request(
            _names(targets),
            settings,
            encoder,
            filter,
            guard,
            group=group,
            refill_duplicates=refill_duplicates,
            device=device,
        )
        with self._opened() as project:
            return self._selection(project, selections.select(project, asked))

    def update(self, selection: Selection | str, *, progress: Progress | None = None) -> Selection:
        """Update a selection to the current pool and decisions; `churn` lists the changes.

        Raises:
            NotFoundError, LeakError: as in `select`.
        """
        encoder = self.selection(selection_id(selection)).record["encoder_id"]
        self.prepare(encoder, progress=progress)
        with self._opened() as project:
            return self._selection(project, selections.update(project, selection_id(selection)))

    def selection(self, selection: str) -> Selection:
        """Return a selection by its id or the beginning of it.

        Raises:
            NotFoundError: there is none.
        """
        with self._opened() as project:
            return self._selection(project, selections.find(project, selection))

    def _selection(self, project: Project, record: Mapping[str, Any]) -> Selection:
        return results.selection(record, selections.picks(project, record["selection"]))

    def advise(
        self,
        targets: str | Sequence[str],
        budget: int | None = None,
        *,
        encoder: str | None = None,
        progress: Progress | None = None,
    ) -> Advice:
        """Advise on the budget: how similarity falls with rank, and where coverage flattens.

        Raises:
            NotFoundError: as in `select`.
        """
        self.prepare(encoder, progress=progress)
        asked = Request(_names(targets), SelectionSettings(budget=budget or 1), encoder)
        with self._opened() as project:
            return results.advice(selections.advise(project, asked))

    def diagnose(
        self,
        selection: Selection | str,
        *,
        labels: str | Path | None = None,
        second_encoder: str | None = None,
    ) -> Diagnostics:
        """Compute the diagnostics of a selection, as `sept report` prints them.

        Args:
            selection: the selection.
            labels: a csv with true pool classes (key,label), for scoring only.
            second_encoder: an independent encoder for a second measurement.

        Raises:
            NotFoundError: no such selection or encoder.
            InputError: the label file is invalid.
        """
        truth = None if labels is None else project_paths.expanded(labels)
        with self._opened() as project:
            found = subset_diagnostics.report(
                project, selection_id(selection), labels=truth, second=second_encoder
            )
        return results.diagnosed(found)

    def decide(
        self,
        action: Literal["veto", "negative", "keep", "pin"],
        uids: str | Sequence[str],
        targets: str | Sequence[str],
        *,
        scope: str = "image",
        reason: str = "",
        who: str | None = None,
        least_similarity: float | None = None,
    ) -> Decided:
        """Commit a decision on images; it holds for every later selection for the target sets.

        Args:
            action: veto; negative (a veto that also penalises similar images); keep or pin.
            uids: pool images, or target images with the scope `target`.
            targets: names of target sets.
            scope: image, group (near-duplicates), cluster, radius or target.
            reason: kept in the log and in the manifest.
            who: name of the reviewer; None for the project's.
            least_similarity: minimum similarity of the scope radius.

        Raises:
            NotFoundError: an image or target set is unknown.
            InputError: action and scope do not match, or the scope needs an artefact that does not
                exist yet.
        """
        names = _names(targets)
        with self._opened() as project:
            about = decisions.preview(
                project, names, _names(uids), scope, least_similarity=least_similarity
            )
            done = decisions.decide(
                project, names, action, about, scope=scope, reason=reason, who=who
            )
        return Decided(action, scope, done["position"], tuple(about))

    def undo(
        self,
        targets: str | Sequence[str],
        *,
        to: int | None = None,
        redo: bool = False,
        who: str | None = None,
    ) -> Undone:
        """Undo the latest decision, all after position `to`, or (redo) the latest undo.

        Raises:
            InputError: there is nothing to undo.
        """
        with self._opened() as project:
            done = decisions.undo(project, _names(targets), to=to, redo=redo, who=who)
        return Undone(tuple(done["undone"]), done["position"])

    def history(self, targets: str | Sequence[str]) -> pa.Table:
        """Return all decisions for these target sets: who, when, what, and if they still stand."""
        with self._opened() as project:
            events = decisions.history(project, _names(targets))
        return results.table(events, results.DECISIONS)

    def decisions(self, targets: str | Sequence[str]) -> pa.Table:
        """Return the decisions that stand, one row per image, as `sept decisions` writes them."""
        with self._opened() as project:
            return decision_export.table(project, _names(targets))

    def import_decisions(
        self,
        path: str | Path,
        targets: str | Sequence[str],
        *,
        words: Mapping[str, str] | None = None,
        decision: str = "",
        replace: bool = False,
        who: str | None = None,
        preview: bool = False,
    ) -> ImportedDecisions:
        """Import decisions that were made elsewhere: a table, FiftyOne's tags, a list of paths.

        Args:
            path: the file, see docs/sharing.md.
            targets: names of target sets.
            words: tags and other words of the file, and the decisions that they stand for.
            decision: decision of the rows that name none.
            replace: replace different decisions in the project.
            who: reviewer of the rows that name none; None for the project's.
            preview: commit nothing.

        Raises:
            NotFoundError: a target set is unknown.
            InputError: the file cannot be read, or names no images or no decisions.
        """
        file = decision_file.read(project_paths.expanded(path), words, decision)
        with self._opened() as project:
            shown = decision_import.preview(project, _names(targets), file, replacing=replace)
            if shown.planned and not preview:
                decision_import.commit(project, shown, who)
        rows = [row.to_json() for row in shown.rows]
        imported = 0 if preview else len(shown.planned)
        return ImportedDecisions(imported, shown.counts, results.table(rows, results.OUTCOMES))

    def page(
        self,
        selection: Selection | str,
        out: str | Path,
        *,
        names: bool = False,
        pictures: int = subset_facts.PICTURES,
    ) -> Path:
        """Write a selection as one HTML file for others; return its path.

        Args:
            selection: the selection.
            out: the file; must not exist.
            names: include the names of reviewers.
            pictures: maximum number of pictures.

        Raises:
            InputError: `out` exists, or the selection is out of date.
            LeakError: the selection contains held-out images.
        """
        place = project_paths.expanded(out)
        with self._opened() as project:
            subset_page.write(
                project, selection_id(selection), place, names=names, pictures=pictures
            )
        return place

    def export(
        self,
        selection: Selection | str,
        out: str | Path,
        format: str = "native",
        *,
        link: str = "copy",
        options: Mapping[str, Any] | None = None,
        progress: Progress | None = None,
    ) -> Exported:
        """Write a selection as a manifest or in another tool's format, completely or not at all.

        Args:
            selection: the selection.
            out: where to write; must not exist.
            format: native, csv, webdataset, imagefolder, …; see docs/formats.md.
            link: copy, hardlink or symlink.
            options: options of the format, such as {"metadata": "jsonl"}.
            progress: called with (done, total, unit).

        Raises:
            InputError: `out` exists, the format is unknown, or the selection is out of date.
            LeakError: the selection contains held-out images.
        """
        place = project_paths.expanded(out)
        with self._opened() as project:
            job = manifests.start_export(
                project,
                selection_id(selection),
                format,
                place,
                link=link,
                options=dict(options or {}),
            )
        return results.exported(waiting(progress)(self._paths(), job.id))

    @staticmethod
    def verify(
        manifest: str | Path,
        roots: Mapping[str, str | Path] | None = None,
        *,
        progress: Progress | None = None,
    ) -> VerifyReport:
        """Verify a manifest: all files present and unchanged, no leak, no edited row.

        Args:
            manifest: its folder or header.
            roots: the folders of sources that moved, by name.
            progress: called with (done, total, unit).

        Raises:
            ManifestError: there is no manifest; problems of an existing one are in the report's
                `problems`.
        """
        moved = {name: Path(folder) for name, folder in roots.items()} if roots else None
        place = project_paths.expanded(manifest)
        tell = None if progress is None else lambda done, total: progress(done, total, "images")
        return verification.verify(place, moved, progress=tell)


def selection_id(selection: Selection | str) -> str:
    """Return the id of a selection given as a record or by its id."""
    return selection if isinstance(selection, str) else selection.id


def _names(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
