"""Image formats: their names, first bytes and readers.

In: the bytes of a file, or its first few hundred. Out: their `Format`, whatever the file's name;
and the usual file name suffixes of images, from which every list of suffixes is derived.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """One image format.

    Attributes:
        name: the common name.
        suffixes: usual ends of file names, the most usual first.
        reader: which of `decoding.reading.READERS` reads it; empty where none does.
        pillow: Pillow's name of the only decoder that may see its bytes.
        advice: what to do with a file of an unsupported format.
    """

    name: str
    suffixes: tuple[str, ...]
    reader: str = ""
    pillow: str = ""
    advice: str = "convert them to PNG first"


JPEG = Format(
    "JPEG", (".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp", ".mpo", ".jls"), "jpeg", "JPEG"
)
PNG = Format("PNG", (".png", ".apng"), "pillow", "PNG")
WEBP = Format("WebP", (".webp",), "pillow", "WEBP")
GIF = Format("GIF", (".gif",), "pillow", "GIF")
BMP = Format("BMP", (".bmp", ".dib"), "pillow", "BMP")
TIFF = Format("TIFF", (".tif", ".tiff", ".gtiff", ".btf"), "tiff", "TIFF")
AVIF = Format("AVIF", (".avif", ".avifs"), "pillow", "AVIF")
JPEG2000 = Format(
    "JPEG 2000", (".jp2", ".j2k", ".j2c", ".jpc", ".jpx", ".jpf"), "jpeg2000", "JPEG2000"
)
PPM = Format("PPM", (".ppm", ".pnm"), "netpbm", "PPM")
PGM = Format("PGM", (".pgm",), "netpbm", "PPM")
PBM = Format("PBM", (".pbm",), "netpbm", "PPM")
PFM = Format("PFM", (".pfm",), "pfm")
HEIC = Format("HEIC", (".heic", ".heif", ".heics", ".heifs", ".hif"), "heif")
DICOM = Format("DICOM", (".dcm", ".dicom", ".dic"), "dicom")

READ = (
    *(JPEG, PNG, WEBP, GIF, BMP, TIFF, AVIF, JPEG2000, PPM, PGM, PBM, PFM, HEIC, DICOM),
)  # fmt: skip
"""Formats that are read, some of them with an extra."""

SVG = Format("SVG", (".svg",), advice="render them to PNG first")
CAMERA_RAW = Format(
    "Camera raw",
    (".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".raf", ".orf", ".rw2", ".pef"),
    advice="develop them to JPEG or TIFF first",
)
TGA = Format("Targa (TGA)", (".tga",))
CURSOR = Format("Cursor (CUR)", (".cur",))
_CR3 = b"crx "

_PLAIN = {
    "JPEG XL": ((".jxl",), (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n"), "convert them to JPEG first"),
    "JPEG XR": ((".jxr", ".wdp", ".hdp"), (b"II\xbc",), ""),
    "Photoshop (PSD)": ((".psd", ".psb"), (b"8BPS",), "export them as PNG or TIFF first"),
    "GIMP (XCF)": ((".xcf",), (b"gimp xcf",), "export them as PNG or TIFF first"),
    "OpenEXR": ((".exr",), (b"v/1\x01",), "convert them to TIFF first"),
    "Radiance HDR": ((".hdr",), (b"#?RADIANCE", b"#?RGBE"), "convert them to TIFF first"),
    "DDS texture": ((".dds",), (b"DDS ",), ""),
    "KTX texture": ((".ktx", ".ktx2"), (b"\xabKTX ",), ""),
    "Icon (ICO)": ((".ico",), (b"\0\0\1\0",), ""),
    "Icon (ICNS)": ((".icns",), (b"icns",), ""),
    "QOI": ((".qoi",), (b"qoif",), ""),
    "BPG": ((".bpg",), (b"BPG\xfb",), ""),
    "FLIF": ((".flif",), (b"FLIF",), ""),
    "PAM": ((".pam",), (b"P7\n",), ""),
    "SGI": ((".sgi", ".rgb"), (b"\x01\xda\0\1", b"\x01\xda\1\1", b"\x01\xda\1\2"), ""),
    "Sun raster": ((".ras",), (b"\x59\xa6\x6a\x95",), ""),
    "XPM": ((".xpm",), (b"/* XPM */",), ""),
    "MNG": ((".mng", ".jng"), (b"\x8aMNG", b"\x8bJNG"), ""),
    "PostScript": ((".eps", ".ps"), (b"%!PS", b"\xc5\xd0\xd3\xc6"), "render them to PNG first"),
    "DjVu": ((".djvu", ".djv"), (b"AT&TFORM",), "export their pages as PNG first"),
    "EMF": ((".emf",), (b"\1\0\0\0\x58\0\0\0", b"\1\0\0\0\x6c\0\0\0"), "render them to PNG first"),
    "WMF": ((".wmf",), (b"\xd7\xcd\xc6\x9a",), "render them to PNG first"),
    "FITS": ((".fits", ".fit", ".fts"), (b"SIMPLE  =",), "convert them to TIFF first"),
    "NRRD": ((".nrrd",), (b"NRRD000",), "export their slices as TIFF or PNG first"),
    "Zeiss CZI": ((".czi",), (b"ZISRAWFILE",), "export them as TIFF first"),
    "Nikon ND2": ((".nd2",), (b"\xda\xce\xbe\x0a",), "export them as TIFF first"),
}  # fmt: skip
"""Formats that are recognised only: name → suffixes, first bytes, advice if it is special."""

_SIGNATURES: list[tuple[bytes, Format]] = [
    *((start, GIF) for start in (b"GIF87a", b"GIF89a")),
    *((start, TIFF) for start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"II\0*", b"MM*\0")),
    (b"\0\0\0\x0cjP  \r\n\x87\n", JPEG2000),
    (b"\xff\x4f\xff\x51", JPEG2000),
    *(
        (start, CAMERA_RAW)
        for start in (
            *(b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FUJIFILMCCD-RAW", b"FOVb", b"\0MRM"),
            b"II\x1a\0\0\0HEAPCCDR",
        )
    ),
]
_RECOGNISED = [SVG, CAMERA_RAW, TGA, CURSOR]
for _name, (_suffixes, _starts, _advice) in _PLAIN.items():
    _RECOGNISED.append(Format(_name, _suffixes, advice=_advice or Format.advice))
    _SIGNATURES += ((start, _RECOGNISED[-1]) for start in _starts)

READ_SUFFIXES = frozenset(suffix for known in READ for suffix in known.suffixes)
"""Suffixes of the formats that are read, in lower case, with their dot."""

SUFFIXES = READ_SUFFIXES | {suffix for known in _RECOGNISED for suffix in known.suffixes}
"""Suffixes of images, whether or not the format is read."""

_NETPBM = re.compile(rb"P([1-6])(?:[ \t\r\n]+|#[^\n]*\n)+\d")
_NETPBM_FORMATS = {b"1": PBM, b"4": PBM, b"2": PGM, b"5": PGM, b"3": PPM, b"6": PPM}
_PFM = re.compile(rb"P[Ff]\s+\d+\s+\d+\s+[-+]?[\d.]")
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)
_BARE_DICOM = re.compile(
    rb"[\x02\x08]\0[\0\x01\x05\x08\x12\x16]\0(?:UL\x04\0|CS|UI|DA|[\x02-\x40]\0\0\0)"
)
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
_SHARED_BRANDS = (b"mif1", b"msf1", b"miaf")


def recognise(data: bytes) -> Format | None:
    """Return the format that the bytes begin as, or None if they are not a known image format.

    The first kilobyte decides, except for Targa, whose mark stands at the end of the file.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return JPEG
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    for start, known in _SIGNATURES:
        if data.startswith(start):
            return CAMERA_RAW if known is TIFF and data[8:10] == b"CR" else known
    return next((found for probe in _PROBES if (found := probe(data))), None)


