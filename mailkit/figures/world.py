"""A map of a little internet: where one may sit, what lies on the way, and the servers beyond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from mailkit.figures.style import (
    INK,
    MUTED,
    WIDTH,
    Picture,
    badge,
    box,
    canvas,
    fitted,
    legend,
    measured,
    tint,
    write,
)
from mailkit.results import Outcome

__all__ = ["Link", "Node", "world_map"]

# Mark, fill and meaning of each kind of node; the colours of outcomes are left to the links.
_KINDS = {
    "place": ("⌂", "#ffffff", "a place to ask from"),
    "network": ("⚙", "#ffffff", "a network that lets all through"),
    "filter": ("⚑", tint(badge("warn")[1], 0.16), "a network that filters"),
    "server": ("✉", "#ffffff", "a mail server"),
    "dns": ("⌘", "#ffffff", "the domain name system"),
}
_COLUMNS, _NODES = 4, 12  # as many columns, and nodes in one, as stay readable
_BOX, _STEP = 0.54, 0.7  # inches: the height of a node, and from one node to the next
_BESIDE = 0.54  # inches: the mark and the margins of a node
_GAP, _LABELS = 0.5, 1.15  # inches: the least gap between columns, without and with labels
_ALONG = (0.32, 0.72, 0.5, 0.2, 0.85)  # where on a link its label may sit: the first place still free

Point = tuple[float, float]


@dataclass(frozen=True)
class Node:
    """A box of the map; *kind* is place, network, filter, server or dns, *column* the heading it stands under."""

    name: str
    kind: str
    column: str
    note: str = ""


@dataclass(frozen=True)
class Link:
    """A way from one node to one in a later column, both by name.

    With an *outcome* that is not ``open`` the line ends at its label, and is only dotted from there on.
    """

    start: str
    end: str
    label: str = ""
    outcome: Outcome | None = None


@dataclass(frozen=True)
class _Place:
    """Where a node stands: its left and right edge, and the height of its middle."""

    left: float
    right: float
    middle: float


def world_map(nodes: Sequence[Node], links: Sequence[Link], *, title: str | None = None) -> Picture:
    """Draw *nodes* in their columns, in the order given, and the *links* between them.

    Raises ValueError for an unknown kind, a name used twice or not at all, a link that does not lead to a later
    column, and for more than 4 columns or 12 nodes in one.
    """
    columns = list(dict.fromkeys(node.column for node in nodes))
    members = {column: [node for node in nodes if node.column == column] for column in columns}
    _require(nodes, links, members)
    used = [*dict.fromkeys(node.kind for node in nodes)]
    outcomes = [outcome for outcome in Outcome if outcome in {link.outcome for link in links}]
    entries = [(_KINDS[kind][0], INK, _KINDS[kind][2]) for kind in used]
    entries += [(*badge(outcome), str(outcome).replace("_", " ")) for outcome in outcomes]

    tall = max((len(group) for group in members.values()), default=1)
    top = (0.62 if title else 0.2) + 0.4
    bottom = top + _STEP * tall + 0.1
    figure, axes = canvas(bottom + 0.26 * -(-len(entries) // 3) + 0.12, title=title)
    widths, gaps = _widths(list(members.values()), links)
    x = 0.3
    places: dict[str, _Place] = {}
    for column, wide, gap in zip(columns, widths, gaps):
        write(axes, x + wide / 2, top - 0.2, column, size=10.5, colour=MUTED, align="center", width=wide + 0.3)
        first = top + (tall - len(members[column])) * _STEP / 2 + _STEP / 2
        for row, node in enumerate(members[column]):
            places[node.name] = _Place(x, x + wide, first + _STEP * row)
            _node(axes, places[node.name], node)
        x += wide + gap
    _links(axes, links, places)
    legend(axes, bottom + 0.06, entries, columns=3)

    alt = [fitted(title) if title else "A map"]
    alt += [f"{fitted(column)}: {', '.join(_said(node) for node in members[column])}" for column in columns]
    for link in links:
        about = " ".join(word for word in (fitted(link.label), str(link.outcome or "")) if word)
        alt.append(f"{fitted(link.start)} -> {fitted(link.end)}" + (f": {about}" if about else ""))
    return Picture(figure, "\n".join(alt))


def _require(nodes: Sequence[Node], links: Sequence[Link], members: dict[str, list[Node]]) -> None:
    """Raise ValueError with a sentence for a map that cannot be drawn."""
    for node in nodes:
        if node.kind not in _KINDS:
            raise ValueError(f"{node.name!r} is a {node.kind!r}; a node is one of {', '.join(_KINDS)}")
    if len({node.name for node in nodes}) < len(nodes):
        raise ValueError("two nodes have the same name; links need to tell them apart")
    if len(members) > _COLUMNS or any(len(group) > _NODES for group in members.values()):
        raise ValueError(f"a map has at most {_COLUMNS} columns of at most {_NODES} nodes")
    order = {node.name: list(members).index(node.column) for node in nodes}
    for link in links:
        if unknown := {link.start, link.end} - order.keys():
            raise ValueError(f"a link names {sorted(unknown)}, which is no node of this map")
        if order[link.start] >= order[link.end]:
            raise ValueError(f"the link from {link.start!r} to {link.end!r} does not lead to a later column")


def _said(node: Node) -> str:
    return fitted(node.name) + (f" ({fitted(node.note)})" if node.note else "")


def _widths(groups: list[list[Node]], links: Sequence[Link]) -> tuple[list[float], list[float]]:
    """Return how wide the boxes of each column are, and the gap after each, in inches.

    A column is as wide as its texts need, unless that leaves no room for the labels of the links.
    """
    labelled = {link.start for link in links if link.label or link.outcome}
    gaps = [_LABELS if any(node.name in labelled for node in group) else _GAP for group in groups[:-1]]
    needs = []
    for group in groups:
        names = [measured(fitted(node.name), font="bold") for node in group]
        needs.append(min(max(names + [measured(fitted(node.note), size=10) for node in group]) + _BESIDE, 3.0))
    shrink = min(1.0, (WIDTH - 0.6 - sum(gaps)) / max(sum(needs), 0.1))
    widths = [need * shrink for need in needs]
    spare = (WIDTH - 0.6 - sum(widths) - sum(gaps)) / max(len(gaps), 1)
    return widths, [*(gap + spare for gap in gaps), 0.0]


def _node(axes: Axes, place: _Place, node: Node) -> None:
    mark, fill, _ = _KINDS[node.kind]
    wide, x, y = place.right - place.left, place.left + 0.42, place.middle
    box(axes, place.left, y - _BOX / 2, wide, _BOX, fill=fill, edge=MUTED)
    write(axes, place.left + 0.22, y, mark, size=15, align="center")
    write(axes, x, y - (0.11 if node.note else 0), node.name, font="bold", width=wide - _BESIDE + 0.02)
    if node.note:
        write(axes, x, y + 0.12, node.note, size=10, colour=MUTED, width=wide - _BESIDE + 0.02)


def _links(axes: Axes, links: Sequence[Link], places: dict[str, _Place]) -> None:
    """Draw the links, spreading those that meet at a node, each with its label where there is room."""
    taken: list[tuple[float, float, float]] = []  # left, right and height of the labels so far
    for link in links:
        leaving = sorted((other for other in links if other.start == link.start), key=lambda o: places[o.end].middle)
        coming = sorted((other for other in links if other.end == link.end), key=lambda o: places[o.start].middle)
        x0, y0 = places[link.start].right, places[link.start].middle + _spread(leaving.index(link), len(leaving))
        x1, y1 = places[link.end].left, places[link.end].middle + _spread(coming.index(link), len(coming))
        bend = (x1 - x0) / 2
        curve = ((x0, y0), (x0 + bend, y0), (x1 - bend, y1), (x1, y1))
        mark, colour = badge(link.outcome) if link.outcome else ("", MUTED)
        stops = link.outcome not in (None, Outcome.OPEN)
        text = fitted(f"{mark} {link.label}".strip(), 1.1, size=10, font="bold")
        half = measured(text, size=10, font="bold") / 2 + 0.08
        t = next((t for t in _ALONG if _free(_split(curve, t)[0][3], half, taken)), _ALONG[0])
        near, far = _split(curve, t)
        x, y = near[3]
        _curve(axes, near, colour, dotted=False)
        _curve(axes, far, tint(MUTED, 0.5) if stops else colour, dotted=stops)
        if not stops:
            axes.plot(x1 - 0.05, y1, marker=">", markersize=6, color=colour, linestyle="none")
        if text:
            taken.append((x - half, x + half, y))
            box(axes, x - half, y - 0.115, 2 * half, 0.23, fill=colour).set_zorder(4)
            write(axes, x, y, text, size=10, colour="#ffffff", font="bold", align="center").set_zorder(5)


def _free(spot: Point, half: float, taken: list[tuple[float, float, float]]) -> bool:
    """Tell whether a label that reaches *half* to both sides of *spot* keeps clear of those already there."""
    return all(spot[0] + half < left or spot[0] - half > right or abs(spot[1] - y) > 0.26 for left, right, y in taken)


def _spread(index: int, count: int) -> float:
    """Return how far from the middle of a node's edge the link of this *index* meets it, in inches."""
    return (index - (count - 1) / 2) * min(0.24, 0.44 / count)


def _split(curve: tuple[Point, Point, Point, Point], t: float) -> tuple[tuple[Point, ...], tuple[Point, ...]]:
    """Cut a cubic Bézier curve at *t* (0 to 1) and return its two parts (de Casteljau's construction)."""
    points, near, far = list(curve), [curve[0]], [curve[3]]
    while len(points) > 1:
        points = [(a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t) for a, b in pairwise(points)]
        near.append(points[0])
        far.append(points[-1])
    return tuple(near), tuple(reversed(far))


def _curve(axes: Axes, points: tuple[Point, ...], colour: str, *, dotted: bool) -> None:
    path = Path(points, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
    style = (0, (1, 1.6)) if dotted else "solid"
    axes.add_patch(PathPatch(path, facecolor="none", edgecolor=colour, linewidth=1.8, linestyle=style, zorder=0.9))
