"""The findings of an evaluation as sentences: what it shows, what it does not, what it cost.

In: a finished evaluation and the reference arm. Out: plain sentences, the same on the page and in
the report.
"""

from collections.abc import Sequence
from typing import Any

from sept_core.evaluation.readout_names import READOUTS
from sept_core.services.train import differences, studies
from sept_core.services.train.differences import Difference
from sept_core.services.train.evaluation_archive import LEAST_SEEDS, Evaluation
from sept_core.services.train.evaluations import RANDOM_INIT
from sept_core.wording import quantities

PREFERRED = ("linear", "knn", "finetune")
"""Readouts by how directly they judge the features; the headline takes the first that exists."""
NOT_CURATED = (*studies.BASELINES, studies.RETRIEVAL, RANDOM_INIT)


def headline(evaluation: Evaluation, reference: str) -> str:
    """Return the main comparison in one sentence, and the count of all others in a second one."""
    found = differences.of(evaluation, reference)
    if not found:
        return f"There is no other arm to compare with {reference}."
    main = _main(found)
    return " ".join([sentence(main), *_tally(found, reference)])


def _main(found: Sequence[Difference]) -> Difference:
    """Return the comparison that the study is about: its first curated arm, not its best one."""

    def place(one: Difference) -> tuple[bool, int]:
        return one.arm.startswith(NOT_CURATED), PREFERRED.index(one.readout)

    return min(found, key=place)


def sentence(one: Difference) -> str:
    """Return one comparison in a sentence."""
    low, high = one.interval
    ends = f"{points(low)} to {points(high)}"
    how = _readout(one)
    size = f"{abs(100 * one.value):.1f} points"
    if not one.covers_seeds:
        more = "more" if one.value >= 0 else "less"
        seeds = "one seed" if one.seeds == 1 else f"{one.seeds} seeds"
        return (
            f"{one.arm} scores {size} {more} than {one.reference} on {seeds}, too few to tell "
            f"chance from effect ({ends} over the test images alone; {how})."
        )
    figures = f"95% interval {ends}; {how}, {one.seeds} seeds"
    if one.better is None:
        after = " after Holm's correction" if one.corrected else ""
        return (
            f"{one.arm} and {one.reference} are not distinguishable{after}: "
            f"{points(one.value)} points ({figures})."
        )
    verb = "beats" if one.better else "falls behind"
    return f"{one.arm} {verb} {one.reference} by {size} ({figures})."


def _tally(found: Sequence[Difference], reference: str) -> list[str]:
    judged = [one for one in found if one.covers_seeds and one.arm != RANDOM_INIT]
    if len(judged) < 2:
        return []
    words = {True: "better", False: "worse", None: "without a visible difference"}
    counts = {word: sum(one.better is v for one in judged) for v, word in words.items()}
    parts = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return [f"All {len(judged)} comparisons of trained arms with {reference}: {parts}."]


def negative(evaluation: Evaluation, reference: str) -> list[str]:
    """Return the comparisons without a gain over the reference, by arm and verdict, as sentences.

    Untrained networks and comparisons with too few seeds for a verdict are left out.
    """
    found = [one for one in differences.of(evaluation, reference) if one.covers_seeds]
    found = [one for one in found if one.arm != RANDOM_INIT]
    said = {False: f"worse than {reference}", None: f"not distinguishable from {reference}"}
    sentences = []
    for verdict, words in said.items():
        arms: dict[str, list[Difference]] = {}
        for one in found:
            if one.better is verdict:
                arms.setdefault(one.arm, []).append(one)
        for arm, own in arms.items():
            where = "; ".join(f"{_readout(one)} {points(one.value)}" for one in own)
            sentences.append(f"{arm} is {words}: {where} points.")
    return sentences


def _readout(one: Difference) -> str:
    return f"{READOUTS[one.readout].said}, {differences.labels_said(one.labels)}"


