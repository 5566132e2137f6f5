"""Comparison of a subset with the held-out targets: diagnostics, not evidence (docs/method.md §5).

In: feature arrays of the subset, of held-out targets and of a random sample, and facts about the
picks. Out: numbers by name, and a sentence for each name. Pairwise computations run in blocks, so
that memory stays small.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sept_core.measures import spread

MOST_ROWS = 10_000
"""Larger sets are sampled down to this many rows (seeded), which bounds the time."""

CELLS = 4_000_000
"""Similarities held at once (16 MB in float32)."""

JACKKNIFE_PARTS = 10
COVERAGE_NEIGHBOURS = 5
NEAR_DUPLICATE = 0.95

EXPLANATIONS: dict[str, str] = {
    "kid": "KID×10³ of the subset against held-out targets (0 if their distributions are equal): "
    "unbiased MMD² with the kernel (cosine + 1)³.",
    "kid_error": "Standard error of kid, by a jackknife over tenths of both sets.",
    "kid_floor": "KID×10³ of one half of the held-out targets against the other: the noise.",
    "kid_random": "KID×10³ of random pool images, as many as the subset, to the same targets.",
    "kid_random_error": "Standard error of kid_random.",
    "energy": "Energy distance ×10³ of the subset to the held-out targets: like kid, but "
    "sensitive to every difference between the two distributions.",
    "energy_error": "Standard error of energy.",
    "energy_floor": "Energy distance ×10³ between two halves of the held-out targets: the noise.",
    "energy_random": "Energy distance ×10³ of the random pool images to the held-out targets.",
    "energy_random_error": "Standard error of energy_random.",
    "coverage": "Share of held-out targets with a subset image closer than their 5th nearest "
    "held-out target (Naeem et al. 2020); grows with the subset.",
    "coverage_random": "The same share for the random pool images.",
    "nearest_in_subset": "Redundancy: mean cosine of a subset image to its nearest other one.",
    "near_duplicates": "Redundancy: share of subset images with another one above cosine 0.95.",
    "effective_rank": "Directions over which the subset spreads: exp of the entropy of its "
    "centred singular values (Roy & Vetterli 2007).",
    "images_per_target_min": "Fewest images that a target owns.",
    "images_per_target_median": "Median number of images that a target owns.",
    "images_per_target_gini": "Inequality of images over targets: 0 if all own equally many, "
    "near 1 if one owns all.",
    "leaks": "Images of the subset that the contamination guard finds among held-out targets.",
    "fill": "Share of the budget that was filled.",
    "precision": "Share of the picks whose label is one of the target's, among those with a known "
    "label; labels serve this score only.",
    "index_recall": "Measured recall of the neighbour search; 1 for exact search.",
}


def meaning(name: str) -> str:
    """Return the explanation of a diagnostic, or of one under a second encoder (`second_…`)."""
    text = EXPLANATIONS.get(name.removeprefix("second_"), "")
    return f"Under the second encoder: {text}" if name.startswith("second_") else text


@dataclass(frozen=True)
class Facts:
    """Facts about a selection besides its features; None if unknown.

    Attributes:
        owners: (B,) S32, the owning target of each pick, b"" if no target led to it.
        targets: (T,) S32, all targets that were searched with.
        budget: number of requested images.
        leaks: picks that the contamination guard finds.
        relevant: (n,) bool for the picks with a known label: True if it is one of the target's.
        index_recall: recall of the search that the selection used.
    """

    owners: np.ndarray | None = None
    targets: np.ndarray | None = None
    budget: int | None = None
    leaks: int | None = None
    relevant: np.ndarray | None = None
    index_recall: float | None = None


def not_measured(subset: int, heldout: int) -> str | None:
    """Name the diagnostics that need more images, and the remedy; None if there are enough.

    Args:
        subset: images of the subset.
        heldout: held-out images of the target sets.
    """
    missing = []
    if subset < 2:
        missing.append("Distances and redundancy need at least 2 selected images; select more.")
    if not heldout:
        missing.append("Distances need held-out images; give the target set a test split.")
    elif heldout < 4:
        missing.append(
            "The noise estimate needs at least 4 held-out images; add some to the test split."
        )
    return " ".join(missing) or None


@dataclass(frozen=True)
class TwoSample:
    """Distances between two samples, each ×10³, with jackknife standard errors.

    The errors are None if a sample is too small for a jackknife.
    """

    kid: float
    kid_error: float | None
    energy: float
    energy_error: float | None


def report(
    subset: np.ndarray,
    heldout: np.ndarray | None = None,
    random: np.ndarray | None = None,
    facts: Facts | None = None,
    seed: int = 0,
) -> dict[str, float | None]:
    """Compute all diagnostics of `EXPLANATIONS` by name; None where inputs are missing.

    Call it once with the retrieval encoder's features and once with a second encoder's.

    Args:
        subset: (B, D) float vectors of the picks, not 0.
        heldout: (H, D) of the target's test split; None without one.
        random: (B, D) of as many random pool images.
        facts: facts besides the features.
        seed: random seed of the samples, halves and jackknife parts.
    """
    found: dict[str, float | None] = dict.fromkeys(EXPLANATIONS)
    subset = _unit(subset)
    if heldout is not None:
        heldout = _unit(heldout)
        found |= _against(subset, heldout, seed, "")
        found |= _noise_floor(heldout, seed)
        if random is not None:
            found |= _against(_unit(random), heldout, seed, "_random")
    if len(subset) > 1:
        nearest = nearest_other(subset, seed)
        found["nearest_in_subset"] = float(nearest.mean())
        found["near_duplicates"] = float((nearest > NEAR_DUPLICATE).mean())
        found["effective_rank"] = effective_rank(subset)
    return found | _bookkeeping(len(subset), facts or Facts())


def two_sample(x: np.ndarray, y: np.ndarray, seed: int = 0) -> TwoSample:
    """Compute KID (Bińkowski et al. 2018) and energy distance of two samples of unit vectors.

    Both are unbiased MMD² estimates over all pairs. KID's kernel (x·y/d + 1)³ is taken on
    vectors of length √d, which makes it (cosine + 1)³ for every encoder; the energy distance is
    the MMD² of the kernel −‖x − y‖. The error is a delete-a-part jackknife.

    Args:
        x: (n, D) float32 unit vectors, n ≥ 2.
        y: (m, D) float32 unit vectors, m ≥ 2.
        seed: random seed of the sample (above `MOST_ROWS`) and of the parts.
    """
    x, y = _sample(x, seed), _sample(y, seed)
    parts = max(1, min(JACKKNIFE_PARTS, len(x) // 2, len(y) // 2))
    xs, ys = np.array_split(x, parts), np.array_split(y, parts)
    within_x, within_y = _kernel_sums(xs, xs, same=True), _kernel_sums(ys, ys, same=True)
    between = _kernel_sums(xs, ys, same=False)
    sizes = np.array([len(part) for part in xs + ys]).reshape(2, parts)

    def estimate(kept: np.ndarray) -> np.ndarray:
        n, m = sizes[:, kept].sum(axis=1)
        square = np.ix_(np.arange(2), kept, kept)
        xx, yy, xy = (sums[square].sum(axis=(1, 2)) for sums in (within_x, within_y, between))
        return np.asarray(1e3 * (xx / (n * (n - 1)) + yy / (m * (m - 1)) - 2 * xy / (n * m)))

    every = np.arange(parts)
    kid, energy = estimate(every).tolist()
    if parts < JACKKNIFE_PARTS:
        return TwoSample(kid, None, energy, None)
    without = np.array([estimate(np.delete(every, part)) for part in every])
    errors = np.sqrt((parts - 1) * without.var(axis=0)).tolist()
    return TwoSample(kid, errors[0], energy, errors[1])


def coverage(heldout: np.ndarray, subset: np.ndarray, seed: int = 0) -> float:
    """Return the share of held-out targets that the subset covers (Naeem et al. 2020).

    A target is covered if some subset image is closer to it than its 5th nearest other target.

    Args:
        heldout: (H, D) float32 unit vectors, H ≥ 2.
        subset: (B, D) float32 unit vectors, B ≥ 1.
        seed: random seed of the sample of targets above `MOST_ROWS`.
    """
    heldout = _sample(heldout, seed)
    k = min(COVERAGE_NEIGHBOURS, len(heldout) - 1)
    covered = 0
    for rows in _blocks(len(heldout), max(len(heldout), len(subset))):
        fellows = heldout[rows] @ heldout.T
        fellows[np.arange(len(fellows)), np.arange(rows.start, rows.stop)] = -np.inf
        radius = np.partition(fellows, -k, axis=1)[:, -k]
        covered += int(((heldout[rows] @ subset.T).max(axis=1) > radius).sum())
    return covered / len(heldout)


def nearest_other(subset: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return (min(B, MOST_ROWS),) float32: cosine of images to the nearest other one.

    Args:
        subset: (B, D) float32 unit vectors, B ≥ 2.
        seed: random seed of the sample of query images; all images are candidates.
    """
    subset = subset.astype(np.float32)  # NumPy has no fast product of float16
    asked = np.random.default_rng(seed).permutation(len(subset))[:MOST_ROWS]
    nearest = np.empty(len(asked), np.float32)
    for rows in _blocks(len(asked), len(subset)):
        cosines = subset[asked[rows]] @ subset.T
        cosines[np.arange(len(cosines)), asked[rows]] = -np.inf
        nearest[rows] = cosines.max(axis=1)
    return nearest


