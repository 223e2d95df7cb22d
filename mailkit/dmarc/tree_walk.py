"""The DNS tree walk: from a name up to its top-level domain, in at most eight questions (RFC 9989 section 4.10)."""

from __future__ import annotations

from dataclasses import dataclass

from mailkit.dmarc.asking import Node, node
from mailkit.network import Network, Status
from mailkit.results import Record, Rows, hidden

__all__ = ["MAX_QUERIES", "Query", "Walk", "targets", "walk"]

MAX_QUERIES = 8
_JUMP_FROM, _JUMP_TO = 8, 7  # labels: from a name of eight or more to the seven rightmost


@dataclass(frozen=True)
class Query(Record):
    """One question of a walk, what came back, and what followed from it."""

    number: int
    name: str
    status: Status
    record: str
    note: str
    node: Node | None = hidden(None)


@dataclass(frozen=True)
class Walk(Record):
    """A walk from ``start``: its ``queries``, and the organizational domain that they show.

    ``organizational_domain`` is empty when a question was not answered that could have changed it; ``reason`` says how
    it was found or why not.
    """

    start: str
    organizational_domain: str
    reason: str
    queries: Rows[Query] = hidden(None)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """What was found at each name, from the longest to the shortest."""
        return tuple(query.node for query in self.queries if query.node is not None)

    @property
    def failed(self) -> Query | None:
        """The question that was not answered, None when all were."""
        return next((query for query in self.queries if query.node and query.node.failed), None)


def targets(domain: str) -> tuple[str, ...]:
    """Return the names that a full walk from *domain* asks about, without ``_dmarc.`` (steps 3 to 7)."""
    labels = domain.split(".")
    rest = labels[-_JUMP_TO:] if len(labels) >= _JUMP_FROM else labels[1:]
    return (domain, *(".".join(rest[i:]) for i in range(len(rest))))


def walk(domain: str, net: Network) -> Walk:
    """Return the walk that starts at *domain*, given with A-labels; it ends early at psd=y, psd=n and at a failure."""
    queries: list[Query] = []
    for number, target in enumerate(targets(domain), start=1):
        found = node(target, net)
        queries.append(
            Query(
                number, found.name, found.answer.status, found.record.text if found.record else "", _note(found), found
            )
        )
        if found.failed or (found.record and found.record.psd != "u"):
            break
    rows = Rows(Query, queries, caption=net.caption)
    organizational, reason = _organizational_domain(domain, [query.node for query in queries if query.node])
    return Walk(domain, organizational, reason, rows)


def _note(found: Node) -> str:
    if found.failed:
        return f"not answered ({found.answer.reason}): the walk cannot go on"
    if len(found.texts) > 1:
        return f"{len(found.texts)} DMARC records: all are discarded"
    if found.record is None:
        return "no DMARC record" + (", but one that looks like it" if found.almost else "")
    if found.record.psd == "u":
        return "a record; the walk goes on"
    meaning = "an organizational domain" if found.record.psd == "n" else "a public suffix"
    return f"a record with psd={found.record.psd}: {meaning}, the walk ends"


def _organizational_domain(start: str, nodes: list[Node]) -> tuple[str, str]:
    """Return the organizational domain of *start* and how it was found (section 4.10.2)."""
    if failed := next((n for n in nodes if n.failed), None):
        return "", f"{failed.name} was not answered, and a record there could decide"
    with_record = [n for n in nodes if n.record is not None]
    for found in with_record:
        assert found.record is not None
        if found.record.psd == "n":
            return found.domain, f"the record of {found.domain} says psd=n"
        if found.record.psd == "y" and found.domain != start:
            below = ".".join(start.split(".")[-(found.domain.count(".") + 2) :])
            return below, f"{found.domain} is a public suffix (psd=y): one label below it"
    if with_record:
        shortest = with_record[-1].domain
        return shortest, f"{shortest} is the shortest name with a record"
    return start, "no record on the way: the name stands for itself"