def caveats(evaluation: Evaluation, reference: str) -> list[str]:
    """Return the limits of the figures: few seeds, unequal compute, the evaluation's own notes."""
    found = differences.of(evaluation, reference)
    notes = []
    older = any("over" not in mean for mean in evaluation.summary["means"])  # lacks this note
    if older and (few := {one.seeds for one in found if not one.covers_seeds}):
        notes.append(
            f"With {max(few)} seed{'s' if max(few) > 1 else ''} the intervals are over test images "
            f"only; they cover no chance of training. Use {LEAST_SEEDS} or more seeds "
            "for a verdict."
        )
    if unmatched := evaluation.unmatched():
        notes.append(unmatched)
    return [*notes, *evaluation.summary["notes"]]


COSTS = ("Arm", "Images", "Share of the pool", "Steps", "Images seen", "Training time",
         "Whole pool, as many epochs")  # fmt: skip


def cost(evaluation: Evaluation, reference: str) -> str:
    """Return the cost of the arm of the headline in a sentence; empty if it is unknown."""
    found = differences.of(evaluation, reference)
    arm = _main(found).arm if found else reference
    rows = [row for row in costs(evaluation) if row[0] == arm]
    if not rows:
        return ""
    _, images, share, _, _, seconds, whole = rows[0]
    text = f"{arm}: {images} images" + (f", {share} of the pool" if share != "–" else "")
    end = f"; the whole pool for as many epochs would take {whole}" if whole != "–" else ""
    return f"{text}; {seconds} of training for each seed{end}."


def costs(evaluation: Evaluation) -> list[list[str]]:
    """Return a row of `COSTS` for each trained arm."""
    known = {arm: evaluation.summary["compute"].get(arm) for arm in evaluation.arms}
    pool = pool_images(evaluation)
    return [_cost(arm, held, pool) for arm, held in known.items() if held and held["images_seen"]]


def _cost(arm: str, held: dict[str, Any], pool: int) -> list[str]:
    images, seconds = held["subset"], held["seconds"]
    smaller = pool >= 2 * images
    return [
        arm, f"{images:,}", _percent(images / pool) if pool else "–",
        f"{held['steps']:,.0f}", f"{held['images_seen']:,.0f}", quantities.about(seconds),
        quantities.about(seconds * pool / images) if smaller else "–",
    ]  # fmt: skip


def pool_images(evaluation: Evaluation) -> int:
    """Return the number of pool images when it was evaluated; 0 if it is unknown."""
    return int(evaluation.request.get("pool_images") or 0)


def spread(evaluation: Evaluation) -> tuple[list[str], list[list[str]]]:
    """Return the accuracies as a table: a row for each arm, a column for each readout.

    A cell is the mean over the seeds with their standard deviation, in percent.
    """
    seeds = differences.by_seed(evaluation)
    means = {(m["arm"], m["readout"], m["labels"]): m["value"] for m in evaluation.summary["means"]}
    columns = list(dict.fromkeys((m["readout"], m["labels"]) for m in evaluation.summary["means"]))
    heads = ["Arm", *(differences.heading(*column) for column in columns)]
    rows = [
        [
            arm,
            *(
                _cell(means.get((arm, *c)), list(seeds.get((arm, *c), {}).values()))
                for c in columns
            ),
        ]
        for arm in evaluation.arms
    ]
    return heads, rows


def _cell(mean: float | None, seeds: list[float]) -> str:
    if mean is None:
        return "–"
    if len(seeds) < 2:
        return f"{100 * mean:.1f}"
    middle = sum(seeds) / len(seeds)
    deviation = (sum((v - middle) ** 2 for v in seeds) / (len(seeds) - 1)) ** 0.5
    return f"{100 * mean:.1f} ± {100 * deviation:.1f}"


def points(share: float) -> str:
    """Return `+2.4`, with a minus sign of the same width for losses."""
    return f"{100 * share:+.1f}".replace("-", "\N{MINUS SIGN}")


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%" if share >= 0.01 else f"{100 * share:.2g}%"
