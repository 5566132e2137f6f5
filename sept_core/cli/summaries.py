"""Results of commands as sentences and tables: one function per result.

In: a result as a function of `services` or a worker returned it; `--json` prints that unchanged.
Out: lines on stdout, notes on stderr.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sept_core.catalogue.source_table import ScanReport
from sept_core.cli import output
from sept_core.cli.output import counted, plain, say
from sept_core.selection import diagnostics
from sept_core.services.data import embedding
from sept_core.services.train.advice_record import Advice
from sept_core.storage import commands
from sept_core.wording import quantities


def listed(name: str, report: ScanReport) -> None:
    """Print the counts of a listing that are not 0."""
    words = {
        "new": report.new,
        "changed": report.changed,
        "returned": report.returned,
        "unchanged": report.unchanged,
        "gone": report.gone,
    }
    text = ", ".join(f"{count:,} {word}" for word, count in words.items() if count)
    say(f"Listed {counted(report.total, 'file')} in {name}: {text or 'none'}.")


def fit(folder: Path, spec: str, note: str | None) -> None:
    """Print a warning about a degenerate sample that an encoder was fitted on."""
    if note:
        refit = commands.line("embed", folder, "--encoder", spec, "--rebuild")
        when = "once the pool has more or other images, refit it"
        say(f"{spec}: {note}; {when}: {refit}", to=output.notes)


def embedded(result: Mapping[str, Any], summary: embedding.Summary) -> None:
    """Print the outcomes of the files of each collection, the counts last."""
    columns = list(embedding.COUNTED)
    output.rows(
        f"Embedded with {result['encoder_id']}, {plain(result['images_per_second'])} images/s",
        ["collection", *columns],
        ([name, *(part[column] for column in columns)] for name, part in summary.parts.items()),
    )
    say(summary.sentence)


def without_features(encoders: Sequence[Mapping[str, Any]]) -> None:
    """Print the number of images without a usable vector, one line per encoder."""
    for record in encoders:
        if count := record["no_features"]:
            has = "has" if count == 1 else "have"
            say(
                f"{counted(count, 'image')} {has} no features under {record['id']}; "
                "another encoder may work."
            )


def value_ranges(ranges: Sequence[Mapping[str, Any]]) -> None:
    """Print how images of more than 8 bits are scaled, with warnings."""
    for found in ranges:
        say(found["summary"])
        for warning in found["warnings"]:
            say(f"Warning: {warning}", style="yellow")


def calibration(encoder_id: str, found: Mapping[str, Any]) -> None:
    """Print the thresholds, and how well they separate altered copies from other images."""
    say(
        f"Threshold under {encoder_id}: images with a similarity of at least "
        f"{plain(found['tau'])} are near-duplicates, of at least {plain(found['tau_leak'])} leaks."
    )
    if found["false_partners"] is None:
        say(
            "No pool image has a neighbour other than its near-duplicates, so the pool does not "
            "bound the thresholds."
        )
    else:
        say(
            f"{found['false_partners']:.2%} of {counted(found['background_images'], 'pool image')} "
            "have a false near-duplicate at that threshold "
            f"({found['false_partners_leak']:.2%} for leaks)."
        )
    if found["recall"] is None:
        return say("Recall was not measured: the features were computed elsewhere.")
    say(
        f"It detects {found['recall']:.1%} of {found['copies']:,} altered copies "
        f"({found['recall_leak']:.1%} for leaks):"
    )
    altered = ((name, f"{share:.1%}") for name, share in found["recall_by_jitter"].items())
    return output.rows("Recall by alteration", ["alteration", "recall"], altered)


def advice(found: Mapping[str, Any]) -> None:
    """Print how similarity decays with rank, and where coverage flattens."""
    quartiles = found["quartiles"]  # NaN beyond the longest list
    known = [rank for rank, row in enumerate(quartiles, 1) if all(map(math.isfinite, row))]
    ranks = [rank for rank in known if rank in (1, 2, 5, 10, 20, 50, 100)]
    output.rows(
        "Similarity by rank",
        ["images per target", "budget", "lower quartile", "median", "upper quartile"],
        ([r, found["budgets"][r - 1], *quartiles[r - 1]] for r in ranks),
    )
    if found["flattens_at"] is not None:
        say(f"Coverage flattens at a budget of {counted(found['flattens_at'], 'image')}.")
    if found["hint"]:
        say(str(found["hint"]))


def study_advice(found: Iterable[Advice]) -> None:
    """Print what the project's studies say about each target set."""
    for one in found:
        say(f"Studies on {one.target}: {' '.join(one.sentences)}")
        if one.pilot:
            say(one.pilot)
        if one.command:
            say(f"  {one.command}")


def selection(folder: Path, record: Mapping[str, Any]) -> None:
    """Print the selection funnel, the churn of an update, and the next step."""
    chosen = counted(record["count"], "image")
    output.facts(f"Selection {record['selection']}: {chosen}", record["funnel"])
    if why := record.get("shortfall"):
        say(why)
    if without := record["guard"].get("heldout_without_features"):
        note = (
            f"{counted(without, 'held-out image')} without features under this encoder: the guard "
            "compared only bytes and perceptual hash."
        )
        say(note, to=output.notes)
    if record["guard"]["state"] == "none":
        note = "There are no held-out images to guard against; the manifest will state guard: none."
        say(note, to=output.notes)
    if churn := record.get("churn"):
        say(f"{counted(len(churn['came']), 'image')} added, {len(churn['went']):,} removed.")
    export = commands.line("export", folder, record["selection"], "--out", "FOLDER")
    next_step(f"review it in the app ({commands.line('app', folder)}), or export it: {export}")