def effective_rank(vectors: np.ndarray) -> float:
    """Compute the effective rank of vectors about their mean, see `spread`; 0 without spread.

    Args:
        vectors: (n, D) float.
    """
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    eigenvalues = np.linalg.eigvalsh(centred.T @ centred)
    return spread.effective_rank(np.sqrt(np.clip(eigenvalues, 0, None)))


def gini(counts: np.ndarray) -> float:
    """Return the Gini coefficient of counts (n,), not all 0: 0 if equal, 1 − 1/n if one has all."""
    ordered = np.sort(counts)
    n = len(ordered)
    weighted = (np.arange(1, n + 1) * ordered).sum()
    return float(2 * weighted / (n * ordered.sum()) - (n + 1) / n)


def _against(
    sample: np.ndarray, heldout: np.ndarray, seed: int, suffix: str
) -> dict[str, float | None]:
    """Compute the distances of a sample to the held-out targets."""
    if min(len(sample), len(heldout)) < 2:
        return {}
    found = two_sample(sample, heldout, seed)
    return {
        f"kid{suffix}": found.kid,
        f"kid{suffix}_error": found.kid_error,
        f"energy{suffix}": found.energy,
        f"energy{suffix}_error": found.energy_error,
        f"coverage{suffix}": coverage(heldout, sample, seed),
    }


