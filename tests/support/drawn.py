"""Pictures and files that the tests of decoding draw for themselves."""

import io
import struct

import numpy as np
from PIL import Image

QUADRANTS = np.zeros((32, 48, 3), np.uint8)  # red, green / blue, white: shows any wrong turn
QUADRANTS[:16, :24] = (220, 30, 30)
QUADRANTS[:16, 24:] = (30, 180, 30)
QUADRANTS[16:, :24] = (30, 30, 220)
QUADRANTS[16:, 24:] = (250, 250, 250)

P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
"""XYZ (D50) of red, green and blue, as profiles of these names hold them."""

WHITE = (0.9642, 1.0, 0.8249)


def saved(image: Image.Image, image_format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, image_format, **options)
    return out.getvalue()


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _tag(kind: bytes, content: bytes) -> bytes:
    data = kind + bytes(4) + content
    return data + bytes(-len(data) % 4)


def profile(
    primaries: tuple[tuple[float, float, float], ...], gamma: float = 2.2, space: bytes = b"RGB "
) -> bytes:
    """An ICC profile (version 2) of three primaries, or of grey, and one gamma."""
    curve = _tag(b"curv", struct.pack(">IH", 1, round(gamma * 256)) + bytes(2))
    name = b"drawn for a test\0"
    description = struct.pack(">I", len(name)) + name + bytes(4 + 4 + 2 + 1 + 67)
    tags = {
        b"desc": _tag(b"desc", description),
        b"cprt": _tag(b"text", b"none\0"),
        b"wtpt": _tag(b"XYZ ", b"".join(map(_fixed, WHITE))),
    }
    if space == b"GRAY":
        tags[b"kTRC"] = curve
    for letter, colour in zip(
        (b"r", b"g", b"b"), primaries if space == b"RGB " else (), strict=False
    ):
        tags[letter + b"XYZ"] = _tag(b"XYZ ", b"".join(map(_fixed, colour)))
        tags[letter + b"TRC"] = curve
    return _assembled(tags, b"mntr", space, b"XYZ ")


def _assembled(tags: dict[bytes, bytes], kind: bytes, space: bytes, connection: bytes) -> bytes:
    table, body = struct.pack(">I", len(tags)), b""
    for signature, content in tags.items():
        table += signature + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(content))
        body += content
    header = struct.pack(
        ">I4sI4s4s4s",
        132 + 12 * len(tags) + len(body),
        bytes(4),
        0x02400000,
        kind,
        space,
        connection,
    )
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += b"".join(map(_fixed, WHITE)) + bytes(128 - 80)
    return header + table + body


def cmyk_profile(inks: dict[tuple[int, int, int, int], tuple[int, int, int]]) -> bytes:
    """An ICC profile of a press: Lab of some full inks (1) and none (0); the others are black."""
    size, steps = 2, bytes(range(256))
    nodes = [
        (c, m, y, k) for c in range(size) for m in range(size) for y in range(size)
        for k in range(size)
    ]  # fmt: skip
    grid = b"".join(
        bytes((round(light * 2.55), a + 128, b + 128))
        for light, a, b in (inks.get(node, (0, 0, 0)) for node in nodes)
    )
    identity = b"".join(map(_fixed, (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    table = bytes((4, 3, size, 0)) + identity + steps * 4 + grid + steps * 3
    name = b"drawn for a test\0"
    description = struct.pack(">I", len(name)) + name + bytes(4 + 4 + 2 + 1 + 67)
    tags = {
        b"desc": _tag(b"desc", description),
        b"cprt": _tag(b"text", b"none\0"),
        b"wtpt": _tag(b"XYZ ", b"".join(map(_fixed, WHITE))),
        b"A2B0": _tag(b"mft1", table),
    }
    return _assembled(tags, b"prtr", b"CMYK", b"Lab ")


def to_srgb(
    pixels: np.ndarray, primaries: tuple[tuple[float, float, float], ...], gamma: float = 2.2
) -> np.ndarray:
    """Convert values of a profile of these primaries to sRGB, step by step: (…, 3) uint8."""
    linear = (pixels.astype(float) / 255) ** gamma
    return _encoded(linear @ np.array(primaries))


def lab_to_srgb(light: float, a: float, b: float) -> np.ndarray:
    """A colour of CIELab in sRGB, step by step: (3,) uint8."""
    middle = (light + 16) / 116
    steps = np.array([middle + a / 500, middle, middle - b / 200])
    ratios = np.where(steps > 6 / 29, steps**3, 3 * (6 / 29) ** 2 * (steps - 4 / 29))
    return _encoded(ratios * WHITE)


def _encoded(xyz: np.ndarray) -> np.ndarray:
    light = (xyz @ np.linalg.inv(np.array(SRGB))).clip(0, 1)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray((encoded * 255).round().clip(0, 255), np.uint8)
