"""SPF, the Sender Policy Framework (RFC 7208): which hosts may send mail for a domain.

:func:`check` judges one message's envelope and keeps the trace of how, :func:`lint` judges a domain's record,
:func:`tree` lays the record out with all that it includes, :func:`record` fetches it as published,
:func:`expand` expands a macro string.
"""

from mailkit.spf.checking import Check, check, expand
from mailkit.spf.linting import lint
from mailkit.spf.overview import Tree, tree
from mailkit.spf.records import Published, record, zone_line
from mailkit.spf.trace import Step, Trace

__all__ = ["Check", "Published", "Step", "Trace", "Tree", "check", "expand", "lint", "record", "tree", "zone_line"]


def __dir__() -> list[str]:
    return sorted(__all__)
