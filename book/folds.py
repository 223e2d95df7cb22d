"""A Sphinx extension: what stands between two comments is folded away, as ``<details>``, which need no script.

Nor does a mail address become a link: those of the examples belong to nobody.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

__all__ = ["BEGIN", "END", "setup"]

BEGIN, END = "fold begins: ", "fold ends"


class fold(nodes.General, nodes.Element):
    """What is folded away below the words ``summary``."""


def fold_up(app: Sphinx, doctree: nodes.document) -> None:
    """Move what stands between the comments BEGIN and END, in one section, into a fold."""
    for comment in list(doctree.findall(nodes.comment)):
        if not comment.astext().startswith(BEGIN) or comment.parent is None:
            continue
        parent = comment.parent
        first = parent.index(comment)
        last = next(i for i in range(first, len(parent)) if _ends(parent[i]))
        folded = fold("", *parent[first + 1 : last], summary=comment.astext().removeprefix(BEGIN))
        parent[first : last + 1] = [folded]


def _ends(node: nodes.Node) -> bool:
    return isinstance(node, nodes.comment) and node.astext() == END


def unlink_addresses(app: Sphinx, doctree: nodes.document) -> None:
    """Make text again of mail addresses, which a docstring names as examples."""
    for reference in list(doctree.findall(nodes.reference)):
        if reference.get("refuri", "").startswith("mailto:"):
            reference.replace_self(reference.children)


def visit_html(self: Any, node: nodes.Element) -> None:
    self.body.append(f'<details class="fold"><summary>{self.encode(node["summary"])}</summary>\n')


def depart_html(self: Any, node: nodes.Element) -> None:
    self.body.append("</details>\n")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.add_node(fold, html=(visit_html, depart_html))
    app.connect("doctree-read", fold_up)
    app.connect("doctree-read", unlink_addresses)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
