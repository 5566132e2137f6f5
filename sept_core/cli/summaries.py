"""Results of commands as sentences and tables: one function a result.

In: a result as a pipeline function or a worker returned it; `--json` prints that as it is.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sept_core.catalogue.scan_table import ScanReport
from sept_core.cli import output
from sept_core.cli.output import counted, plain, say
from sept_core.selection import diagnostics
from sept_core.services.data import embedding
from sept_core.storage import commands

PAST = {"veto": "Vetoed", "negative": "Vetoed", "keep": "Kept", "pin": "Pinned"}


def listed(name: str, report: ScanReport) -> None:
    """Print what a listing found, without the counts that are 0."""
    words = {
        "new": report.new,
        "changed": report.changed,
        "back again": report.returned,
        "unchanged": report.unchanged,
        "gone": report.gone,
    }
    text = ", ".join(f"{count:,} {word}" for word, count in words.items() if count)
    say(f"Listed {counted(report.total, 'file')} of {name}: {text or 'none'}.")


def fit(folder: Path, spec: str, note: str | None) -> None:
    """How the sample that an encoder was fitted on is degenerate, and what to do."""
    if note:
        again = commands.line("embed", folder, "--encoder", spec, "--rebuild")
        told = "once the pool has more or other images, fit it again"
        say(f"{spec}: {note}; {told}: {again}", to=output.notes)


def embedded(result: Mapping[str, Any], told: embedding.Summary) -> None:
    """What an embedding did with the files of each collection, the counts last."""
    columns = list(embedding.COUNTED)
    output.rows(
        f"Embedded with {result['encoder_id']}, {plain(result['images_per_second'])} images/s",
        ["collection", *columns],
        ([name, *(part[column] for column in columns)] for name, part in told.parts.items()),
    )
    say(told.sentence)


def without_features(encoders: Sequence[Mapping[str, Any]]) -> None:
    """How many images an encoder gave no usable vector, a line each."""
    for record in encoders:
        if count := record["no_features"]:
            has = "has" if count == 1 else "have"
            say(
                f"{counted(count, 'image')} {has} no features under {record['id']}; "
                "other encoders may have."
            )


def value_ranges(ranges: Sequence[Mapping[str, Any]]) -> None:
    """How images of more than 8 bits become pixels, and what is wrong with that."""
    for found in ranges:
        say(found["summary"])
        for warning in found["warnings"]:
            say(f"Warning: {warning}", style="yellow")


def calibration(encoder_id: str, found: Mapping[str, Any]) -> None:
    """Print the thresholds, and how well they tell altered copies from other images."""
    say(
        f"Under {encoder_id}, images of similarity {plain(found['tau'])} and more count as "
        f"near-duplicates; of {plain(found['tau_leak'])} and more as leaks."
    )
    say(
        f"{found['false_partners']:.2%} of {counted(found['background_images'], 'pool image')} "
        f"have a false partner at that threshold ({found['false_partners_leak']:.2%} for leaks)."
    )
    if found["recall"] is None:
        return say("The recall was not measured: the features were computed elsewhere.")
    say(
        f"It finds {found['recall']:.1%} of {found['copies']:,} altered copies "
        f"({found['recall_leak']:.1%} for leaks):"
    )
    altered = ((name, f"{share:.1%}") for name, share in found["recall_by_jitter"].items())
    return output.rows("Recall by alteration", ["alteration", "recall"], altered)


def advice(found: Mapping[str, Any]) -> None:
    """Print how similarity falls with rank, and where more images stop helping."""
    quartiles = found["quartiles"]  # NaN beyond the longest list
    known = [rank for rank, row in enumerate(quartiles, 1) if all(map(math.isfinite, row))]
    ranks = [rank for rank in known if rank in (1, 2, 5, 10, 20, 50, 100)]
    output.rows(
        "Similarity by rank",
        ["images a target", "budget", "lower quartile", "median", "upper quartile"],
        ([r, found["budgets"][r - 1], *quartiles[r - 1]] for r in ranks),
    )
    if found["flattens_at"] is not None:
        say(f"Coverage flattens at a budget of {counted(found['flattens_at'], 'image')}.")
    if found["hint"]:
        say(str(found["hint"]))


def selection(record: Mapping[str, Any]) -> None:
    """Print the selection funnel, and the churn of an update."""
    chosen = counted(record["count"], "image")
    output.facts(f"Selection {record['selection']}: {chosen}", record["funnel"])
    if why := record.get("shortfall"):
        say(why)
    if without := record["guard"].get("heldout_without_features"):
        note = (
            f"{counted(without, 'held-out image')} without features under this encoder; the guard "
            "compared them by bytes and perceptual hash only."
        )
        say(note, to=output.notes)
    if record["guard"]["state"] == "none":
        note = "No held-out images to guard: the manifest will say guard: none."
        say(note, to=output.notes)
    if churn := record.get("churn"):
        say(f"{counted(len(churn['came']), 'image')} came, {len(churn['went']):,} went.")


def decided(action: str, targets: Sequence[str], count: int, position: int) -> None:
    """Print what a decision applies to."""
    images, whom = counted(count, "image"), ", ".join(targets)
    say(f"{PAST[action]} {images} for {whom} (position {position} of the log).")


def undone(positions: Sequence[int]) -> None:
    """Print the decisions that were undone."""
    word = "decision" if len(positions) == 1 else "decisions"
    say(f"Undid {word} {', '.join(map(str, positions))}.")


def audit(found: Mapping[str, Any]) -> None:
    """Print the precision so far, and the images left to judge."""
    if found["precision"]:
        columns = ["budget", "estimate", "low", "high", "judged"]
        rows = ([row[column] for column in columns] for row in found["precision"])
        output.rows("Precision", columns, rows)
    else:
        say("Nothing is judged yet, so there is no precision.")
    output.rows("Still to judge", ["uid"], ([uid] for uid in found["to_judge"]))


def report(found: Mapping[str, Any]) -> None:
    """Print every diagnostic that could be computed, with its meaning."""
    output.facts(f"Selection {found['selection']}", found["funnel"])
    known = [name for name in found if name not in ("selection", "funnel")]
    output.rows(
        "Diagnostics (not evidence)",
        ["name", "value", "meaning"],
        ([name.replace("_", " "), found[name], _meaning(name)]
         for name in known if found[name] is not None),
    )  # fmt: skip
    if missing := [name.replace("_", " ") for name in known if found[name] is None]:
        say(f"Not measured: {', '.join(missing)}.")


def _meaning(name: str) -> str:
    second = name.startswith("second_")
    text = diagnostics.EXPLANATIONS.get(name.removeprefix("second_"), "")
    return f"Under the second encoder: {text}" if second else text


def comparison(first: str, second: str, found: Mapping[str, Any]) -> None:
    """Print what two selections share."""
    say(f"{first} and {second} share {counted(found['shared'], 'image')}.")
    say(f"{len(found['only_a']):,} are only in {first}, {len(found['only_b']):,} only in {second}.")
    say(f"Their overlap (Jaccard index) is {plain(found['jaccard'])}.")


def exported(result: Mapping[str, Any]) -> None:
    """Print what an export wrote and where."""
    say(f"Exported {counted(result['images'], 'image')} as {result['format']} to {result['out']}")
    done = [f"{word} {result[word]:,}" for word in ("copied", "linked") if result[word]]
    if done:
        say(f"Image files: {', '.join(done)}.")
    for note in result["notes"]:
        say(note)
    if result["format"] == "native":
        say(f"Check it at any time: {commands.line('verify', result['out'])}")


def verified(path: object, checked: Mapping[str, int], problems: int) -> None:
    """Print how much of a manifest was checked."""
    text = [f"{counted(checked['rows'], 'row')} read"]
    if "images" in checked:
        text.append(f"{counted(checked['images'], 'image')} read again")
        text.append(f"{checked['guard']:,} compared with the held-out images")
    outcome = "nothing is wrong" if not problems else f"{counted(problems, 'problem')} found"
    say(f"Checked {path}: {', '.join(text)}; {outcome}.")


def drawn(result: Mapping[str, Any]) -> None:
    """Print the size and quality of a map."""
    say(
        f"Drew the map of {counted(result['images'], 'image')} under {result['encoder_id']} in "
        f"{plain(result['seconds'])} s (trustworthiness {plain(result['trustworthiness'])})."
    )


def copied(result: Mapping[str, Any], where: str) -> None:
    """Print which features were copied to a place or from it."""
    shards = counted(result["shards copied"], "shard")
    rest = "" if result["shards copied"] else "; all others are there already"
    say(f"Copied {shards} of {result['encoder']} {where} {result['url']}{rest}.")


def kept(path: object, numbers: Mapping[str, int], verb: str) -> None:
    """Print what a backup holds, or what came from it."""
    what = [counted(numbers[name], name.removesuffix("s"))
            for name in ("sources", "decisions", "selections")]  # fmt: skip
    size = f" ({numbers['bytes']:,} bytes)" if "bytes" in numbers else ""
    say(f"{verb} {path}{size}: {', '.join(what)}.")


def trained(values: Mapping[str, Any]) -> None:
    """Print what a finished run saw, and its last metrics."""
    say(
        f"Trained {values['run']}: {counted(values['steps'], 'step')} on "
        f"{counted(values['subset'], 'image')}, {values['images_seen']:,} images seen in "
        f"{plain(values['seconds'])} s on {values['device']}."
    )
    names = ("loss", "probe_knn", "effective_rank", "images_per_second")
    metrics = {name: values["metrics"].get(name) for name in names}
    output.facts("Last metrics", {name: value for name, value in metrics.items() if value})
