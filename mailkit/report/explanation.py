"""A received message explained: the face of the modules that gather, compare and conclude."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mailkit.message.encoded_words import decoded_words
from mailkit.message.received import Hop
from mailkit.network import Network
from mailkit.report.causes import Cause
from mailkit.report.concluding import concluded
from mailkit.report.gathering import Facts, gathered
from mailkit.report.now_and_then import Compared, then_of
from mailkit.report.unsubscribe import Unsubscribe
from mailkit.report.written import Written
from mailkit.results import Finding, Record, Rows, hidden, visible
from mailkit.results.display import Word

__all__ = ["Explanation", "from_message"]


@dataclass(frozen=True)
class Explanation(Record):
    """A message explained.

    ``result`` is DMARC's now: pass, fail, none (no record), permerror (no author) or unknown; ``policy`` is what the
    author's domain asks for where it fails, "" where nothing is asked.  ``then`` is what the receiver wrote, "" where
    nothing of it can be believed.  ``address`` is the host that handed the message to the receiver, and ``found`` how
    that is known; ``return_path`` is "<>" for an empty one and "" for an unknown one.  ``selectors`` are those of its
    DKIM signatures.  ``causes`` are why it does not count, what weighs most first.

    ``findings`` say what to mend, ``identifiers`` hold now against then, ``hops`` is its way, ``written`` what
    receivers put into it and what of that can be believed, ``unsubscribe`` its one-click unsubscribe.
    """

    author: str
    subject: str
    result: str
    why: str
    policy: str
    then: str
    causes: tuple[Cause, ...]
    return_path: str
    address: str
    helo: str
    receiver: str
    found: str
    selectors: tuple[str, ...]
    arc: str
    notes: tuple[str, ...]
    findings: Rows[Finding] = hidden(None)
    identifiers: Rows[Compared] = hidden(None)
    hops: Rows[Hop] = hidden(None)
    written: Rows[Written] = hidden(None)
    unsubscribe: Unsubscribe = hidden(None)
    facts: Facts = hidden(None)

    def _repr_html_(self) -> str:
        tables = (self.findings, self.identifiers, self.written, self.hops)
        return super()._repr_html_() + "".join(rows._repr_html_() for rows in tables if len(rows))


def from_message(eml: bytes | str | Path, *, net: Network) -> Explanation:
    """Return the received message *eml* explained: its octets, the path of a file, or its source pasted as text.

    Keys and policies are looked up through *net*, in about a minute at most; what the DNS does not say is unknown.  A
    message of more than 32 MiB is read as far as its header.  Raises ValueError for what is no message or no file that
    can be read, TypeError for another type; whatever stands in a message is a result.
    """
    facts = gathered(eml, net=net)
    conclusion = concluded(facts)
    sender = facts.sender
    who = ", ".join(facts.author.addresses) or facts.author.note
    subject = next((field.value for field in facts.fields if field.key == b"subject"), b"")
    notes = [*facts.given.notes]
    if facts.given.copied:
        notes.append("pasted as text: a signature that does not fit may be the copy's fault")
    if facts.way.total > len(facts.way.hops):
        notes.append(f"of {facts.way.total:,} Received fields the topmost {len(facts.way.hops)} were read")
    return Explanation(
        author=visible(who, 400),
        subject=visible(decoded_words(subject[:2000].replace(b"\r\n", b"").decode("utf-8", "replace").strip()), 200),
        result=Word(conclusion.result),
        why=visible(conclusion.why, 600),
        policy=str(facts.judged.policy) if facts.judged is not None and facts.judged.policy is not None else "",
        then=Word(visible(then_of(facts.then, "dmarc"), 40)),
        causes=conclusion.causes,
        return_path="" if sender is None else sender or "<>",
        address=facts.way.address,
        helo=facts.way.helo,
        receiver=facts.way.receiver,
        found=visible(facts.way.found, 400),
        selectors=tuple(dict.fromkeys(row.selector for row in facts.signatures if row.selector)),
        arc=facts.chain.result,
        notes=tuple(notes),
        findings=Rows(Finding, conclusion.findings, caption=net.caption),
        identifiers=facts.identifiers,
        hops=facts.way.hops,
        written=facts.written,
        unsubscribe=facts.unsubscribe,
        facts=facts,
    )
