"""DICOM images, by the extra `dicom` (pydicom).

In: the bytes of the file. Out: a `RawImage` of its first frame. Grey values go through the file's
own rescaling and window; without a window they keep their units, and the project's range holds.
"""

import io
import logging
from types import ModuleType
from typing import Any

import numpy as np

from sept_core.compat import warning_filters
from sept_core.imaging.decoding import dicom_codecs, extras, jpeg2000, jpeg_header, rejection
from sept_core.imaging.decoding.raw import RawImage, picture
from sept_core.imaging.high_bit_depth import Samples
from sept_core.imaging.image_formats import Format

_DEFLATED = b"1.2.840.10008.1.2.1.99"


def read(data: bytes, known: Format) -> RawImage:
    """Decode the first frame; see `reading.read`."""
    dcmread = _pydicom("filereader").dcmread
    _keep_quiet()
    if _DEFLATED in data[:4096]:  # would be unpacked whole before anything can be checked
        raise rejection.RejectedImage(
            "DICOM images in a deflated file are not supported; save them uncompressed"
        )
    found = dcmread(io.BytesIO(data), force=True)
    _check(found)
    values = _first_frame(found)
    raw = _picture(found, values)
    frames = _frames(found)
    raw.mode = f"{found.PhotometricInterpretation} {found.BitsStored} bits"
    raw.mode += f"; frame 1 of {frames}" if frames > 1 else ""
    return raw


def _pydicom(part: str) -> ModuleType:
    return extras.require(f"pydicom.{part}", "DICOM images", "dicom")


def _keep_quiet() -> None:
    """Silence remarks about odd files, as `by_pillow` does: a file is used or rejected."""
    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
    warning_filters.silence(r"pydicom\.")


def _frames(found: Any) -> int:
    return int(found.get("NumberOfFrames") or 1)


