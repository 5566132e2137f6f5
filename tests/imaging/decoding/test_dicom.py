"""DICOM: the first frame as its window shows it, or its values in their units."""

import io
import sys

import drawn
import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom import encaps, pixels, uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence

from sept_core.imaging import images
from sept_core.imaging.pixel_values import ValueRange, ValueRanges

GREY = np.asarray(Image.fromarray(drawn.QUADRANTS).convert("L")).astype(np.uint16)
SYNTAX = {
    "rle": uid.RLELossless,
    "lossless": uid.JPEGLosslessSV1,
    "jpegls": uid.JPEGLSLossless,
    "jpeg2000": uid.JPEG2000Lossless,
    "extended": uid.JPEGExtended12Bit,
}


def dataset(values: np.ndarray, bits: int | None = None, **fields: object) -> Dataset:
    """A file of one frame, or of several where `NumberOfFrames` says so."""
    found = Dataset()
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    found.file_meta.MediaStorageSOPClassUID = found.SOPClassUID = uid.SecondaryCaptureImageStorage
    found.file_meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID = "1.2.3.4"
    is_colour = values.ndim == 3 and values.shape[-1] == 3
    found.Rows, found.Columns = values.shape[-3:-1] if is_colour else values.shape[-2:]
    found.SamplesPerPixel = 3 if is_colour else 1
    found.PhotometricInterpretation = "RGB" if is_colour else "MONOCHROME2"
    if is_colour:
        found.PlanarConfiguration = 0
    found.BitsAllocated = values.dtype.itemsize * 8
    found.BitsStored = bits or found.BitsAllocated
    found.HighBit = found.BitsStored - 1
    found.PixelRepresentation = int(values.dtype.kind == "i")
    found.PixelData = values.tobytes()
    found["PixelData"].VR = "OW"
    for name, value in fields.items():
        setattr(found, name, value)
    return found


def written(found: Dataset) -> bytes:
    out = io.BytesIO()
    found.save_as(out, enforce_file_format=True)
    return out.getvalue()


def dicom(values: np.ndarray, bits: int | None = None, **fields: object) -> bytes:
    return written(dataset(values, bits, **fields))


def grey_of(data: bytes) -> np.ndarray:
    decoded = images.decode(data)
    assert (decoded.width, decoded.height, decoded.format) == (48, 32, "DICOM")
    return np.asarray(decoded.image, int)[..., 0]


def rejection(data: bytes) -> str:
    with pytest.raises(images.RejectedImage) as caught:
        images.decode(data)
    return caught.value.reason


def test_values_without_a_window_keep_their_units() -> None:
    data = dicom(GREY << 4, 12)
    found = images.samples(data)
    assert found is not None and (found.values == GREY << 4).all()
    assert images.decode(data).kind == "uint12"
    ranges = ValueRanges((ValueRange("uint12", 0, 255 << 4),))
    shown = np.asarray(images.decode(data, ranges=ranges).image, int)
    assert np.abs(shown[..., 0] - GREY).max() <= 1


def test_hounsfield_units() -> None:
    data = dicom(GREY << 2, 12, RescaleSlope=1, RescaleIntercept=-1024, PixelPaddingValue=0)
    found = images.samples(data)
    assert found is not None and found.values.dtype == np.int16 and found.nodata == -1024
    assert (found.values == (GREY.astype(int) << 2) - 1024).all()
    fractions = images.samples(dicom(GREY, 12, RescaleSlope=0.5, RescaleIntercept=1))
    assert fractions is not None and fractions.values.dtype == np.float32
    assert (fractions.values == GREY * 0.5 + 1).all()


@settings(deadline=None, max_examples=50)
@given(
    st.integers(-2000, 3000),
    st.integers(2, 4000),
    st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
    st.booleans(),
)
def test_windows_are_those_of_the_standard(
    centre: int, width: int, function: str, is_signed: bool
) -> None:
    values = (GREY.astype(np.int16) << 3) - 700 if is_signed else GREY << 3
    found = dataset(values, 12 if not is_signed else 16, WindowCenter=centre, WindowWidth=width,
                    VOILUTFunction=function, RescaleSlope=1, RescaleIntercept=-100)  # fmt: skip
    measured = pixels.apply_modality_lut(values, found)
    shown = pixels.apply_windowing(measured, found)
    low, high = (-32768, 32767) if is_signed else (0, 4095)
    wanted = (shown - (low - 100)) / (high - low) * 255
    assert np.abs(grey_of(written(found)) - wanted).max() <= 1


