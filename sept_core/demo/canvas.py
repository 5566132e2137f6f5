"""Drawing tools of all families: planes, noise, colours, masks and final effects.

A `Field` is an (H, W) float32 array, mostly of values in 0..1; `Pixels` is (3, H, W) float32 in
0..1, red, green, blue, so that a picture times a field is a lit picture. Planes reach from −1
(left, top) to 1 (right, bottom).
"""

import functools
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

SIZE = 128
"""Side of all pictures in pixels."""

PIXEL = 2 / SIZE
"""Width of a pixel in the plane, over which a sharp edge is smoothed."""

Field = np.ndarray
Pixels = np.ndarray
Colour = np.ndarray | str
Rng = np.random.Generator
Points = np.ndarray | Sequence[Sequence[float] | np.ndarray]
Option = TypeVar("Option")


def grid(
    side: int = SIZE, zoom: float = 1.0, angle: float = 0.0, shift: tuple[float, float] = (0, 0)
) -> tuple[Field, Field]:
    """Return x and y of every pixel; the plane is magnified, rotated (radians), then shifted."""
    x, y = _base_grid(side)
    if angle:
        c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        x, y = c * x + s * y, c * y - s * x
    return x / np.float32(zoom) - np.float32(shift[0]), y / np.float32(zoom) - np.float32(shift[1])


@functools.cache
def _base_grid(side: int) -> tuple[Field, Field]:
    axis = ((np.arange(side) + 0.5) * 2 / side - 1).astype(np.float32)
    x, y = np.meshgrid(axis, axis)
    return x, y


def noise(rng: Rng, across: float, down: float | None = None, side: int = SIZE) -> Field:
    """Return smooth noise between 0 and 1, with about this many hills across and down."""
    down = across if down is None else down
    shape = int(np.ceil(down)) + 3, int(np.ceil(across)) + 3
    lattice = Image.fromarray(rng.random(shape, dtype=np.float32))
    box = 1.0, 1.0, 1.0 + across, 1.0 + down
    smooth = lattice.resize((side, side), Image.Resampling.BICUBIC, box=box)
    return np.asarray(smooth, np.float32)


def fractal(
    rng: Rng, across: float, down: float | None = None, octaves: int = 4, side: int = SIZE
) -> Field:
    """Return noise on several scales, each half as strong as the previous; mean about 0.5."""
    down = across if down is None else down
    total = np.zeros((side, side), np.float32)
    weight, weights = 1.0, 0.0
    for octave in range(octaves):
        total += weight * noise(rng, across * 2**octave, down * 2**octave, side)
        weights += weight
        weight /= 2
    return total / np.float32(weights)


def profile(rng: Rng, across: float, octaves: int = 5, side: int = SIZE) -> np.ndarray:
    """Return (side,) float32: a fractal line with mean about 0."""
    at = np.linspace(0, across, side)
    total = np.zeros(side)
    for octave in range(octaves):
        knots = rng.uniform(-1, 1, int(np.ceil(across * 2**octave)) + 2)
        total += np.interp(at * 2**octave, np.arange(len(knots)), knots) / 2**octave
    return (total / 2).astype(np.float32)


