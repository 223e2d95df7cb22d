"""SPF, the Sender Policy Framework (RFC 7208): which hosts may send mail for a domain.

:func:`check` judges one message's envelope and keeps the trace of how.  :func:`lint` judges a domain's record, and
what it offers to paste it has tried.  :func:`tree` lays a record out with all that it leads to, :func:`record` fetches
it as published, :func:`expand` expands a macro string.
"""

from mailkit.spf.checking import Check, check, expand
from mailkit.spf.linted import NO_MAIL
from mailkit.spf.linting import lint
from mailkit.spf.overview import Tree, tree
from mailkit.spf.records import Published, record
from mailkit.spf.trace import EvaluatedTerm, Trace

__all__ = [
    "NO_MAIL",
    "Check",
    "EvaluatedTerm",
    "Published",
    "Trace",
    "Tree",
    "check",
    "expand",
    "lint",
    "record",
    "tree",
]


def __dir__() -> list[str]:
    return sorted(__all__)