def test_the_first_of_several_windows_and_white_zero() -> None:
    window = {"WindowCenter": [128, 30], "WindowWidth": [256, 10]}
    plain = grey_of(dicom(GREY, 8 + 4, **window))
    assert np.abs(plain - GREY).max() <= 1
    inverted = grey_of(dicom(GREY, 12, PhotometricInterpretation="MONOCHROME1", **window))
    assert (plain + inverted == 255).all()
    bytes_alone = dicom(GREY.astype(np.uint8), PhotometricInterpretation="MONOCHROME1")
    assert (grey_of(bytes_alone) == 255 - GREY).all()


def test_a_table_of_grey_values() -> None:
    table = Dataset()
    table.LUTDescriptor = [256, 0, 16]
    table.LUTData = [65535 - 257 * n for n in range(256)]
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    assert (
        np.abs(grey_of(dicom(GREY, 12, VOILUTSequence=Sequence([table]))) - (255 - GREY)).max() <= 1
    )


def test_enhanced_files_keep_the_window_of_each_frame() -> None:
    lut, rescale, groups = Dataset(), Dataset(), Dataset()
    lut.WindowCenter, lut.WindowWidth = 28, 256
    rescale.RescaleSlope, rescale.RescaleIntercept = 1, -100
    groups.FrameVOILUTSequence = Sequence([lut])
    groups.PixelValueTransformationSequence = Sequence([rescale])
    frames = np.stack([GREY, 255 - GREY])
    data = dicom(frames, 12, NumberOfFrames=2, SharedFunctionalGroupsSequence=Sequence([groups]))
    assert np.abs(grey_of(data) - GREY).max() <= 1
    assert images.decode(data).mode == "MONOCHROME2 12 bits; frame 1 of 2"


def test_colours() -> None:
    assert (np.asarray(images.decode(dicom(drawn.QUADRANTS)).image) == drawn.QUADRANTS).all()
    ycbcr = np.asarray(Image.fromarray(drawn.QUADRANTS).convert("YCbCr"))
    data = dicom(ycbcr, PhotometricInterpretation="YBR_FULL")
    assert np.abs(np.asarray(images.decode(data).image, int) - drawn.QUADRANTS).max() <= 2
    indices = np.zeros((32, 48), np.uint8)
    indices[:, 24:] = 1
    palette = {
        f"{colour}PaletteColorLookupTable{part}": value
        for colour, entries in (("Red", [200, 10]), ("Green", [20, 120]), ("Blue", [30, 250]))
        for part, value in (
            ("Descriptor", [2, 0, 16]), ("Data", np.array(entries, "<u2") * 257),
        )
    }  # fmt: skip
    palette = {k: v.tobytes() if k.endswith("Data") else v for k, v in palette.items()}
    found = dataset(indices, PhotometricInterpretation="PALETTE COLOR", **palette)
    for colour in ("Red", "Green", "Blue"):
        found[f"{colour}PaletteColorLookupTableDescriptor"].VR = "US"
    shown = np.asarray(images.decode(written(found)).image)
    assert shown[0, 0].tolist() == [200, 20, 30] and shown[0, 47].tolist() == [10, 120, 250]


