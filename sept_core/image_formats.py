"""Image formats: how the bytes of each begin.

In: the first some hundred bytes of a file. Out: the name of the image format that they are in.
"""

_STARTS = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF8": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"\0\0\0\x0cjP  \r\n": "JPEG 2000",
}


def recognise(data: bytes) -> str | None:
    """Return the format that the bytes begin as, or None where they are no image known here."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"heic", b"heix", b"mif1"):
        return "AVIF or HEIC"
    if data[:2] == b"BM" and data[6:10] == bytes(4):
        return "BMP"
    return next((name for start, name in _STARTS.items() if data.startswith(start)), None)
