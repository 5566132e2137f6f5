"""Commands of the Curate section: prepare, select, decide, report, compare, export, verify."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from sept_core import errors
from sept_core.cli import follow, outcomes, output, summaries
from sept_core.cli.options import (
    Device,
    Dir,
    Encoder,
    Json,
    Seed,
    SelectionId,
    Targets,
    path_argument,
    path_option,
)
from sept_core.export import formats
from sept_core.export import registry as export_registry
from sept_core.index import formats as index_formats
from sept_core.manifest import verification
from sept_core.selection.settings import SelectionSettings
from sept_core.selection.strategies import DEFAULT_STRATEGY, STRATEGIES
from sept_core.services.curate import decisions, manifests, selections, subset_diagnostics
from sept_core.services.data import feature_import, preparation
from sept_core.services.project import projects
from sept_core.storage import project_paths

Uids = Annotated[list[str], typer.Argument(metavar="UID…", help="Images, by uid.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the log and the manifest.")]
Who = Annotated[str | None, typer.Option("--who", help="Who decides; default: the project's.")]
Scope = Annotated[
    str, typer.Option("--scope", help="image, group, cluster, radius or target (a target image).")
]
Least = Annotated[float | None, typer.Option("--least", help="Least similarity of radius.")]

_STRATEGY_HELP = " ".join(f"{name}: {s.description}" for name, s in STRATEGIES.items())


def prepare(
    folder: Dir,
    encoder: Encoder = None,
    device: Device = "auto",
    index_memory: Annotated[
        int, typer.Option(help="MiB for the index that pools above two million images get.")
    ] = index_formats.MEMORY,
    as_json: Json = False,
) -> None:
    """Make what selection needs once per encoder: neighbour graph, thresholds, duplicates."""
    encoder_id = follow.prepare(folder, encoder, device, index_memory)
    if as_json:
        return output.as_json({"encoder_id": encoder_id})
    return output.say(f"{encoder_id} is prepared.")


def calibrate(folder: Dir, encoder: Encoder = None, as_json: Json = False) -> None:
    """Show from which similarity on two images count as copies, and how that was measured."""
    encoder_id = follow.prepare(folder, encoder)
    with projects.opened(folder) as project:
        found = preparation.calibration(project, encoder_id)
    if as_json:
        return output.as_json(found)
    return summaries.calibration(encoder_id, found)


def select(
    folder: Dir,
    target: Targets,
    budget: Annotated[int | None, typer.Option(help="Images wanted.")] = None,
    strategy: Annotated[str, typer.Option(help=_STRATEGY_HELP)] = DEFAULT_STRATEGY,
    encoder: Encoder = None,
    seed: Seed = 0,
    floor: Annotated[
        float | None,
        typer.Option(help="Percentile of the target–pool similarities below which none is taken."),
    ] = None,
    expand: Annotated[
        list[float] | None, typer.Option(help="Lower floor to try while the budget is open.")
    ] = None,
    fill: Annotated[bool, typer.Option(help="Fill an open budget from clusters, then at random.")]
    = False,
    local_scaling: Annotated[bool, typer.Option(help="Rank by locally scaled similarity.")] = False,
    duplicate_cap: Annotated[int, typer.Option(help="Images per group of near-duplicates.")] = 1,
    max_neighbours: Annotated[int, typer.Option(help="Longest neighbour list.")] = 4096,
    min_targets: Annotated[int, typer.Option(help="Targets that make a cluster count.")] = 1,
    within_cluster: Annotated[str, typer.Option(help="hash or distance.")] = "hash",
    unfilled_quota: Annotated[str, typer.Option(help="leave or donate.")] = "leave",
    filter_text: Annotated[
        str, typer.Option("--filter", help='E.g. \'width >= 256 and caption ~ "red fox"\'.')
    ] = "",
    guard: Annotated[bool, typer.Option(help="The contamination guard.")] = True,
    device: Device = "auto",
    as_json: Json = False,
) -> None:  # fmt: skip
    """Choose a subset of the pool for one or several target sets."""
    settings = SelectionSettings(
        strategy=strategy,
        budget=budget,
        seed=seed,
        floor_percentile=floor,
        expand_percentiles=tuple(expand or ()),
        fill=fill,
        local_scaling=local_scaling,
        max_neighbours=max_neighbours,
        duplicate_cap=duplicate_cap,
        min_targets=min_targets,
        within_cluster=within_cluster,
        unfilled_quota=unfilled_quota,
    )
    request = selections.Request(
        tuple(target), settings, encoder, filter_text, guard, device=device
    )
    follow.prepare(folder, encoder, device)
    with projects.opened(folder) as project:
        record = selections.select(project, request)
    _show_selection(record, as_json)


def _show_selection(record: dict[str, Any], as_json: bool) -> None:
    if as_json:
        return output.as_json(record)
    return summaries.selection(record)


def again(folder: Dir, selection: SelectionId, as_json: Json = False) -> None:
    """Make a selection again on today's pool and decisions, and show who came and went."""
    with projects.opened(folder) as project:
        encoder = selections.find(project, selection)["encoder_id"]
    follow.prepare(folder, encoder)
    with projects.opened(folder) as project:
        record = selections.again(project, selection)
    _show_selection(record, as_json)