def step(low: float, high: float, field: Field) -> Field:
    """Return 0 below `low`, 1 above `high`, smooth between; `high < low` inverts it."""
    t = np.clip((field - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def edge(distance: Field, soft: float = PIXEL) -> Field:
    """Return 1 where a signed distance is negative, 0 where it is positive, with a smooth rim."""
    return step(soft / 2, -soft / 2, distance)


def length(x: Field, y: Field) -> Field:
    """Return the distance from the origin; np.hypot is overflow-safe and six times slower."""
    return np.asarray(np.sqrt(x * x + y * y), np.float32)


def rgb(colour: Colour) -> np.ndarray:
    """Return (3, 1, 1) float32 of a colour written `#rrggbb`; arrays are returned unchanged."""
    if isinstance(colour, str):
        values = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        return np.array(values, np.float32).reshape(3, 1, 1) / 255
    return np.asarray(colour, np.float32)


def hsv(hue: float, saturation: float, value: float) -> np.ndarray:
    """Return (3, 1, 1) float32 of a hue in turns, saturation and value in 0..1."""
    k = (np.array([5, 3, 1]) + hue * 6) % 6
    depth = np.clip(np.minimum(k, 4 - k), 0, 1)
    colour = np.clip(value - value * saturation * depth, 0, 1)
    return colour.astype(np.float32).reshape(3, 1, 1)


def vary(rng: Rng, colour: Colour, amount: float = 0.06) -> np.ndarray:
    """Vary a colour slightly in brightness and warmth."""
    light = rng.normal(0, amount)
    tint = rng.normal(0, amount / 2, (3, 1, 1))
    return np.clip(rgb(colour) * (1 + light) + tint, 0, 1).astype(np.float32)


def mix(first: Colour | Pixels, second: Colour | Pixels, share: Field | float) -> Pixels:
    """Blend two colours or pictures; `share` is the weight of the second."""
    a, b = rgb(first), rgb(second)
    return np.asarray(a + (b - a) * np.asarray(share, np.float32), np.float32)


def ramp(field: Field, stops: Sequence[Colour]) -> Pixels:
    """Map 0..1 to colours with evenly spaced stops."""
    at = np.linspace(0, 255, len(stops))
    table = np.concatenate([rgb(stop) for stop in stops], 1)[..., 0]
    lookup = np.stack([np.interp(np.arange(256), at, channel) for channel in table])
    index = (np.clip(field, 0, 1) * 255).astype(np.uint8)
    return np.asarray(np.take(lookup.astype(np.float32), index, axis=1))


def chosen(colours: Sequence[np.ndarray], index: np.ndarray) -> Pixels:
    """Return for every pixel the colour with its number."""
    return np.take(np.concatenate(colours, 1)[..., 0], index, axis=1)


def pick(rng: Rng, options: Sequence[Option]) -> Option:
    """Return one of the options at random."""
    return options[int(rng.integers(len(options)))]


def blur(field: Field, radius: float) -> Field:
    """Blur a field or picture; radius in pixels."""
    deviation = (0, radius, radius) if field.ndim == 3 else radius
    return np.asarray(ndimage.gaussian_filter(field, deviation, mode="nearest", truncate=2.5))


def relief(height: Field, angle: float = -2.2, strength: float = 4.0) -> Field:
    """Return the light on a height field from a direction; about −1..1."""
    down, across = np.gradient(height)
    light = across * np.float32(np.cos(angle)) + down * np.float32(np.sin(angle))
    return np.asarray(np.tanh(light * strength * 8), np.float32)


def turned(
    points: np.ndarray, angle: float, size: float = 1.0, at: Sequence[float] = (0, 0)
) -> np.ndarray:
    """Return (n, 2) points rotated by an angle (radians), scaled and moved."""
    c, s = np.cos(angle), np.sin(angle)
    return np.asarray(points @ np.array([[c, s], [-s, c]]) * size + np.asarray(at))


class Pen:
    """Draws flat shapes in plane coordinates, at three times the final size.

    With a background colour the result is a picture, without one a mask.
    """

    SCALE = 3

    def __init__(self, background: Colour | None = None, side: int = SIZE) -> None:
        self._side = side * self.SCALE
        mode, fill = ("L", 0) if background is None else ("RGB", _bytes(background))
        self._image = Image.new(mode, (self._side, self._side), fill)
        self._draw = ImageDraw.Draw(self._image)

    def _at(self, points: Points) -> list[tuple[float, float]]:
        scaled = (np.asarray(points, float) + 1) * (self._side / 2)
        return [(float(px), float(py)) for px, py in scaled]

    def _ink(self, colour: Colour | float) -> int | tuple[int, ...]:
        return round(colour * 255) if isinstance(colour, int | float) else _bytes(colour)

    def polygon(self, points: Points, ink: Colour | float = 1.0) -> None:
        self._draw.polygon(self._at(points), fill=self._ink(ink))

    def line(
        self,
        points: Points,
        width: float,
        ink: Colour | float = 1.0,
    ) -> None:
        pixels = max(1, round(width * self._side / 2))
        self._draw.line(self._at(points), fill=self._ink(ink), width=pixels, joint="curve")

    def disc(self, x: float, y: float, radius: float, ink: Colour | float = 1.0) -> None:
        box = self._at([(x - radius, y - radius), (x + radius, y + radius)])
        self._draw.ellipse(box, fill=self._ink(ink))

    def box(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        ink: Colour | float = 1.0,
        corner: float = 0.0,
    ) -> None:
        box = self._at([(left, top), (right, bottom)])
        radius = corner * self._side / 2
        self._draw.rounded_rectangle(box, radius, fill=self._ink(ink))

    def text(self, x: float, y: float, text: str, height: float, ink: Colour | float = 1.0) -> None:
        """Draw text centred on a point."""
        font = _font(max(6, round(height * self._side / 2)))
        self._draw.text(self._at([(x, y)])[0], text, fill=self._ink(ink), font=font, anchor="mm")

    def field(self) -> Field:
        """Return the mask, 0..1."""
        return np.asarray(self._image.reduce(self.SCALE), np.float32) / 255

    def pixels(self) -> Pixels:
        """Return the picture."""
        pixels = np.asarray(self._image.reduce(self.SCALE), np.float32) / 255
        return np.ascontiguousarray(pixels.transpose(2, 0, 1))


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _bytes(colour: Colour) -> tuple[int, ...]:
    return tuple((rgb(colour).ravel() * 255 + 0.5).astype(int).tolist())


def finish(rng: Rng, pixels: Pixels, grain: float = 0.008, vignette: float = 0.15) -> Image.Image:
    """Add film grain and darker corners; return an image."""
    x, y = grid()
    shade = 1 - np.float32(vignette) * (x * x + y * y) / 2
    speckle = rng.standard_normal((SIZE, SIZE), dtype=np.float32) * np.float32(grain)
    done = np.clip(pixels * shade + speckle, 0, 1) * 255 + 0.5
    return Image.fromarray(np.ascontiguousarray(done.astype(np.uint8).transpose(1, 2, 0)))


def halved(pixels: Pixels) -> Pixels:
    """Halve a picture by the mean of each four pixels."""
    rows = pixels[:, ::2] + pixels[:, 1::2]
    return np.asarray((rows[..., ::2] + rows[..., 1::2]) / 4)
