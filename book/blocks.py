"""The texts of a lesson cut into blocks, each below the heading that it stands under."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from nbformat import NotebookNode

from mailkit import workbook

__all__ = ["Block", "Place", "blocks", "kept", "labelled", "places"]

_PARSER = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class Block:
    """A heading, paragraph, list, table or fence: its kind as markdown-it calls it, and its lines."""

    kind: str
    level: int  # of a heading; 0 of all others
    text: str

    @property
    def title(self) -> str:
        """The words of a heading."""
        return self.text.lstrip("#").strip()

    @property
    def asks(self) -> bool:
        """Whether the block asks for a prediction."""
        return self.kind == "paragraph" and "**Predict" in self.text


@dataclass(frozen=True)
class Place:
    """A section of a lesson ("" is what precedes the first): its label in the book, and the text in it."""

    lesson: str
    label: str
    title: str
    text: str

    @property
    def link(self) -> str:
        """A link to it, in Markdown."""
        number = self.lesson.partition("_")[0]
        return f"[{number} · {self.title}](#{self.label})"


def blocks(source: str) -> Iterator[Block]:
    """Yield the blocks of a cell of text."""
    lines = source.splitlines()
    for token in _PARSER.parse(source):
        if token.level == 0 and token.map:
            text = "\n".join(lines[token.map[0] : token.map[1]]).rstrip()
            level = int(token.tag[1]) if token.type == "heading_open" else 0
            yield Block(token.type.removesuffix("_open"), level, text)


def kept(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the cells that are for readers: those that are for JupyterLab alone are tagged ``remove-cell``."""
    return [cell for cell in notebook.cells if "remove-cell" not in cell.metadata.get("tags", [])]


def labelled(lesson: Path, number: int) -> str:
    """Return the label of the section *number* of *lesson*; 0 is the page itself."""
    return f"{lesson.stem.replace('_', '-')}-{number}"


def places(lesson: Path) -> list[Place]:
    """Return the sections of *lesson* in order."""
    titles, texts = [""], [""]
    for cell in kept(workbook.read(lesson)):
        if cell.cell_type != "markdown":
            continue
        for block in blocks(cell.source):
            if block.level == 1:
                titles[0] = re.sub(r"^\d+ · ", "", block.title)
            elif block.level == 2:
                titles.append(block.title)
                texts.append("")
            if block.kind != "fence":
                texts[-1] += block.text + "\n\n"
    return [
        Place(lesson.stem, labelled(lesson, number), title, text)
        for number, (title, text) in enumerate(zip(titles, texts))
    ]
