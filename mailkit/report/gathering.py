"""What can be found out about a received message (RFC 9989, RFC 8601).

It says which way the message came, what SPF, DKIM, DMARC and ARC say *now*, what the receiver wrote *then*, and why the
two may differ.  A message comes from strangers: its size, its fields and its claims are bounded, and none is believed
without a reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mailkit import arc, dkim, dmarc, spf
from mailkit.dmarc.alignment import Aligned, judge
from mailkit.dmarc.from_line import Author, author
from mailkit.message.authentication_results import Result
from mailkit.message.fields import MAX_OCTETS, Field, MalformedMessage, Message, parse
from mailkit.network import Network
from mailkit.report.now_and_then import Compared, compared, then_of
from mailkit.report.pasting import Handed, handed
from mailkit.report.route import Route, route_of
from mailkit.report.unsubscribe import Unsubscribe, unsubscribe
from mailkit.report.written import Written, believed, written
from mailkit.results import Record, Rows, hidden, visible

__all__ = ["Facts", "gathered"]

_SECONDS = 60.0  # for all lookups about one message


@dataclass(frozen=True)
class Facts(Record):
    """All that could be found out about one message, before anything is concluded.

    ``sender`` is the return path, None when it is not known; ``path_found`` says where it stood.  ``judged`` is what
    DMARC makes of it now, None for a message without an author; ``checked`` is None where SPF could not be asked.
    """

    given: Handed
    fields: tuple[Field, ...]
    unreadable: str
    way: Route
    written: Rows[Written]
    then: list[Result]
    sender: str | None
    path_found: str
    author: Author
    judged: Aligned | None
    checked: spf.Check | None
    signatures: Rows[dkim.Verification]
    chain: arc.ChainVerification
    identifiers: Rows[Compared]
    unsubscribe: Unsubscribe
    net: Network = hidden(None)


def gathered(eml: bytes | str | Path, *, net: Network) -> Facts:
    """Return what can be found out about the message in *eml*; raises ValueError for what is no message."""
    given = handed(eml)
    net = net.remembering(_SECONDS)
    fields, unreadable = _fields(given.octets)
    whole = not unreadable
    path = route_of(fields, net)
    wrote = written(fields, path)
    then = believed(wrote)
    sender, path_found = _return_path(fields, path, then)
    signatures = dkim.verify(given.octets, net=net) if whole else Rows(dkim.Verification, [], caption=net.caption)
    checked = None
    if path.address and sender is not None:
        checked = spf.check(path.address, sender, path.helo, net=net)
    who = author(Message(fields, b"") if fields else None)
    judged = _judged(who, checked, signatures, net)
    alignment = judged.alignment if judged else ()
    rows = compared(checked, [row for row in signatures if row.domain], alignment, then)
    chain = arc.verify(given.octets, net=net) if whole else arc.ChainVerification("none", unreadable)
    rows += _as_a_whole(judged, chain, then)
    return Facts(
        given=given,
        fields=fields,
        unreadable=unreadable,
        way=path,
        written=wrote,
        then=then,
        sender=sender,
        path_found=path_found,
        author=who,
        judged=judged,
        checked=checked,
        signatures=signatures,
        chain=chain,
        identifiers=Rows(Compared, rows, caption=net.caption),
        unsubscribe=unsubscribe(fields, signatures),
        net=net,
    )


def _fields(octets: bytes) -> tuple[tuple[Field, ...], str]:
    """Return the header fields, as far as they can be read, and why the message cannot be verified, "" when it can."""
    if len(octets) > MAX_OCTETS:
        head = octets[: 1024 * 1024].replace(b"\r\n", b"\n").partition(b"\n\n")[0]
        try:
            fields = parse(head + b"\n\n").fields
        except MalformedMessage:
            fields = ()
        return fields, f"the message has more than {MAX_OCTETS >> 20} MiB: only its header was read"
    try:
        return parse(octets).fields, ""
    except MalformedMessage as problem:
        return (), f"this is no mail message as it stands: {problem}"


def _return_path(fields: Sequence[Field], path: Route, then: Sequence[Result]) -> tuple[str | None, str]:
    """Return the sender of the envelope as the receiver noted it, None when it did not, and where it stands."""
    places = [place for place, field in enumerate(fields) if field.key == b"return-path"]
    if places and path.border is not None and places[0] < path.border:
        text = fields[places[0]].value.decode("utf-8", "replace").strip()
        return visible(text.strip("<> "), 320), "Return-Path, written when it was delivered"
    of_spf = [result for result in then if result.method == "spf"]
    noted = [sender.strip("<>") for result in of_spf if (sender := result.value("smtp.mailfrom"))]
    if noted:  # some name the domain alone
        best = next((sender for sender in noted if "@" in sender), noted[0])
        return visible(best, 320), "the SPF result that the receiver wrote"
    if any(result.value("smtp.helo") for result in of_spf):
        return "", "the SPF result that the receiver wrote: an empty one, judged by the greeting"
    if places:
        return None, "there is a Return-Path, but where the sender could have written it"
    return None, "no field of the receiver's names it"


def _judged(
    who: Author, checked: spf.Check | None, signatures: Sequence[dkim.Verification], net: Network
) -> Aligned | None:
    """Return what DMARC makes of the results; of several authors the one that decides (RFC 9989 section 11.5)."""
    pairs = [("spf", str(checked.result), checked.domain)] if checked is not None else []
    pairs += [("dkim", str(row.result), row.domain) for row in signatures if row.domain]
    found = [judge(domain, pairs, net) for domain in who.domains]
    order = ["fail", "temperror", "none", "pass"]
    strictness = list(dmarc.Policy)
    return min(
        found,
        key=lambda each: (order.index(each.result), -strictness.index(each.policy) if each.policy else 1),
        default=None,
    )


def _as_a_whole(judged: Aligned | None, chain: arc.ChainVerification, then: Sequence[Result]) -> list[Compared]:
    rows = []
    before = then_of(then, "dmarc")
    if judged is not None:
        row = Compared("dmarc", judged.domain, "", judged.result, before, None, "", judged.reason)
        rows.append(replace(row, difference=_whole_difference(row)) if before and before != row.now else row)
    before = then_of(then, "arc")
    if chain.result != "none" or before:
        rows.append(Compared("arc", "", "", chain.result, before, None, "", chain.reason))
    return rows


def _whole_difference(row: Compared) -> str:
    if row.now == "temperror":
        return f"then {row.then}; now the DNS does not answer, so today's result says nothing"
    return f"then {row.then}, now {row.now}: see the rows above for what changed since, or the policy did"