def packed(kind: str, values: np.ndarray, bits: int) -> bytes:
    found = dataset(values, bits, WindowCenter=2 ** (bits - 1), WindowWidth=2**bits)
    if kind == "rle":
        found.compress(uid.RLELossless)
        return written(found)
    encode = {
        "lossless": lambda: imagecodecs.ljpeg_encode(values, bitspersample=bits),
        "jpegls": lambda: imagecodecs.jpegls_encode(values),
        "jpeg2000": lambda: imagecodecs.jpeg2k_encode(
            values, level=0, bitspersample=bits, codecformat="j2k", reversible=True
        ),
        "extended": lambda: imagecodecs.jpeg8_encode(values, bitspersample=bits, level=98),
    }[kind]
    found.PixelData = encaps.encapsulate([encode()])
    found["PixelData"].is_undefined_length = True
    found["PixelData"].VR = "OB"
    found.file_meta.TransferSyntaxUID = SYNTAX[kind]
    return written(found)


@pytest.mark.parametrize("kind", SYNTAX)
def test_packed_frames(kind: str) -> None:
    data = packed(kind, GREY << 4, 12)
    assert np.abs(grey_of(data) - GREY).mean() < 3
    for kept in (0.5, 0.9):
        cut = data[: int(len(data) * kept)]
        assert rejection(cut).startswith(("truncated", "unreadable", "not an image"))


def test_a_packing_without_a_decoder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    data = packed("lossless", GREY << 4, 12)
    decoder = pixels.get_decoder(uid.JPEGLosslessSV1)
    images.decode(data)
    monkeypatch.setattr(decoder, "_available", {})
    assert rejection(data) == (
        "DICOM images packed as JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process "
        "14 [Selection Value 1]) are not supported; they need `pip install 'sept[dicom,tiff]'`"
    )


def test_files_of_old_scanners_lack_the_preamble() -> None:
    found = dataset(GREY, 12, WindowCenter=128, WindowWidth=256)
    found.SpecificCharacterSet = "ISO_IR 100"
    for is_implicit in (True, False):
        out = io.BytesIO()
        del found.file_meta
        found.file_meta = FileMetaDataset()
        pydicom.dcmwrite(out, found, implicit_vr=is_implicit, little_endian=True,
                         enforce_file_format=False)  # fmt: skip
        data = out.getvalue().removeprefix(bytes(128) + b"DICM")
        assert np.abs(grey_of(data) - GREY).max() <= 1


def test_what_holds_no_pixels_says_so() -> None:
    report = dataset(GREY)
    del report.PixelData
    report.file_meta.MediaStorageSOPClassUID = report.SOPClassUID = uid.BasicTextSRStorage
    assert rejection(written(report)) == (
        "not an image (a DICOM file without pixels: Basic Text SR Storage)"
    )


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydicom.filereader", None)
    assert rejection(dicom(GREY)) == "DICOM images need `pip install 'sept[dicom]'`"


def test_bombs_and_cut_files() -> None:
    assert rejection(dicom(GREY, Rows=65535, Columns=65535)).startswith("too large")
    assert rejection(dicom(GREY, Rows=60, Columns=60)).startswith("truncated")
    assert rejection(dicom(GREY, Rows=0)).startswith("unreadable")
    deflated = dataset(GREY)
    deflated.file_meta.TransferSyntaxUID = uid.DeflatedExplicitVRLittleEndian
    assert rejection(written(deflated)).startswith("DICOM images in a deflated file")
    lying = dataset(GREY, 12)
    lying.PixelData = encaps.encapsulate(
        [imagecodecs.jpegls_encode(np.zeros((900, 900), np.uint16))]
    )
    lying["PixelData"].is_undefined_length = True
    lying["PixelData"].VR = "OB"
    lying.file_meta.TransferSyntaxUID = uid.JPEGLSLossless
    assert rejection(written(lying)).startswith("unreadable: the packed pixels differ")


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=10),
    st.sampled_from(["plain", *SYNTAX]),
)
def test_damaged_bytes_give_an_image_or_a_reason(damage: list[tuple[int, int]], kind: str) -> None:
    data = bytearray(SAMPLES[kind])
    for place, value in damage:
        data[place % len(data)] = value
    try:
        decoded = images.decode(bytes(data))
    except images.RejectedImage as rejected:
        assert rejected.reason
    else:
        assert decoded.image.mode == "RGB"


SAMPLES = {kind: packed(kind, GREY << 4, 12) for kind in SYNTAX} | {"plain": dicom(GREY, 12)}
