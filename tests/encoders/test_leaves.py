"""The generated pictures: the same every time, no two alike, dark and bright ones among them."""

import numpy as np

from sept_core.encoders import leaves


def test_pictures() -> None:
    pictures = [np.asarray(picture) for picture in leaves.pictures(12)]
    again = [np.asarray(picture) for picture in leaves.pictures(3)]
    assert all((one == other).all() for one, other in zip(pictures, again, strict=False))
    assert len({picture.tobytes() for picture in pictures}) == 12
    assert np.ptp([picture.mean() for picture in pictures]) > 50
    assert min(picture.std() for picture in pictures) > 5
