"""Image files of every kind of pixel and container, whole and harmed.

In: nothing. Out: `Case`s for the reader of images: whole files must be read, cut ones must be
listed with a reason, and no damage may crash anything.
"""

import functools
import io
from collections.abc import Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import tifffile
from PIL import Image
from pydicom import encaps, uid

from benchmarks.hostile.corpus import EITHER, LISTED, READ, Case, file_of

HEIC = Path(__file__).parents[2] / "tests" / "fixtures" / "quadrants.heic"
TYPES = ("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
PACKINGS = (None, "lzw", "deflate", "zstd", "packbits")
BANDS = (1, 2, 3, 4, 5, 13)
PACKED_DICOM = {
    "lossless JPEG": uid.JPEGLosslessSV1,
    "JPEG-LS": uid.JPEGLSLossless,
    "JPEG 2000": uid.JPEG2000Lossless,
}


def every() -> Iterator[Case]:
    """Whole and harmed files of every kind."""
    for name, content in whole().items():
        yield Case(f"{name}: whole", "image", file_of("x.jpg", content), READ)
        yield Case(f"{name}: a megabyte behind it", "image",
                   file_of("x.jpg", content + bytes(1 << 20)), EITHER)  # fmt: skip
        for share in (0.3, 0.6):
            cut = content[: int(len(content) * share)]
            verdict = EITHER if "pages" in name else LISTED  # the first page may be whole
            yield Case(f"{name}: its first {share:.0%}", "image", file_of("x.jpg", cut), verdict)
        for what, harmed in _harmed(content).items():
            yield Case(f"{name}: {what}", "image", file_of("x.jpg", harmed), EITHER)
    for name, content in _claims().items():
        yield Case(name, "image", file_of("x.tif", content), LISTED)


def good() -> Iterator[Case]:
    """A few whole files, for mutations."""
    kept = [item for number, item in enumerate(whole().items()) if number % 5 == 0]
    for name, content in kept:
        yield Case(f"good {name}", "image", file_of("x.jpg", content), EITHER)


@functools.cache
def whole() -> dict[str, bytes]:
    """A small file of each kind, by name."""
    return {**_tiffs(), **_dicoms(), **_others(), "HEIC": HEIC.read_bytes()}


def drawn(kind: str, shape: tuple[int, ...]) -> np.ndarray:
    """Noise over the whole range of a type; floats in 0..1."""
    generator = np.random.default_rng(3)
    if kind == "bool":
        return generator.integers(0, 2, shape).astype(bool)
    if kind.startswith("float"):
        return generator.random(shape).astype(kind)
    limits = np.iinfo(kind)
    return generator.integers(limits.min, limits.max, shape, kind, endpoint=True)


def tiff(values: np.ndarray, **options: object) -> bytes:
    """A TIFF file as tifffile writes it."""
    out = io.BytesIO()
    tifffile.imwrite(out, values, **options)
    return out.getvalue()


def _tiffs() -> dict[str, bytes]:
    made = {}
    for number, (kind, bands) in enumerate((k, b) for k in TYPES for b in BANDS):
        packing = PACKINGS[number % len(PACKINGS)]
        shape = (24, 32) if bands == 1 else (24, 32, bands)
        made[f"TIFF {kind} x {bands} {packing}"] = tiff(
            drawn(kind, shape),
            photometric="rgb" if bands in (3, 4) else "minisblack",
            planarconfig="contig" if bands > 1 else None,
            extrasamples=["unassalpha"] if bands in (2, 4) else None,
            compression=packing,
            bigtiff=number % 3 == 0,
            byteorder="<>"[number % 2],
            tile=(16, 16) if number % 4 == 0 else None,
        )
    nodata = drawn("float32", (24, 32))
    nodata[:3], nodata[4, 4] = -9999, np.nan
    made["TIFF with no data"] = tiff(nodata, extratags=[(42113, 2, 0, "-9999", True)])
    made["TIFF of pages"] = tiff(drawn("uint16", (5, 24, 32)), photometric="minisblack")
    made["TIFF of JPEG 2000"] = tiff(drawn("uint16", (24, 32, 3)), photometric="rgb",
                                     compression="jpeg2000")  # fmt: skip
    made["TIFF of 12 bits"] = tiff(drawn("uint16", (24, 32)) >> 4, bitspersample=12)
    return made


def _dicoms() -> dict[str, bytes]:
    values = drawn("uint16", (24, 32)) >> 4
    made = {
        "DICOM": dicom(values),
        "DICOM with a window": dicom(values, WindowCenter=2000, WindowWidth=4000),
        "DICOM in Hounsfield units": dicom(values, RescaleSlope=1, RescaleIntercept=-1024),
        "DICOM white zero": dicom(values, PhotometricInterpretation="MONOCHROME1"),
        "DICOM of frames": dicom(np.stack([values] * 3), NumberOfFrames=3),
    }
    encoded = {
        "lossless JPEG": imagecodecs.ljpeg_encode(values, bitspersample=12),
        "JPEG-LS": imagecodecs.jpegls_encode(values),
        "JPEG 2000": imagecodecs.jpeg2k_encode(values, bitspersample=12, codecformat="j2k"),
    }
    for name, frame in encoded.items():
        made[f"DICOM packed as {name}"] = dicom(values, packed=frame, syntax=PACKED_DICOM[name])
    return made


def dicom(
    values: np.ndarray,
    packed: bytes | None = None,
    syntax: uid.UID = uid.ExplicitVRLittleEndian,
    **fields: object,
) -> bytes:
    """A grey DICOM file of 12 bits."""
    found = pydicom.Dataset()
    found.file_meta = pydicom.dataset.FileMetaDataset()
    found.file_meta.TransferSyntaxUID = syntax
    found.file_meta.MediaStorageSOPClassUID = found.SOPClassUID = uid.SecondaryCaptureImageStorage
    found.file_meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID = "1.2.3.4"
    found.Rows, found.Columns = values.shape[-2:]
    found.SamplesPerPixel, found.PhotometricInterpretation = 1, "MONOCHROME2"
    found.BitsAllocated, found.BitsStored, found.HighBit = 16, 12, 11
    found.PixelRepresentation = 0
    found.PixelData = encaps.encapsulate([packed]) if packed else values.tobytes()
    found["PixelData"].VR = "OB" if packed else "OW"
    found["PixelData"].is_undefined_length = packed is not None
    for name, value in fields.items():
        setattr(found, name, value)
    out = io.BytesIO()
    found.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _others() -> dict[str, bytes]:
    grey, colours = drawn("uint16", (24, 32)), drawn("uint8", (24, 32, 3))
    made = {
        f"JPEG 2000 of {bits} bits": imagecodecs.jpeg2k_encode(
            grey >> (16 - bits), level=0, bitspersample=bits, codecformat="jp2", reversible=True
        )
        for bits in (9, 12, 16)
    }
    made["12-bit JPEG"] = imagecodecs.jpeg8_encode(grey >> 4, bitspersample=12)
    made["lossless JPEG"] = imagecodecs.ljpeg_encode(grey >> 2, bitspersample=14)
    made["JPEG-LS"] = imagecodecs.jpegls_encode(grey)
    made["PGM of 12 bits"] = b"P5\n32 24\n4095\n" + (grey >> 4).astype(">u2").tobytes()
    made["PFM"] = b"PF\n32 24\n-1.0\n" + drawn("float32", (24, 32, 3)).tobytes()
    for image_format in ("PPM", "JPEG2000"):
        out = io.BytesIO()
        Image.fromarray(colours).save(out, image_format)
        made[image_format] = out.getvalue()
    made["PNG of 16 bits"] = imagecodecs.png_encode(grey)
    made["PNG of 16-bit colours"] = imagecodecs.png_encode(drawn("uint16", (24, 32, 4)))
    return made


def _harmed(content: bytes) -> dict[str, bytes]:
    middle = len(content) // 2
    noise = np.random.default_rng(5).bytes(400)
    return {
        "zeros in its middle": content[: middle - 40] + bytes(80) + content[middle + 40 :],
        "noise behind its first 200 bytes": content[:200] + noise,
        "0xFF in its first 300 bytes": content[:60] + b"\xff" * 40 + content[100:],
    }


def _claims() -> dict[str, bytes]:
    """Small files that claim to be large."""
    lying = dicom(drawn("uint16", (24, 32)) >> 4, Rows=65535, Columns=65535)
    flat = imagecodecs.jpegls_encode(np.zeros((3000, 3000), np.uint16))
    return {
        "DICOM of 65,535 pixels a side": lying,
        "DICOM whose packed frame is larger than it says": dicom(
            drawn("uint16", (24, 32)), packed=flat, syntax=uid.JPEGLSLossless
        ),
        "PFM of 99,999 pixels a side": b"Pf\n99999 99999\n1.0\n" + bytes(99),
        "PGM of 99,999 pixels a side": b"P5\n99999 99999\n65535\n" + bytes(99),
        "TIFF of 60,000 floats a side": _tiff_of(60_000, 60_000, 64),
        "TIFF of 20,000 bands": _tiff_of(200, 200, 64, 20_000),
    }


def _tiff_of(width: int, height: int, bits: int, samples: int = 1) -> bytes:
    """The header of a float TIFF without pixels."""
    entries = {256: width, 257: height, 258: bits, 259: 1, 262: 1, 273: 8, 277: samples}
    entries |= {278: height, 279: 8, 339: 3}
    body = b"".join(
        tag.to_bytes(2, "little") + b"\4\0\1\0\0\0" + value.to_bytes(4, "little")
        for tag, value in entries.items()
    )
    return b"II*\0\x08\0\0\0" + len(entries).to_bytes(2, "little") + body + bytes(4)
