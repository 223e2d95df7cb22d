"""The house style of the figures: an opaque sheet of off-white paper with rounded corners.

A figure has to read on a projector of 1024 by 768 and in JupyterLab's light and dark themes.  Transparent figures in
mid-grey read poorly on both, and a stored PNG cannot follow the theme; dark ink on its own paper reads the same
everywhere, and in the dark theme the sheet looks meant.  Sizes are in inches of 96 CSS pixels, so a size in points is
what the reader sees; the pixels are twice as many, for sharp text.  Nothing is written smaller than 10 points, and
everything in DejaVu, which comes with matplotlib, so that a figure is the same on every machine.

A figure is a :class:`Picture`.  IPython draws a bare ``Figure`` only once pyplot is loaded, and then by the
reader's own settings; a Picture brings its PNG and its facts as text, for who cannot see it and for comparing runs.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Text
from matplotlib.textpath import text_to_path
from PIL import Image

from mailkit.results import BADGES, visible

__all__ = [
    "INK",
    "MUTED",
    "PAPER",
    "RULE",
    "WIDTH",
    "Picture",
    "badge",
    "box",
    "canvas",
    "fitted",
    "legend",
    "measured",
    "tint",
    "write",
]

WIDTH = 8.6  # inches: 826 CSS pixels, what JupyterLab leaves of 1024 beside its prompt column
PAPER, INK, MUTED, RULE = "#faf9f5", "#1f2328", "#5c6670", "#d9d6cc"

_CSS_PIXELS, _PIXELS = 96, 192  # per inch
# The reader's own settings that would change how a figure is saved.
_RC: dict[Any, Any] = {"savefig.bbox": None, "path.simplify": False, "path.sketch": None, "text.antialiased": True}
_FONTS = {
    name: str(Path(matplotlib.get_data_path(), "fonts", "ttf", file))
    for name, file in {
        "regular": "DejaVuSans.ttf",
        "bold": "DejaVuSans-Bold.ttf",
        "mono": "DejaVuSansMono.ttf",
    }.items()
}


@dataclass(frozen=True)
class Picture:
    """A figure that displays as a PNG in a notebook, with ``alt``, the same facts as text."""

    figure: Figure
    alt: str

    def png(self) -> bytes:
        """Return the figure as a PNG: the same bytes each time, with no date and no version in it."""
        drawn = io.BytesIO()
        with matplotlib.rc_context(_RC):
            self.figure.savefig(drawn, format="png", dpi=_PIXELS, facecolor="none", metadata={"Software": None})
        return _with_few_colours(Image.open(drawn).convert("RGBA"))

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        return self.png(), {"width": round(self.figure.get_figwidth() * _CSS_PIXELS)}

    def __repr__(self) -> str:
        return self.alt


def canvas(height: float, *, width: float = WIDTH, title: str | None = None) -> tuple[Figure, Axes]:
    """Return an empty sheet: a figure with one axes over all of it, measured in inches from the top left.

    *title* is written at the top; leave 0.6 inches for it.
    """
    with matplotlib.rc_context(_RC):
        figure = Figure(figsize=(width, height))
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    box(axes, 0.02, 0.02, width - 0.04, height - 0.04, fill=PAPER, edge=RULE, corner=0.12).set_zorder(0)
    if title:
        write(axes, 0.3, 0.34, title, size=13, font="bold", width=width - 0.6)
    return figure, axes


def badge(word: str) -> tuple[str, str]:
    """Return mark and colour of an outcome or verdict, as in the tables; ValueError if there is no such word."""
    if str(word) not in BADGES:
        raise ValueError(f"{word!r} is no outcome or verdict; there are {', '.join(BADGES)}")
    return BADGES[str(word)]


def tint(colour: str, strength: float) -> str:
    """Return *colour* thinned with paper: 0 is paper, 1 the full colour."""
    pairs = [(int(PAPER[i : i + 2], 16), int(colour[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(paper + (full - paper) * strength):02x}" for paper, full in pairs)


def box(
    axes: Axes,
    x: float,
    y: float,
    width: float,
    height: float,
    *,
    fill: str,
    edge: str | None = None,
    corner: float = 0.06,
    line: float = 1.0,
) -> FancyBboxPatch:
    """Draw a box with rounded corners, its top left at *x*, *y*, and return it."""
    patch = FancyBboxPatch(
        (x, y),
        width,
        height,
        boxstyle=f"round,pad=0,rounding_size={corner}",
        facecolor=fill,
        edgecolor=edge or fill,
        linewidth=line,
    )
    axes.add_patch(patch)
    return patch


def write(
    axes: Axes,
    x: float,
    y: float,
    text: str,
    *,
    size: float = 10.5,
    colour: str = INK,
    font: str = "regular",
    align: str = "left",
    width: float | None = None,
) -> Text:
    """Write one line, its middle at height *y*; made safe to show, and cut to *width* inches if that is given.

    *font* is ``regular``, ``bold`` or ``mono``; *align* is ``left``, ``center`` or ``right`` of *x*.
    """
    shown = fitted(text, width, size=size, font=font)
    return axes.text(
        x,
        y,
        shown,
        color=colour,
        horizontalalignment=align,
        verticalalignment="center_baseline",
        fontproperties=_properties(font, size),
        parse_math=False,
        usetex=False,
    )


def fitted(text: str, width: float | None = None, *, size: float = 10.5, font: str = "regular") -> str:
    """Return *text* as it can be drawn: hostile characters spelled out, cut with an ellipsis to *width* inches."""
    shown = _drawable(text)
    if width is None or measured(shown, size=size, font=font) <= width:
        return shown
    short, long = 0, len(shown)  # the longest beginning that fits lies between these
    while long - short > 1:
        middle = (short + long) // 2
        fits = measured(shown[:middle] + "…", size=size, font=font) <= width
        short, long = (middle, long) if fits else (short, middle)
    return shown[:short].rstrip() + "…"


@lru_cache(maxsize=4096)  # a matrix writes the same few words again and again
def measured(text: str, *, size: float = 10.5, font: str = "regular") -> float:
    """Return how wide *text* is when drawn, in inches."""
    width, _, _ = text_to_path.get_text_width_height_descent(text, _properties(font, size), ismath=False)
    return float(width) / 72


def legend(axes: Axes, y: float, entries: Sequence[tuple[str, str, str]], *, columns: int = 2) -> None:
    """Explain the marks: *entries* are (mark, colour, sentence), 0.26 inches a row, from height *y* down."""
    step = (axes.get_xlim()[1] - 0.6) / columns
    for index, (mark, colour, sentence) in enumerate(entries):
        x, row = 0.3 + step * (index % columns), y + 0.26 * (index // columns)
        write(axes, x + 0.07, row, mark, size=11, colour=colour, font="bold", align="center")
        write(axes, x + 0.24, row, sentence, size=10, colour=MUTED, width=step - 0.34)


def _with_few_colours(image: Image.Image) -> bytes:
    """Return *image* as a PNG of 255 colours and one for "transparent": a quarter of the size in a stored notebook."""
    alpha = image.getchannel("A")
    sheet = Image.new("RGB", image.size, PAPER)
    sheet.paste(image, mask=alpha)
    few = sheet.quantize(255, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    palette = few.getpalette() or []
    few.putpalette([*palette, 255, 255, 255])  # the entry added is the transparent one
    clear = len(palette) // 3
    few.paste(clear, mask=alpha.point(lambda value: 255 if value < 128 else 0))
    out = io.BytesIO()
    few.save(out, format="png", optimize=True, transparency=clear)
    return out.getvalue()


@lru_cache
def _properties(font: str, size: float) -> FontProperties:
    return FontProperties(fname=_FONTS[font], size=size)


@lru_cache
def _face() -> FT2Font:
    return FT2Font(_FONTS["mono"])


def _drawable(text: str) -> str:
    """Return *text* with what the font lacks, or would reorder or pile up, spelled out like ``\\u65e5``."""
    out = []
    for char in visible(text):
        foreign = (
            not _face().get_char_index(ord(char))
            or unicodedata.combining(char)
            or unicodedata.bidirectional(char) in ("R", "AL", "AN")
        )
        out.append(char.encode("unicode_escape").decode("ascii") if foreign else char)
    return visible("".join(out))  # once more, since escapes are longer than what they stand for