def _noise_floor(heldout: np.ndarray, seed: int) -> dict[str, float | None]:
    """Compute the distances between two samples of the same distribution."""
    shuffled = heldout[np.random.default_rng(seed).permutation(len(heldout))]
    first, second = np.array_split(shuffled, 2)
    if len(second) < 2:
        return {}
    found = two_sample(first, second, seed)
    return {"kid_floor": found.kid, "energy_floor": found.energy}


def _bookkeeping(size: int, facts: Facts) -> dict[str, float | None]:
    found: dict[str, float | None] = {"leaks": facts.leaks, "index_recall": facts.index_recall}
    if facts.budget:
        found["fill"] = size / facts.budget
    if facts.relevant is not None and len(facts.relevant):
        found["precision"] = float(np.mean(facts.relevant))
    if facts.owners is not None and facts.targets is not None:
        owned = Counter(facts.owners.tolist())
        found |= _per_target(np.array([owned[target] for target in facts.targets.tolist()]))
    return found


def _per_target(counts: np.ndarray) -> dict[str, float | None]:
    if not counts.any():
        return {}  # a strategy without owners
    return {
        "images_per_target_min": float(counts.min()),
        "images_per_target_median": float(np.median(counts)),
        "images_per_target_gini": gini(counts),
    }


def _kernel_sums(xs: list[np.ndarray], ys: list[np.ndarray], *, same: bool) -> np.ndarray:
    """Return (2, G, G) float64: the sums of both kernels over every pair of parts.

    `same` skips each vector's pair with itself and uses the symmetry.
    """
    sums = np.zeros((2, len(xs), len(ys)))
    for i, x in enumerate(xs):
        for j, y in enumerate(ys):
            if same and j < i:
                sums[:, i, j] = sums[:, j, i]
                continue
            cosines = x @ y.T
            for kernel, values in enumerate(
                ((cosines + 1) ** 3, -np.sqrt(np.maximum(2 - 2 * cosines, 0)))
            ):
                diagonal = np.trace(values, dtype=np.float64) if same and i == j else 0.0
                sums[kernel, i, j] = values.sum(dtype=np.float64) - diagonal
    return sums


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Return float32 rows of length 1; stored float16 vectors have it only approximately."""
    wide = np.asarray(vectors, np.float32)
    return np.asarray(wide / np.linalg.norm(wide, axis=1, keepdims=True))


def _sample(vectors: np.ndarray, seed: int) -> np.ndarray:
    """Sample at most `MOST_ROWS` float32 rows in random order, so that parts are comparable."""
    order = np.random.default_rng(seed).permutation(len(vectors))[:MOST_ROWS]
    return vectors[order].astype(np.float32)


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    """Yield slices of the rows that keep a block of similarities within `CELLS`."""
    step = max(1, CELLS // max(columns, 1))
    for low in range(0, rows, step):
        yield slice(low, min(low + step, rows))