def extension(data: bytes) -> str:
    """Return the file name suffix that fits the bytes; `.img` if they are not an image."""
    found = recognise(data)
    return found.suffixes[0] if found else ".img"


def _riff(data: bytes) -> Format | None:
    return WEBP if data.startswith(b"RIFF") and data[8:12] == b"WEBP" else None


def _bmp(data: bytes) -> Format | None:
    """Recognise BMP by its second header too: many a text begins with BM."""
    is_bmp = data.startswith(b"BM") and int.from_bytes(data[14:18], "little") in _BMP_HEADERS
    return BMP if is_bmp else None


def _by_brand(data: bytes) -> Format | None:
    """ISO media files, of which only some hold images."""
    if data[4:8] != b"ftyp":
        return None
    brand, size = data[8:12], min(int.from_bytes(data[:4], "big"), 256)
    compatible = [data[i : i + 4] for i in range(16, size, 4)]
    if brand in (b"avif", b"avis"):
        return AVIF
    if brand in _HEIC_BRANDS:
        return HEIC
    if brand in _SHARED_BRANDS:
        return AVIF if b"avif" in compatible or b"avis" in compatible else HEIC
    return CAMERA_RAW if brand == _CR3 else None


def _netpbm(data: bytes) -> Format | None:
    match = _NETPBM.match(data[:1024])
    if match:
        return _NETPBM_FORMATS[match[1]]
    return PFM if _PFM.match(data[:128]) else None


def _dicom(data: bytes) -> Format | None:
    """Recognise DICOM with its preamble, or without one as older scanners wrote it."""
    return DICOM if data[128:132] == b"DICM" or _BARE_DICOM.match(data[:16]) else None


def _svg(data: bytes) -> Format | None:
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    is_markup = head.startswith((b"<?xml", b"<svg", b"<!doctype svg", b"<!--"))
    return SVG if is_markup and b"<svg" in head else None


def _tga(data: bytes) -> Format | None:
    """Recognise Targa by its footer, or by a header that makes sense throughout."""
    if data[-18:-2] == b"TRUEVISION-XFILE":
        return TGA
    if len(data) < 18 or data[1] > 1 or data[2] not in (1, 2, 3, 9, 10, 11):
        return None
    has_map = data[1] == 1
    sizes = any(data[12:14]) and any(data[14:16])
    depth = (8, 15, 16, 24, 32) if has_map or data[2] in (3, 11) else (15, 16, 24, 32)
    is_sound = has_map == (data[2] in (1, 9)) and has_map == any(data[3:8]) and not data[17] & 0xC0
    return TGA if is_sound and sizes and data[16] in depth else None


def _cursor(data: bytes) -> Format | None:
    """Recognise cursors, after `_tga`, whose files may begin so too."""
    return CURSOR if data.startswith(b"\0\0\2\0") and any(data[4:6]) else None


_PROBES: tuple[Callable[[bytes], Format | None], ...] = (
    *(_riff, _bmp, _by_brand, _netpbm, _dicom, _svg, _tga, _cursor),
)