def next_step(what: str) -> None:
    """Print what to do next, as a note."""
    say(f"Next: {what}", to=output.notes)


def audit(found: Mapping[str, Any]) -> None:
    """Print the precision measured so far, and the images left to judge."""
    if found["precision"]:
        columns = ["budget", "estimate", "low", "high", "judged"]
        rows = ([row[column] for column in columns] for row in found["precision"])
        output.rows("Precision", columns, rows)
    else:
        say("No image is judged yet; precision is unknown.")
    files = dict(zip(found["uids"], found["files"], strict=True))
    rows = ([uid, files[uid]] for uid in found["to_judge"])
    output.rows("Still to judge", ["uid", "file"], rows)


def report(found: Mapping[str, Any]) -> None:
    """Print the available diagnostics with their meaning."""
    output.facts(f"Selection {found['selection']}", found["funnel"])
    if parts := found.get("parts"):
        output.facts("Images by part", {name or "pins and fill": n for name, n in parts.items()})
    known = [name for name in found if name not in ("selection", "funnel", "not_measured", "parts")]
    output.rows(
        "Diagnostics (not evidence)",
        ["name", "value", "meaning"],
        ([name.replace("_", " "), found[name], diagnostics.meaning(name)]
         for name in known if found[name] is not None),
    )  # fmt: skip
    if missing := [name.replace("_", " ") for name in known if found[name] is None]:
        say(f"Not measured: {', '.join(missing)}. {found['not_measured'] or ''}".rstrip())


def page_written(result: Mapping[str, Any]) -> None:
    """Print the size of an HTML report and its number of pictures."""
    images = counted(result["images"], "image")
    say(
        f"Wrote {result['out']} ({quantities.size(result['bytes'])}) with "
        f"{result['pictures']:,} of {images} as pictures."
    )
    if result["unreadable"]:
        say(f"{counted(result['unreadable'], 'picture')} could not be read.", to=output.notes)


def comparison(first: str, second: str, found: Mapping[str, Any]) -> None:
    """Print the overlap of two selections."""
    say(f"{first} and {second} share {counted(found['shared'], 'image')}.")
    say(f"{len(found['only_a']):,} are only in {first}, {len(found['only_b']):,} only in {second}.")
    say(f"Their overlap (Jaccard index) is {plain(found['jaccard'])}.")


def exported(result: Mapping[str, Any]) -> None:
    """Print the result of an export."""
    say(f"Exported {counted(result['images'], 'image')} as {result['format']} to {result['out']}")
    done = [f"{word} {result[word]:,}" for word in ("copied", "linked") if result[word]]
    if done:
        say(f"Image files: {', '.join(done)}.")
    for note in result["notes"]:
        say(note)
    if result["format"] == "native":
        say(f"To verify it: {commands.line('verify', result['out'])}")


def verified(path: object, checked: Mapping[str, int], problems: int) -> None:
    """Print the extent and the outcome of a verification."""
    text = [f"{counted(checked['rows'], 'row')} read"]
    if "images" in checked:
        text.append(f"{counted(checked['images'], 'image')} checked on disk")
        text.append(f"{checked['guard']:,} compared with the held-out images")
    outcome = "no problems found" if not problems else f"{counted(problems, 'problem')} found"
    say(f"Verified {path}: {', '.join(text)}; {outcome}.")


def drawn(result: Mapping[str, Any]) -> None:
    """Print the size and quality of a map."""
    say(
        f"Computed the map of {counted(result['images'], 'image')} under {result['encoder_id']} in "
        f"{plain(result['seconds'])} s (trustworthiness {plain(result['trustworthiness'])})."
    )


def copied(result: Mapping[str, Any], where: str) -> None:
    """Print how many shards were copied to or from a URL."""
    shards = counted(result["shards copied"], "shard")
    rest = "" if result["shards copied"] else "; they already exist"
    say(f"Copied {shards} of {result['encoder']} {where} {result['url']}{rest}.")


def saved(path: object, numbers: Mapping[str, int], verb: str) -> None:
    """Print the contents of a backup."""
    what = [counted(numbers[name], name.removesuffix("s"))
            for name in ("sources", "decisions", "selections")]  # fmt: skip
    size = f" ({numbers['bytes']:,} bytes)" if "bytes" in numbers else ""
    say(f"{verb} {path}{size}: {', '.join(what)}.")


def trained(values: Mapping[str, Any]) -> None:
    """Print the steps, images and last metrics of a finished run."""
    say(
        f"Trained {values['run']}: {counted(values['steps'], 'step')} on "
        f"{counted(values['subset'], 'image')}, {values['images_seen']:,} images seen in "
        f"{plain(values['seconds'])} s on {values['device']}."
    )
    names = ("loss", "probe_knn", "effective_rank", "images_per_second")
    metrics = {name: values["metrics"].get(name) for name in names}
    output.facts("Last metrics", {name: value for name, value in metrics.items() if value})
