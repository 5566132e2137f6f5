"""Files are known by their bytes: every format by its first ones, everything else by what it is."""

import io
import re
import tarfile
import zipfile
from pathlib import Path

import drawn
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sept_core.filesystem import safe_paths
from sept_core.imaging import image_formats, images, other_files


def rejection(data: bytes) -> str:
    with pytest.raises(images.RejectedImage) as caught:
        images.decode(data)
    return caught.value.reason


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", "x")
    return out.getvalue()


def tarred() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"))
    return out.getvalue()


@pytest.mark.parametrize(
    ("pillow", "name"),
    [
        *(("JPEG", "JPEG"), ("PNG", "PNG"), ("WEBP", "WebP"), ("GIF", "GIF"), ("BMP", "BMP")),
        *(("TIFF", "TIFF"), ("AVIF", "AVIF"), ("JPEG2000", "JPEG 2000"), ("PPM", "PPM")),
        *(("TGA", "Targa (TGA)"), ("ICO", "Icon (ICO)"), ("SGI", "SGI"), ("DDS", "DDS texture")),
        *(("QOI", "QOI"), ("EPS", "PostScript"), ("MPO", "JPEG")),
    ],
)
def test_what_pillow_writes_is_recognised(pillow: str, name: str) -> None:
    data = drawn.saved(Image.fromarray(drawn.QUADRANTS), pillow)
    known = image_formats.recognise(data)
    assert known is not None and known.name == name
    assert known.reader or rejection(data) == f"{name} images are not supported; {known.advice}"


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"\xff\x0a\xfa\x1f", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"8BPS\0\1", "Photoshop (PSD)"),
        (b"v/1\x01\2\0\0\0", "OpenEXR"),
        (b"#?RADIANCE\n", "Radiance HDR"),
        (b"<svg xmlns='x'/>", "SVG"),
        (b"<?xml version='1.0'?>\n<!-- made -->\n<svg width='9'/>", "SVG"),
        (b"II*\0\x10\0\0\0CR\2\0", "Camera raw"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "Camera raw"),
        (b"FUJIFILMCCD-RAW 0201", "Camera raw"),
        (b"SIMPLE  =                    T", "FITS"),
        (b"\0\0\2\0\1\0\x20\x20\0\0\1\0\1\0", "Cursor (CUR)"),
    ],
)
def test_formats_that_are_only_recognised_say_what_they_are(start: bytes, name: str) -> None:
    known = image_formats.recognise(start + bytes(200))
    assert known is not None and (known.name, known.reader) == (name, "")
    assert rejection(start + bytes(200)).startswith(f"{name} images are not supported; ")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"<!DOCTYPE html><html>403</html>", "an HTML page; the download probably failed"),
        (b"\n\n  <HTML><BODY>", "an HTML page; the download probably failed"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
         "an XML document; the download probably failed"),
        (b"<?xml version='1.0'?><annotation/>", "an XML document"),
        (b'{"error": "not found"}', "JSON text"),
        (b"Access denied", "a text file"),
        ("Zugriff verweigert: Schl\u00fcssel fehlt".encode("utf-16"), "a text file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
         "a Git LFS pointer, not the image itself; run `git lfs pull`"),
        (zipped(), "a zip archive or an office document"),
        (tarred(), "a tar archive"),
        (b"%PDF-1.7\n", "a PDF document; export its pages as images first"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "a video"),
        (b"\x1a\x45\xdf\xa3\x01", "a video"),
        (bytes(9000), "all its bytes are zero; the copy or download probably failed"),
        (bytes(5000) + b"x", "its first bytes are zero; the copy or download probably failed"),
        (b"\r\n\xff\xd8\xff\xe0\0\x10JFIF", "2 stray bytes in front of a JPEG; remove them"),
        (b"\x89PNG\n\x1a\n", "a PNG damaged by a transfer in text mode"),
        (b"PAR1", "a Parquet table; add it as a source of its own"),
    ],
)  # fmt: skip
def test_what_is_no_image_says_what_it_is(data: bytes, what: str) -> None:
    assert rejection(data) == f"not an image ({what})"


def test_what_nobody_knows() -> None:
    assert rejection(b"\x9c\xd2\x11\0\x07" * 30) == "not an image"
    assert rejection(b"") == "empty file"


@settings(deadline=None)
@given(st.text(max_size=200))
def test_no_text_is_taken_for_an_image(text: str) -> None:
    known = image_formats.recognise(text.encode())
    assert known is None or known.name in ("SVG", "PBM", "PGM", "PPM", "PFM", "XPM")


@pytest.mark.parametrize("text", ["BMW is a car", "P5 is a file", "P6\nno", "GIFs", "II", "MM*"])
def test_words_that_begin_as_images_do(text: str) -> None:
    assert rejection(text.encode()) == "not an image (a text file)"


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_described(data: bytes) -> None:
    known = image_formats.recognise(data)
    assert known is None or known in image_formats.READ or known.reader == ""
    assert other_files.description(data) != ""


def test_suffixes_come_from_one_table() -> None:
    assert {".jpg", ".heic", ".dcm", ".pgm", ".jp2"} <= image_formats.READ_SUFFIXES
    assert image_formats.READ_SUFFIXES < safe_paths.IMAGE_SUFFIXES >= {".svg", ".cr2", ".psd"}
    assert not safe_paths.IMAGE_SUFFIXES & set(other_files.NAME_PROBLEMS)
    known = [*image_formats.READ]
    every = [suffix for found in known for suffix in found.suffixes]
    assert len(every) == len(set(every))


def test_exports_name_files_by_their_bytes() -> None:
    picture = Image.fromarray(drawn.QUADRANTS)
    for pillow, suffix in (("JPEG2000", ".jp2"), ("PPM", ".ppm"), ("AVIF", ".avif")):
        assert image_formats.extension(drawn.saved(picture, pillow)) == suffix
    assert image_formats.extension(drawn.saved(picture.convert("L"), "PPM")) == ".pgm"
    assert image_formats.extension(b"?") == ".img"


def test_the_document_names_every_format() -> None:
    text = (Path(__file__).parents[3] / "docs" / "images.md").read_text()
    assert all(re.search(rf"\b{known.name}\b", text) for known in image_formats.READ)
