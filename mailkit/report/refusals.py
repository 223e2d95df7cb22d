"""``explain_refusal``: what a refusal means, by which clause, and what to run now.

``data/smtp_replies.csv`` holds the meanings, each with its source.  The RFCs register codes (RFC 3463, RFC 5248), and
large receivers give codes meanings of their own: where one pair of codes means several things, its words decide, and
who said it.  Of a code that nobody registered only the class is known; the rest is the receiver's own wording.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from mailkit import datasets
from mailkit.report.refused import MAX_CHARACTERS, Said, said
from mailkit.results import Record, Rows, hidden

__all__ = ["Refusal", "explain_refusal"]

# Who is meant by a word in the reply or by the name of the host that gave it.
_RECEIVERS = {
    "Gmail": (re.compile(r"\bgsmtp\b|support\.google\.com"), re.compile(r"(^|\.)(google|gmail|googlemail)\.com$")),
    "Microsoft": (
        re.compile(r"\.prod\.(protection\.)?outlook\.com|mail\.live\.com|postmaster\.live\.com"),
        re.compile(r"(^|\.)(outlook|hotmail|live|msn)\.com$"),
    ),
    "Yahoo": (
        re.compile(r"(senders|postmaster)\.yahooinc\.com|help\.yahoo\.com|\[TSS?\d\d\]"),
        re.compile(r"(^|\.)(yahoodns\.net|yahoo\.com|yahooinc\.com|aol\.com)$"),
    ),
    "iCloud": (
        re.compile(r"support\.apple\.com"),
        re.compile(r"(^|\.)(icloud|me|mac|apple)\.com$"),
    ),
    "docomo": (
        re.compile(r"(Unknown user|Too much mail data) [^\s<>@]{1,64}@docomo\.ne\.jp"),
        re.compile(r"(^|\.)docomo\.ne\.jp$"),
    ),
    "au": (
        re.compile(r"<[^\s<>@]{1,64}@(ezweb\.ne\.jp|au\.com)>: User unknown"),
        re.compile(r"(^|\.)(ezweb\.ne\.jp|au\.com)$"),
    ),
    "SoftBank": (
        re.compile(r"Invalid recipient: <[^\s<>@]{1,64}@(i\.softbank\.jp|softbank\.(ne\.)?jp)>"),
        re.compile(r"(^|\.)softbank\.(ne\.)?jp$"),
    ),
}
# RFC 3463 section 2 and RFC 5321 section 4.2.1.
_CLASSES = {"4": "temporary: the server may try again", "5": "permanent: sent again the same way it stays refused"}
_SUBJECTS = {
    "0": "something that is not named",
    "1": "an address",
    "2": "the mailbox",
    "3": "the receiving system",
    "4": "the network or the way there",
    "5": "the SMTP commands",
    "6": "the content or its form",
    "7": "security or policy",
}
_BY_THEMSELVES = ("RFC 3463", "RFC 5321; RFC 3463", "RFC 7372", "RFC 7505")  # what their rows are from
_ADDRESS = re.compile(r"\[((?:\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F]*:[0-9a-fA-F:.]+)\]")


@dataclass(frozen=True)
class Refusal(Record):
    """One refusal explained.

    ``said`` is what the receiver wrote, on one line.  ``lasting`` says whether trying again can help.  ``meaning`` is
    by the table, or by the class of the code where the table has none; ``clause`` is the section behind it, "" for a
    receiver's own rule.  ``check`` is what to run next, with capitals where you put your own values.  ``basis`` says
    how the meaning was found, ``source`` and ``as_of`` where it is from and how old that is.
    """

    code: str
    enhanced: str
    receiver: str
    recipient: str
    lasting: str
    meaning: str
    what_to_do: str
    clause: str
    check: str
    basis: str
    said: str
    source: str
    as_of: str = hidden()


def explain_refusal(text: str | bytes) -> Rows[Refusal]:
    """Return what the refusals in *text* mean: a pasted reply, a log line, or a whole bounce; one row each.

    The table shows what matters most; a single row shows all of it.  Of a text the first 200,000 characters are read,
    and 20 refusals.  Raises ValueError for a text without a refusal, TypeError for what is no text.
    """
    if isinstance(text, (bytes, bytearray)):
        text = bytes(text[: 4 * MAX_CHARACTERS]).decode("utf-8", "replace")
    if not isinstance(text, str):
        raise TypeError("the refusal is given as text: explain_refusal('550 5.7.26 …')")
    found = said(text)
    if not found:
        raise ValueError("there is no refusal in it: a reply begins with a code such as 550 or 421, or 5.7.26")
    caption = "what the refusals mean: data/smtp_replies.csv"
    if len(text) > MAX_CHARACTERS:
        caption += f"; only the first {MAX_CHARACTERS:,} characters were read"
    rows = Rows(Refusal, [_explained(one) for one in found], caption=caption)
    whom = ("recipient",) if any(row.recipient for row in rows) else ()
    return rows.show("code", "enhanced", "receiver", *whom, "meaning", "what_to_do", "clause", "check")


def _explained(one: Said) -> Refusal:
    receiver = _receiver(one)
    row, basis = _row(one, receiver)
    first = (one.status or one.code)[0]
    lasting = _CLASSES[first]
    if one.code and one.status and one.code[0] != one.status[0]:
        lasting = f"{_CLASSES[one.code[0]]} (by {one.code}; {one.status} says otherwise)"
    if row is None:
        meaning, todo, clause, basis, source, as_of = _by_class(one)
        return Refusal(
            one.code, one.status, receiver, one.recipient, lasting, meaning, todo, clause, "", basis, one.text, source,
            as_of,
        )  # fmt: skip
    address = _ADDRESS.search(one.text)
    check = row["check"].replace("ADDRESS", address[1]) if address else row["check"]
    return Refusal(
        code=one.code,
        enhanced=one.status,
        receiver=receiver or row["receiver"],
        recipient=one.recipient,
        lasting=lasting,
        meaning=row["meaning"],
        what_to_do=row["what_to_do"],
        clause=row["rfc"],
        check=check,
        basis=basis,
        said=one.text,
        source=row["source"],
        as_of=row["as_of"],
    )


def _receiver(one: Said) -> str:
    """Return which large receiver spoke, "" when it is another or not to be told."""
    for name, (words, hosts) in _RECEIVERS.items():
        if hosts.search(one.host) or words.search(one.text):
            return name
    return ""


@cache
def _table() -> tuple[dict[str, str], ...]:
    records = datasets.load("smtp_replies").to_dict("records")
    return tuple({str(name): str(value) for name, value in record.items()} for record in records)


def _row(one: Said, receiver: str) -> tuple[dict[str, str] | None, str]:
    """Return the row of the table that explains *one*, and how it was chosen."""
    alike = [row for row in _table() if row["enhanced"] == one.status and _says(one.text, row["words"])]
    own = [row for row in alike if row["receiver"] and one.code[:1] in ("", row["code"][0])]
    if not one.status:
        own = [row for row in own if row["code"] == one.code]
    if receiver or one.host:  # what Gmail means by a code is Gmail's: when somebody else says it, it counts for nothing
        own = [row for row in own if row["receiver"] == receiver]
    if own:
        best = max(own, key=lambda row: len(row["words"]))
        if receiver:
            return best, f"by the code and the words, as {receiver} uses them"
        if not best["words"]:
            return best, f"by the code, which {best['receiver']} alone uses"
        return best, f"by its words, which are {best['receiver']}'s; who said it does not stand there"
    registered = [row for row in _table() if not row["receiver"] and _says(one.text, row["words"]) and _fits(one, row)]
    registered = [row for row in registered if row["code"] == one.code] or registered
    if not registered:
        return None, ""
    best = max(registered, key=lambda row: (row["enhanced"] == one.status, len(row["words"])))
    if not one.status and not best["words"]:
        return best, "by the first code only: there is no second one"
    if best["words"]:
        return best, "by the code and its words"
    others = {row["receiver"] for row in _table() if row["enhanced"] == one.status} - {"", receiver}
    also = f"; at {', '.join(sorted(others))} it can mean something else" if others else ""
    return best, f"by the code as it is registered{also}"


def _fits(one: Said, row: dict[str, str]) -> bool:
    """Return whether *row*, of a registered code, is about *one*.

    Codes that stand for themselves are registered as X.7.25, for either class and any code in front (RFC 5248); others,
    such as 5.7.0, mean something only together with it.
    """
    if not one.status or not row["enhanced"]:
        return (row["code"], row["enhanced"]) == (one.code, one.status)
    by_itself = bool(row["words"]) or row["source"].startswith(_BY_THEMSELVES)
    if by_itself and row["enhanced"][1:] == one.status[1:]:
        return True
    return row["enhanced"] == one.status and (row["code"] == one.code or (not one.code and one.status[1:] != ".7.0"))


def _says(text: str, words: str) -> bool:
    return all(part.strip().lower() in text.lower() for part in words.split("&"))


def _by_class(one: Said) -> tuple[str, str, str, str, str, str]:
    """Return what is known of a code that the table does not have."""
    todo = "Read the receiver's own words, and look for their page on it."
    if not one.status:
        meaning = "a code that is not in the table: the first digit says whether it lasts, the words say why"
        return meaning, todo, "RFC 5321 section 4.2.1", "by the class of the code", "RFC 5321", "2026-11-27"
    subject = _SUBJECTS.get(one.status.split(".")[1], "something that RFC 3463 does not name")
    meaning = f"it is about {subject}; what exactly, only the receiver's own wording says"
    return meaning, todo, "RFC 3463 sections 2 and 3", "by the class of the code", "RFC 3463", "2026-11-27"
