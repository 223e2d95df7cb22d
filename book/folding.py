"""A stored lesson, changed for reading: each answer is folded away behind its question.

What begins and ends a fold is marked by a comment, which :mod:`folds` finds again when Sphinx has read the page.
"""

from __future__ import annotations

import dataclasses
import re
from copy import deepcopy
from pathlib import Path

from blocks import Block, blocks, kept, labelled
from folds import BEGIN, END
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook, new_output

from mailkit import training, workbook
from mailkit.exercises.core import Question

__all__ = ["folded"]

Item = NotebookNode | Block

_ASKED = re.compile(r"\b(q\d+)\.check\(")
_NO_GUESS = "… not attempted: You made no guess; it was `"
_UNANSWERED = "… not attempted: "
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?:|mailto:)([^)\s]+)\)")


def folded(lesson: Path) -> NotebookNode:
    """Return *lesson* as the book shows it."""
    notebook = workbook.read(lesson)
    items = _items(notebook)
    questions = training.questions(lesson)
    shown: list[Item] = []
    section = 0
    while items:
        item = items.pop(0)
        if isinstance(item, Block):
            if item.level in (1, 2):
                section += item.level == 2
                shown.append(_block(f"({labelled(lesson, section)})="))
            shown.append(dataclasses.replace(item, text=f"{{.predict}}\n{item.text}") if item.asks else item)
        elif ".reveal(" in item.source and item.outputs:
            shown += [_with_outputs(item, []), _block(f"% {BEGIN}What came of it"), *_outputs_alone(item)]
            for _ in range(_explaining(items)):
                shown.append(items.pop(0))
            shown.append(_block(f"% {END}"))
        else:
            shown += [_with_outputs(item, []), *_outputs_alone(item)]
            for name in dict.fromkeys(_ASKED.findall(item.source)):
                shown += [_block(text) for text in _solution(name, questions[name])]
    known = {path.name for path in lesson.parent.glob("[0-9][0-9]_*.ipynb")}
    cells = [new_markdown_cell(_linked(i, known)) if isinstance(i, Block) else i for i in shown]
    return new_notebook(cells=cells, metadata=notebook.metadata)


def _items(notebook: NotebookNode) -> list[Item]:
    items: list[Item] = []
    for cell in kept(notebook):
        items += blocks(cell.source) if cell.cell_type == "markdown" else [cell]
    return items


def _explaining(items: list[Item]) -> int:
    """Return how many of the blocks behind an answer speak of it: those up to the next heading, code or question.

    Where no heading comes first, the last of several paragraphs leads on to what follows, and stays outside.
    """
    count = 0
    for item in items:
        if not isinstance(item, Block) or item.level or item.asks:
            break
        count += 1
    else:
        return count
    leads_on = not (isinstance(items[count], Block) and items[count].level)
    last = items[count - 1] if count > 1 else None
    return count - (leads_on and isinstance(last, Block) and last.kind == "paragraph")


def _block(text: str) -> Block:
    return Block("paragraph", 0, text)


def _with_outputs(cell: NotebookNode, outputs: list[NotebookNode]) -> NotebookNode:
    """Return *cell* with *outputs* instead of its own; a picture's facts are the text for who cannot see it."""
    copy = deepcopy(cell)
    copy.outputs = outputs
    facts = [output.data["text/plain"] for output in outputs if "image/png" in output.get("data", {})]
    if facts:
        copy.metadata["mystnb"] = {"image": {"alt": facts[0]}}
    return copy


def _outputs_alone(cell: NotebookNode) -> list[NotebookNode]:
    """Return the outputs of *cell* in cells without inputs, one for each picture, since a cell has one text for it."""
    groups: list[list[NotebookNode]] = [[]]
    for output in _told(cell):
        if "image/png" in output.get("data", {}) and groups[-1]:
            groups.append([])
        groups[-1].append(output)
    alone = [_with_outputs(cell, group) for group in groups if group]
    for number, copy in enumerate(alone):
        copy.id = f"{cell.id}-{number}"
        copy.metadata["tags"] = [*copy.metadata.get("tags", []), "remove-input"]
    return alone


def _told(cell: NotebookNode) -> list[NotebookNode]:
    """Return the outputs of *cell* without those that say that nothing was guessed or answered."""
    told = []
    for output in cell.outputs:
        text = output.get("data", {}).get("text/plain", "")
        if text.startswith(_NO_GUESS):
            word = text.removeprefix(_NO_GUESS).partition("`")[0]
            markdown = {"text/markdown": f"It was `{word}`.", "text/plain": f"It was {word}."}
            told.append(new_output("display_data", data=markdown))
        elif not text.startswith(_UNANSWERED):
            told.append(output)
    return told


def _solution(name: str, question: Question) -> list[str]:
    """Return the hints and the solution of *question*, each in a fold of its own."""
    solved = dataclasses.replace(question)
    solved.check(question.right[0])
    solution = solved.solution()
    hints = [f"% {BEGIN}{name}: hints", *map(_escaped, question.hints), f"% {END}"] if question.hints else []
    code = f"````{'python' if callable(question.right[0]) else ''}\n{solution.code}\n````"
    return [*hints, f"% {BEGIN}{name}: solution", code, _escaped(solution.text), f"% {END}"]


def _escaped(text: str) -> str:
    """Return a sentence of ours for Markdown: what stands between backticks is code, the rest is what it looks like."""
    text = re.sub(r"^(\d+)([.)])|^([-+])", r"\1\\\2\3", text)  # no list
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(p if p.startswith("`") else re.sub(r"([*_<>\[\]{}#|$~^])", r"\\\1", p) for p in pieces)


def _linked(block: Block, known: set[str]) -> str:
    """Return the text of *block*: links to lessons stay, those to the README lead to the first page, else text."""

    def target(match: re.Match[str]) -> str:
        text, to = match.groups()
        file = to.partition("#")[0]
        if file in known:
            return f"[{text}]({file})"
        return f"[{text}](../index.md)" if to.startswith("../README") else text

    return block.text if block.kind == "fence" else _LINK.sub(target, block.text)