def _check(found: Any) -> None:
    """Refuse a file without pixels, cut off, or too large."""
    missing = [name for name in ("Rows", "Columns", "PixelData") if name not in found]
    if missing:
        kind = getattr(found.get("SOPClassUID"), "name", "")
        kind = f": {kind}" if kind else ""
        raise rejection.RejectedImage(f"not an image (a DICOM file without pixels{kind})")
    samples, bits = int(found.get("SamplesPerPixel", 1)), int(found.get("BitsAllocated", 8))
    rejection.check_size(int(found.Columns), int(found.Rows), max(1, samples * bits // 8))
    syntax = getattr(found, "file_meta", {}).get("TransferSyntaxUID")
    if syntax is not None and syntax.is_compressed:
        _check_packed(found)
        return
    if syntax is None:  # as files without a preamble are written
        found.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2" + (
            "" if found.original_encoding[0] else ".1"
        )
    if len(found.PixelData) < int(found.Columns) * int(found.Rows) * samples * bits // 8:
        raise rejection.RejectedImage("truncated: the file ends before its last pixels")


def _check_packed(found: Any) -> None:
    """A packed frame must be as large as the file says; it may claim anything."""
    packed = _pydicom("encaps").get_frame(found.PixelData, 0, number_of_frames=_frames(found))
    if packed.startswith(b"\xff\xd8"):
        frame = jpeg_header.frame(packed)
        size = (frame.width, frame.height) if frame else (0, 0)
        if frame and not frame.is_whole:
            raise rejection.RejectedImage("truncated: the JPEG in this DICOM file has no end")
    elif jpeg2000.is_one(packed):
        size = jpeg2000.size(packed)
    else:
        return  # run lengths, which pydicom unpacks to the declared size
    if size != (int(found.Columns), int(found.Rows)):
        raise rejection.RejectedImage("unreadable: the packed pixels differ from the declared size")


def _first_frame(found: Any) -> np.ndarray:
    """(H, W) or (H, W, 3), not rescaled.

    Raises:
        RejectedImage: nothing installed decodes its packing.
    """
    dicom_codecs.register()
    syntax = found.file_meta.TransferSyntaxUID
    decoder = None if not syntax.is_compressed else _pydicom("pixels").get_decoder(syntax)
    if decoder is not None and not decoder.is_available:
        hint = "; they need `pip install 'sept[dicom,tiff]'`" if dicom_codecs.knows(syntax) else ""
        raise rejection.RejectedImage(
            f"DICOM images packed as {syntax.name} are not supported{hint}"
        )
    return np.asarray(_pydicom("pixels").pixel_array(found, index=0))


def _picture(found: Any, values: np.ndarray) -> RawImage:
    meaning = found.PhotometricInterpretation
    if meaning == "PALETTE COLOR":
        values = np.asarray(_pydicom("pixels").apply_color_lut(values, found))
        values = (values >> 8).astype(np.uint8) if values.dtype == np.uint16 else values
    if values.ndim == 3:
        return _raw(values[..., :3])
    return _grey(found, values, inverted=meaning == "MONOCHROME1")


def _grey(found: Any, values: np.ndarray, inverted: bool) -> RawImage:
    """Grey values by the file's window, or in their units where it has none."""
    measured = _rescaled(found, values)
    shown = _shown(found, measured)
    if shown is not None:
        return _raw(255 - shown if inverted else shown)
    if measured.dtype == np.uint8 and int(found.BitsStored) == 8:
        return _raw(255 - measured if inverted else measured)
    is_stored = measured is values and values.dtype.kind == "u"
    padding = _number(found, "PixelPaddingValue")
    slope, intercept = _rescale_of(found)
    nodata = None if padding is None else slope * padding + intercept
    bits = int(found.BitsStored) if is_stored else None
    return _raw(measured, Samples(measured, None, bits, nodata, inverted))


def _shown(found: Any, measured: np.ndarray) -> np.ndarray | None:
    """(H, W) uint8 by the table or the window that the file brings, or None."""
    if found.BitsStored == 1:
        return np.asarray((measured != 0).astype(np.uint8) * np.uint8(255))
    window = _inner(found, "FrameVOILUTSequence")
    if window.get("VOILUTSequence") and measured.dtype.kind in "iu":
        table = np.asarray(_pydicom("pixels").apply_voi(measured, window))
        most = 2 ** int(window.VOILUTSequence[0].LUTDescriptor[2]) - 1
        return np.asarray((table.astype(np.float64) * (255 / most)).clip(0, 255).astype(np.uint8))
    centre, width = _number(window, "WindowCenter"), _number(window, "WindowWidth")
    if centre is None or width is None or width <= 0:
        return None
    function = str(window.get("VOILUTFunction") or "LINEAR").upper()
    return windowed(measured, centre, width, function)


def windowed(values: np.ndarray, centre: float, width: float, function: str) -> np.ndarray:
    """Apply a window as DICOM defines it (PS3.3, C.11.2.1.2 and C.11.2.1.3).

    Args:
        values: (H, W), rescaled.
        centre: of the window.
        width: of the window, above 0.
        function: LINEAR, LINEAR_EXACT or SIGMOID.

    Returns:
        (H, W) uint8.
    """
    measured = values.astype(np.float64)
    if function == "SIGMOID":
        shares = 1 / (1 + np.exp((-4 * (measured - centre) / width).clip(-700, 700)))
    elif function == "LINEAR_EXACT" or width <= 1:
        shares = (measured - centre) / width + 0.5
    else:
        shares = (measured - (centre - 0.5)) / (width - 1) + 0.5
    return np.asarray((np.nan_to_num(shares).clip(0, 1) * 255).round(), np.uint8)


def _rescaled(found: Any, values: np.ndarray) -> np.ndarray:
    """The values in their units; integers where slope and intercept are."""
    if found.get("ModalityLUTSequence"):
        return np.asarray(_pydicom("pixels").apply_modality_lut(values, found))
    slope, intercept = _rescale_of(found)
    if (slope, intercept) == (1, 0):
        return values
    if not (slope.is_integer() and intercept.is_integer()):
        return (values * np.float64(slope) + intercept).astype(np.float32)
    limits = np.iinfo(values.dtype)
    ends = [int(slope) * end + int(intercept) for end in _ends(found, limits.min < 0)]
    dtype = np.int16 if max(map(abs, ends)) < 2**15 else np.int32
    return (values.astype(np.int64) * int(slope) + int(intercept)).astype(dtype)


def _ends(found: Any, is_signed: bool) -> tuple[int, int]:
    """Least and greatest value that the stored bits can hold."""
    bits = int(found.BitsStored)
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if is_signed else (0, 2**bits - 1)


def _rescale_of(found: Any) -> tuple[float, float]:
    item = _inner(found, "PixelValueTransformationSequence")
    slope, intercept = _number(item, "RescaleSlope"), _number(item, "RescaleIntercept")
    return slope or 1.0, intercept or 0.0


def _inner(found: Any, sequence: str) -> Any:
    """Return the item of an enhanced file that describes its first frame; else the file itself."""
    for groups in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"):
        for outer in (found.get(groups) or [])[:1]:
            for item in (outer.get(sequence) or [])[:1]:
                return item
    return found


def _number(item: Any, name: str) -> float | None:
    """The first of one or several numbers, or None."""
    value = item.get(name)
    if value is None or value == "":
        return None
    number = float(value if isinstance(value, int | float) else (list(value) or [np.nan])[0])
    return number if np.isfinite(number) else None


def _raw(values: np.ndarray, samples: Samples | None = None) -> RawImage:
    height, width = values.shape[:2]
    if samples is None and values.dtype != np.uint8:
        samples = Samples(values)
    return RawImage(samples or picture(values, None), width, height, "DICOM", "")
