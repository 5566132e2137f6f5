"""The number of directions over which features spread.

In: singular values of centred features. Out: one number.
"""

import numpy as np

NEGLIGIBLE = 1e-6
"""Singular values below this share of the greatest one are rounding errors."""


def effective_rank(singular: np.ndarray) -> float:
    """Return exp of the entropy of singular values (Roy & Vetterli 2007); 0 where all are 0.

    Args:
        singular: (n,) float, not negative, of features about their mean.
    """
    singular = singular[singular > NEGLIGIBLE * singular.max(initial=0)]
    shares = singular / singular.sum()
    return float(np.exp(-(shares * np.log(shares)).sum())) if len(shares) else 0.0
