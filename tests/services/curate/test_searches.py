"""Stored searches: by a project's image, by an uploaded one, by text; hostile uploads."""

from pathlib import Path

import numpy as np
import pytest
from small_project import picture, png

from sept_core import errors
from sept_core.catalogue import revision, settings, source_table, split_table
from sept_core.features import feature_store
from sept_core.imaging import images
from sept_core.services.curate import searches
from sept_core.services.project import projects


def test_an_uploaded_image_finds_itself_and_its_family(project: Path, small_data: Path) -> None:
    data = (small_data / "pool" / "red" / "03.png").read_bytes()
    with projects.opened(project) as opened:
        encoder = projects.find_encoder(opened, None)
        ident = searches.store_upload(opened, encoder, data, "holiday.png")
        assert searches.store_upload(opened, encoder, data, "holiday.png") == ident
        assert searches.label(opened, ident) == "like holiday.png"
        found = searches.results(opened, encoder, ident)
        assert found.similarity[0] > 0.999 and len(found.uids) == len(set(found.uids.tolist()))
        assert (np.diff(found.similarity) <= 0).all()
        assert images.decode(searches.picture(opened, ident)).width == 48
    with projects.opened(project) as restarted:
        again = searches.results(restarted, encoder, ident)
        assert again.uids.tolist() == found.uids.tolist(), "a link shows the same"


@pytest.mark.parametrize(
    "data, sentence",
    [
        (b"", "cannot be used"),
        (b"<svg onload=alert(1)>", "cannot be used"),
        (png(picture("red", 1))[:300], "cannot be used"),
        (b"\0" * (searches.MOST_BYTES + 1), "20 MB"),
    ],
)
def test_bytes_that_are_no_image_are_refused(project: Path, data: bytes, sentence: str) -> None:
    with projects.opened(project) as opened:
        encoder = projects.find_encoder(opened, None)
        with pytest.raises(errors.InputError, match=sentence):
            searches.store_upload(opened, encoder, data)
        assert settings.keys(opened.db, searches.PREFIX) == []


def test_held_out_images_are_not_searched_with(project: Path) -> None:
    with projects.opened(project) as opened:
        encoder = projects.find_encoder(opened, None)
        ident = source_table.find(opened.db, "target", "toys").id
        held = split_table.held_out(opened.db, ident)
        pool = feature_store.FeatureStore(opened.paths.pool_features(encoder))
        own = held[pool.rows_of(held) < 0][0].decode()
        with pytest.raises(errors.NotFoundError, match="no features"):
            searches.results(opened, encoder, searches.store_image(opened, own))
        inside = split_table.searching(opened.db, ident)[-1].decode()
        opened.db.execute("UPDATE files SET gone = TRUE WHERE uid = ?", [inside])
        revision.renew(opened.db)
        assert inside.encode() not in split_table.searching(opened.db, ident)
        with pytest.raises(errors.NotFoundError, match="no features"):
            searches.vector_of(opened, encoder, inside)  # its store still holds it
        shown = split_table.searching(opened.db, ident)[0].decode()
        found = searches.results(opened, encoder, searches.store_image(opened, shown))
        assert len(found.uids) > 100


def test_texts_need_an_encoder_that_understands_them(project: Path) -> None:
    with projects.opened(project) as opened:
        encoder = projects.find_encoder(opened, None)
        ident = searches.store_text(opened, " a  red   fox ")
        assert ident == searches.store_text(opened, "a red fox")
        assert searches.label(opened, ident) == "“a red fox”"
        with pytest.raises(errors.EncoderError, match="does not understand text"):
            searches.results(opened, encoder, ident)
        with pytest.raises(errors.InputError, match="Type a text"):
            searches.store_text(opened, "  ")
        for call in (searches.label, searches.picture):
            with pytest.raises(errors.NotFoundError, match="no search"):
                call(opened, "unknown")
        with pytest.raises(errors.NotFoundError, match="no picture"):
            searches.picture(opened, ident)
        with pytest.raises(errors.NotFoundError, match="no image"):
            searches.store_image(opened, "f" * 32)