def advise(
    folder: Dir,
    target: Targets,
    budget: Annotated[int | None, typer.Option(help="The budget considered.")] = None,
    encoder: Encoder = None,
    as_json: Json = False,
) -> None:
    """Advise on the budget: how similarity decays, and where coverage flattens."""
    follow.prepare(folder, encoder)
    request = selections.Request(tuple(target), SelectionSettings(budget=budget or 1), encoder)
    with projects.opened(folder) as project:
        found = selections.advise(project, request)
    if as_json:
        return output.as_json(found)
    return summaries.advice(found)


def _decide(
    action: str, folder: Path, targets: list[str], uids: list[str], scope: str, reason: str,
    who: str | None, least: float | None, as_json: bool,
) -> None:  # fmt: skip
    with projects.opened(folder) as project:
        expanded = decisions.preview(project, targets, uids, scope, least_similarity=least)
        done = decisions.decide(
            project, targets, action, expanded, scope=scope, reason=reason, who=who
        )
    if as_json:
        output.as_json(done | {"uids": expanded})
    else:
        summaries.decided(action, targets, len(expanded), done["position"])


def veto(
    folder: Dir, uids: Uids, target: Targets, scope: Scope = "image", reason: Reason = "",
    who: Who = None, least: Least = None,
    negative: Annotated[
        bool, typer.Option(help="Also push away what looks like these images.")
    ] = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Keep images out of every selection for these target sets."""
    action = "negative" if negative else "veto"
    _decide(action, folder, target, uids, scope, reason, who, least, as_json)


def keep(
    folder: Dir, uids: Uids, target: Targets, scope: Scope = "image", reason: Reason = "",
    who: Who = None, least: Least = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Say that images are right; the latest decision on an image holds."""
    _decide("keep", folder, target, uids, scope, reason, who, least, as_json)


def pin(
    folder: Dir, uids: Uids, target: Targets, scope: Scope = "image", reason: Reason = "",
    who: Who = None, least: Least = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Always select images; they count towards the budget."""
    _decide("pin", folder, target, uids, scope, reason, who, least, as_json)


def undo(
    folder: Dir,
    target: Targets,
    to: Annotated[int | None, typer.Option(help="Undo all after this position.")] = None,
    redo: Annotated[bool, typer.Option("--redo", help="Take back the latest undo.")] = False,
    who: Who = None,
    as_json: Json = False,
) -> None:
    """Take back the latest decision."""
    with projects.opened(folder) as project:
        done = decisions.undo(project, target, to=to, redo=redo, who=who)
    if as_json:
        return output.as_json(done)
    return summaries.undone(done["undone"])


def history(folder: Dir, target: Targets, as_json: Json = False) -> None:
    """Show every decision: who, when, what."""
    with projects.opened(folder) as project:
        events = decisions.history(project, target)
    if as_json:
        return output.as_json({"events": events})
    columns = ["position", "at", "who", "action", "scope", "stands", "reason"]
    return output.rows(
        "Decisions",
        [*columns, "images"],
        ([*(event[c] for c in columns), len(event["uids"])] for event in events),
    )


def suggest(
    folder: Dir,
    selection: SelectionId,
    count: Annotated[int, typer.Option(help="Images to suggest.")] = 50,
    as_json: Json = False,
) -> None:
    """Suggest what to look at next, most doubtful first; decides nothing."""
    with projects.opened(folder) as project:
        found = decisions.suggest(project, selection, count)
    if as_json:
        return output.as_json(found)
    return output.rows(
        f"Look at these next: {found['method']}",
        ["uid", "score"],
        zip(found["uids"], found["scores"], strict=True),
    )


def audit(
    folder: Dir,
    selection: SelectionId,
    size: Annotated[int, typer.Option(help="Images to judge.")] = 100,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Draw a sample to judge with keep and veto; gives the precision with its interval."""
    with projects.opened(folder) as project:
        found = decisions.audit_plan(project, selection, size, seed)
    if as_json:
        return output.as_json(found)
    return summaries.audit(found)


def report(
    folder: Dir,
    selection: SelectionId,
    labels: Annotated[
        Path | None,
        path_option("A csv with true pool classes (key,label), for scoring only."),
    ] = None,
    second_encoder: Annotated[
        str | None, typer.Option(help="An independent encoder to measure with as well.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Diagnose a selection without training: distances to held-out targets, redundancy, shares."""
    with projects.opened(folder) as project:
        found = subset_diagnostics.report(project, selection, labels=labels, second=second_encoder)
    if as_json:
        return output.as_json(found)
    return summaries.report(found)


def compare(folder: Dir, first: SelectionId, second: SelectionId, as_json: Json = False) -> None:
    """Compare two selections: what they share, and what only one of them has."""
    with projects.opened(folder) as project:
        found = selections.compared(project, first, second)
    if as_json:
        return output.as_json(found)
    return summaries.comparison(first, second, found)


def export(
    folder: Dir,
    selection: SelectionId,
    out: Annotated[Path, path_option("Where to write; must not exist.")],
    export_format: Annotated[
        str, typer.Option("--format", help=", ".join(formats.FORMATS))
    ] = "native",
    link: Annotated[str, typer.Option(help="copy, hardlink or symlink.")] = "copy",
    option: Annotated[
        list[str] | None,
        typer.Option(help=f"NAME=VALUE, an option of the format. {formats.options_help()}"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a selection as a manifest or in another tool's format, whole or not at all."""
    options = export_registry.read_options(export_format, option or [])
    with projects.opened(folder) as project:
        job = manifests.start_export(
            project, selection, export_format, out, link=link, options=options
        )
    result = follow.to_end(projects.paths_of(folder), job.id)
    if as_json:
        return output.as_json(result)
    return summaries.exported(result)


def verify(
    path: Annotated[Path, path_argument("MANIFEST", "Its folder or header.")],
    root: Annotated[
        list[str] | None, typer.Option(help="NAME=FOLDER of a source, if it moved.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a manifest: every file there and unchanged, no leak, no edited row."""
    roots = dict(_root(text) for text in root) if root else None
    found = verification.verify(path, roots)
    if as_json:
        output.as_json(asdict(found))
    else:
        for problem in found.problems:
            output.say(f"{problem.kind}: {problem.message}")
        summaries.verified(path, found.checked, len(found.problems))
    if found.problems:
        raise errors.ManifestError(f"{path} has {output.counted(len(found.problems), 'problem')}.")


def _root(text: str) -> tuple[str, Path]:
    name, sign, folder = text.partition("=")
    if not sign:
        raise errors.InputError(f"--root {text!r} cannot be read; write NAME=FOLDER.")
    return name, project_paths.expanded(folder)


def features_import(
    folder: Dir,
    path: Annotated[Path, path_argument("PATH", "Files or folder of features.")],
    name: Annotated[str | None, typer.Option(help="Name of their encoder.")] = None,
    target: Annotated[
        str | None, typer.Option(help="The target set they are of; default: the pool.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Take over features computed elsewhere: .npy with keys, clip-retrieval, DataComp."""
    chosen = name or path.stem
    with projects.opened(folder) as project:
        if target is None:
            result = feature_import.import_pool(project, chosen, path)
        else:
            result = feature_import.import_target(project, chosen, path, target)
    if as_json:
        output.as_json(result)
    outcomes.close_import(folder, path, result, as_json)
