"""The bytes of an image as they were embedded, from the first place that still has them.

In: the image's places. Out: its bytes and the place they came from.
"""

from collections.abc import Callable, Iterable

from sept_core import errors
from sept_core.catalogue.place_table import Place
from sept_core.imaging import images
from sept_core.ingest import sources
from sept_core.storage import hashing


def read(
    uid: str, places: Iterable[Place], reader_of: Callable[[Place], sources.ByteReader]
) -> tuple[bytes, Place] | None:
    """Return the bytes from the first place that has them, and that place; None if none has.

    Args:
        uid: uid of the image; other bytes are never returned.
        places: as `place_table.places` gives them, best first.
        reader_of: returns a reader for the id of a place's source.
    """
    for place in places:
        try:
            data = reader_of(place).read(
                place.source_id, place.rel_path, place.member, place.offset, place.size
            )
        except (images.UnusableFile, errors.SourceError):
            continue  # moved or damaged since; try the next place
        if hashing.uid_of(data) == uid:
            return data, place
    return None
