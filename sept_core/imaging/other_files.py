"""Other files: files among the images that are not images, recognised by their bytes or name.

In: the bytes of a file that no image format fits, or the suffix of its name. Out: a few words that
say what the file is, for the reason that is listed with it.
"""

import re

from sept_core.imaging import image_formats

HEAD = 4096
"""Number of bytes that are examined; more would not help."""

_FAILED = "the download probably failed"
_SIGNATURES = (
    (0, b"version https://git-lfs", "a Git LFS pointer, not the image itself; run `git lfs pull`"),
    (0, b"\x89PNG\n", "a PNG damaged by a transfer in text mode"),
    (0, b"%PDF", "a PDF document; export its pages as images first"),
    (0, b"PK\3\4", "a zip archive or an office document"),
    (0, b"PK\5\6", "an empty zip archive"),
    (0, b"\x1f\x8b", "gzip data"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"BZh", "bzip2 data"),
    (0, b"\xfd7zXZ\0", "xz data"),
    (0, b"\x28\xb5\x2f\xfd", "zstd data"),
    (257, b"ustar", "a tar archive"),
    (0, b"\x1a\x45\xdf\xa3", "a video"),
    (8, b"AVI ", "a video"),
    (8, b"WAVE", "a sound file"),
    (0, b"ID3", "a sound file"),
    (0, b"OggS", "a sound or video file"),
    (0, b"fLaC", "a sound file"),
    (0, b"\0\0\1\xba", "a video"),
    (0, b"\0\0\1\xb3", "a video"),
    (0, b"FLV\1", "a video"),
    (4, b"ftyp", "a video"),
    (4, b"moov", "a video"),
    (4, b"mdat", "a video"),
    (4, b"wide", "a video"),
    (0, b"\0\5\x16\7", "a resource fork that macOS left"),
    (0, b"\0\0\0\1Bud1", "a folder's settings that macOS left"),
    (0, b"bplist00", "a property list of macOS"),
    (0, b"\xd0\xcf\x11\xe0", "a thumbnail cache or office document of Windows"),
    (0, b"L\0\0\0\1\x14\2\0", "a Windows shortcut"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"PAR1", "a Parquet table; add it as a source of its own"),
    (0, b"SQLite format 3", "a database"),
    (344, b"n+1\0", "a NIfTI volume; export its slices as TIFF or PNG first"),
)
_MARKUP = (
    b"<!doctype html",
    b"<html",
    b"<head",
    b"<body",
    b"<script",
    b"<!--",
    b"<meta",
    b"<title",
)
_BLANK = b"\xef\xbb\xbf \t\r\n\0"


def description(data: bytes) -> str | None:
    """Describe bytes that fit no image format; None if they are unknown.

    Args:
        data: all bytes of a file, or its first `HEAD`.
    """
    head = data[:HEAD]
    for place, magic, what in _SIGNATURES:
        if head.startswith(magic, place):
            return what
    if not head.strip(b"\0"):
        rest = "all its" if not data.strip(b"\0") else "its first"
        return f"{rest} bytes are zero; the copy or download probably failed"
    return _text(head) or _behind_blanks(head)


def _text(head: bytes) -> str | None:
    start = head.lstrip(_BLANK)[:64].lower()
    if start.startswith(_MARKUP):
        return f"an HTML page; {_FAILED}"
    if not _is_text(head):
        return None
    if start.startswith(b"<?xml") or re.match(rb"<[a-z][\w:]*[ >]", start):
        return f"an XML document; {_FAILED}" if b"<error" in head.lower() else "an XML document"
    return "JSON text" if re.match(rb'[\[{]\s*["\[{\]}\d]', start) else "a text file"


def _is_text(head: bytes) -> bool:
    """Return whether it decodes and holds no control characters; the last letter may be cut."""
    try:
        text = head.decode("utf-16") if head[:2] in (b"\xff\xfe", b"\xfe\xff") else head.decode()
    except UnicodeDecodeError as problem:
        if problem.start < len(head) - 3:
            return False
        text = head[: problem.start].decode("utf-8", "replace")
    return not re.search(r"[\0-\x08\x0e-\x1a\x1c-\x1f]", text)


def _behind_blanks(head: bytes) -> str | None:
    """A program that printed before it wrote the image leaves a blank line in front of it."""
    bare = head.lstrip(_BLANK)
    found = image_formats.recognise(bare) if 0 < len(head) - len(bare) <= 16 else None
    if found is None:
        return None
    return f"{len(head) - len(bare)} stray bytes in front of a {found.name}; remove them"


_BY_REASON = {
    "not an image by its name (not opened)": """
        .txt .json .jsonl .ndjson .geojson .csv .tsv .xml .yaml .yml .toml .ini .cfg .conf .md .rst
        .html .htm .xhtml .css .js .ts .py .pyc .ipynb .sh .bat .ps1 .c .cpp .h .hpp .java .m .r
        .log .cls .caption .captions .url .prompt .tags .label .labels .names .lst .idx .npy .npz
        .pyd .pt .pth .ckpt .safetensors .onnx .h5 .hdf5 .mat .pkl .pickle .parquet .arrow .feather
        .lmdb .mdb .tfrecord .tfrecords .db .sqlite .sqlite3 .xls .xlsx .doc .docx .ppt .pptx .odt
        .xmp .aae .exif .pp3 .dop .lnk .plist .sha256 .md5 .crc .torrent .prj .tfw .jgw .pgw .wld
        .aux .ovr .shp .shx .dbf .qgz .las .laz .ply .obj .stl .pcd .bib .tex .asc .sig .lock
        .desktop .srt .vtt""",
    "a video: extract its frames first": """
        .mp4 .avi .mov .mkv .webm .m4v .mpg .mpeg .wmv .flv .3gp .mts .m2ts .ogv""",
    "a sound file": ".wav .mp3 .flac .ogg .m4a .aac .wma .opus .aiff",
    "an archive that is not read here: unpack it first": """
        .zip .tar .tgz .gz .tbz .tbz2 .bz2 .txz .xz .tzst .zst .7z .rar .lz4""",
    "a PDF document: export its pages as images first": ".pdf",
}

NAME_PROBLEMS = {
    suffix: reason for reason, suffixes in _BY_REASON.items() for suffix in suffixes.split()
}
"""Suffixes of files that are not images by convention → the reason; such files are not opened,
since a data set may have a side-car for every image. Files of any other name are opened."""
