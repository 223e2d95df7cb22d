"""Statements and citations that were wrong once stand nowhere, in no lesson, module or table; the right ones do.

Each was read against the text that it cites.  A statement is looked for in the source of the lessons, in what they
printed, in the package, the tables and the README files.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LESSONS = {path.stem[:2]: path for path in (ROOT / "notebooks").glob("*.ipynb")}


def read(path: Path) -> str:
    """The text of *path*; of a lesson every cell and what it printed."""
    if path.suffix != ".ipynb":
        return path.read_text(encoding="utf-8")
    return "\n".join(lesson(path.stem[:2]))


@cache
def lesson(number: str) -> tuple[str, ...]:
    """The cells of a lesson, each with the text that it printed."""
    cells = json.loads(LESSONS[number].read_text(encoding="utf-8"))["cells"]
    found = []
    for cell in cells:
        printed = [
            "".join(output.get("text", "")) + "".join(output.get("data", {}).get("text/plain", ""))
            for output in cell.get("outputs", ())
        ]
        found.append("\n".join(["".join(cell["source"]), *printed]))
    return tuple(found)


@cache
def everything() -> dict[str, str]:
    """Every text of the workbook by the path of its file, runs of white space as one blank."""
    some = [
        (ROOT, "README*.md"),
        (ROOT / "mailkit", "**/*.py"),
        (ROOT / "data", "*.csv"),
        (ROOT / "notebooks", "*.ipynb"),
    ]
    paths = sorted(path for folder, pattern in some for path in folder.glob(pattern))
    return {str(path.relative_to(ROOT)): re.sub(r"\s+", " ", read(path)) for path in paths}


# What was said, as a pattern; in which files to look ("" is everywhere).
WRONG = [
    ("RFC 8314 registers 465 in its section 7.3", r"section 3\.3 registers", ""),
    ("RFC 8314 does not update RFC 3207", r"RFC 3207,[^,]*RFC 8314,25", "data/starttls_rfcs.csv"),
    ("zone transfers are RFC 1034 section 4.3.5, a TTL is not", r"1034 section 4\.3\.5", ""),
    ("A-labels in a signature are RFC 8616 section 5", r"8616 section 2\b", "mailkit/dkim"),
    ("cross-user forgery is no wide range", r"11\.4", "mailkit/spf"),
    ("RFC 7208 section 5.2 says nothing of loops", r"itself[^\n]{0,80}5\.2", "mailkit/spf"),
    ("EHLO came with RFC 1425", r"RFC 1869", ""),
    ("one CNAME is RFC 1034 section 3.6.2", r"record only \(RFC 1034 section 3\.6\)", "mailkit/lab"),
    ("what must stay open is RFC 5068 section 4.1", r"RFC 5068 section (?!4\.1\b)", ""),
    ("relay and submission are told apart in RFC 6409 sections 3.2 and 3.3", r"RFC 6409 section 1\b", ""),
    ("TLS 1.3 has forward secrecy in a full handshake only", r"TLS 1\.3 (it )?always", ""),
    ("RFC 9325 section 7.3 names no suites", r"9325 section 7\.3", ""),
    ("a weak RSA key is a permanent error", r"AuthResult\.POLICY[^\n]{0,60}RFC 8301", "mailkit/dkim"),
    ("RFC 6376 section 8.5 is not about a dangling alias", r"6376 section 8\.5", ""),
    ("450 octets are advice", r"at most 450|450 octets at most", ""),
    ("two prefix lengths are RFC 7208 sections 5.3 and 5.4", r"two prefix lengths \(RFC 7208 section 5\.6", ""),
    ("a user's client must verify: RFC 8314 section 5.3", r"must verify \(RFC 8314 section (?!5\.3)", ""),
    ("DMARC and an early SPF refusal are RFC 9989 section 7.1", r"9989 section 8\.1", ""),
    ("a connection is no open port", r"lets you connect is not blocked", ""),
    ("a silent greeting is not yet a slow server", r"not a blocked port, ?but|a slow server, not a blocked port", ""),
    ("a server that greets late may be a middlebox", r"greets late is not a blocked port", ""),
    ("silence may be a host that is switched off", r"silence means that something threw", ""),
    ("few mail programs read SRV records", r"so that mail clients find it", ""),
    ("the envelope is MAIL FROM and RCPT TO, not TLS", r"conversation into an envelope", ""),
    ("x= is no defence against replay", r"x=[^.]{0,60}(stops|prevents) replay", ""),
    ("the lab is not all of lesson 03", r"to the end of the annexes", ""),
    ("whose note it was is said", r"the note of 2020", ""),
    ("mail that was sent is called sent", r"✓ open[^\n]{0,20}sent", ""),
    ("the delivered mail of the lab has no Return-Path", r"(kept|keeps it) as Return-Path", ""),
]  # fmt: skip


@pytest.mark.parametrize(("why", "wrong", "where"), WRONG, ids=[why for why, _, _ in WRONG])
def test_what_was_wrong_is_said_nowhere(why: str, wrong: str, where: str) -> None:
    texts = {path: text for path, text in everything().items() if path.startswith(where)}
    assert texts, "a place that is not there cannot be looked through"
    assert [path for path, text in texts.items() if re.search(wrong, text)] == [], why


# What is said instead, in the words of RFC or vendor: (where, pattern).
RIGHT = [
    ("mailkit/exercises/tls.py", r"RFC 8314 section 7\.3 registers it"),
    ("mailkit/lab/dns/resolver.py", r"until the TTL has passed \(RFC 1034 section 3\.6\)"),
    ("mailkit/lab/dns/authority.py", r"RFC 1034 section 3\.6\.2; RFC 2181 section 10\.1"),
    ("mailkit/dkim/names.py", r"RFC 8616 section 5"),
    ("notebooks/00", r"RFC 1425 \(1993\)"),
    ("notebooks/00", r"4\.5\.4\.1 advises a pause of 30 minutes or more .* four to five days"),
    ("notebooks/00", r"Postfix begins with 5 minutes, Exim with 15; Exchange Online gives up after a day"),
    ("notebooks/01", r"MUST NOT block their users from submission on 587 \(section 4\.1\)"),
    ("notebooks/01", r"a proxy on the way may also finish the handshake itself and drop the rest"),
    ("notebooks/01", r"A dead server and a blocked port look the same"),
    ("notebooks/01", r"IP25B refuses the connection; this server heard you out and judged by the name"),
    ("notebooks/01", r"is `warn` about the place, but no more than `info` in a report about the domain"),
    ("notebooks/01", r"OP25B is \*outbound port 25 blocking\*"),
    ("notebooks/01", r"filter of home: the first fit decides"),
    ("notebooks/02", r"RFC 6409 sections 3\.2 and 3\.3"),
    ("notebooks/02", r"few mail programs read them: they ask autoconfig \(Mozilla\) or autodiscover"),
    ("notebooks/02", r"began on 14 March 2025 and was complete on 1 May"),
    ("notebooks/03", r"RFC 9325 section 4\.1 demands it\. A full handshake of TLS 1\.3 gives it; a session resumed"),
    ("notebooks/03", r"RFC 10015 \(July 2026\) adds: in TLS 1\.2, neither static RSA nor finite-field DHE"),
    ("notebooks/03", r"a sender that finds no version in common may deliver in the clear"),
    ("notebooks/03", r"2026-03-15 200 .*2027-03-15 100 .*2029-03-15 47 "),
    ("notebooks/04", r"RFC 9989 section 7\.1"),
    ("notebooks/04", r"`exists:` \| any, if the name has an A record"),
    ("notebooks/04", r"`redirect=` hands over to another record when nothing matched \(6\.1\): 1 lookup"),
    ("notebooks/04", r"`%\{i\}` becomes the client's address, `%\{h\}` its HELO name, `%\{s\}` the envelope sender"),
    ("notebooks/04", r"cross-user forgery \(RFC 7208 section 11\.4\)"),
    ("notebooks/05", r"\"not intended as an anti-replay defense\", and verifiers may ignore it \(section 3\.5\)"),
    ("notebooks/05", r"does not name the \*envelope\* recipient"),
    ("notebooks/05", r"From, To, Cc, Subject, Reply-To or Date"),
    ("notebooks/05", r"forgives white space, and no other change, however well meant"),
    ("notebooks/05", r"two Reply-To fields: malformed \(RFC 5322 section 3\.6 allows one\)"),
    ("notebooks/05", r"in June 2026 Gmail noted a failure for that signature"),
    ("notebooks/05", r"It guesses, and tries again"),
]  # fmt: skip


@pytest.mark.parametrize(("where", "right"), RIGHT, ids=[f"{where}: {right[:40]}" for where, right in RIGHT])
def test_what_is_right_is_said(where: str, right: str) -> None:
    texts = [text for path, text in everything().items() if path.startswith(where)]
    assert len(texts) == 1
    assert re.search(right, texts[0])


# Names of the practice internet: its domains, and the people in them.
PRACTICE = re.compile(r"[a-z0-9]\.example\b|(?<![.\w])example\.(com|net|org|jp)\b|\b(hanako|taro|jiro)\b")
ABOUT_ANY_DOMAIN = [
    path
    for path in sorted((ROOT / "mailkit").glob("**/*.py"))
    if path.parent.relative_to(ROOT / "mailkit").parts[:1] not in (("lab",), ("exercises",), ("figures",))
]


def said(tree: ast.Module) -> Iterator[str]:
    """The texts of a module that a finding may hold: no docstrings, no errors about a call, no help of a command."""
    silent = {id(node) for call in ast.walk(tree) if _explains_a_call(call) for node in ast.walk(call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
            yield node.value


def _explains_a_call(node: ast.AST) -> bool:
    docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return docstring or isinstance(node, ast.Raise) or (isinstance(node, ast.keyword) and node.arg == "help")


def test_what_is_said_of_any_domain_names_none_of_the_practice_internet() -> None:
    assert len(ABOUT_ANY_DOMAIN) > 200
    named = [
        f"{path.relative_to(ROOT)}: {text[:80]}"
        for path in ABOUT_ANY_DOMAIN
        for text in said(ast.parse(path.read_text(encoding="utf-8")))
        if PRACTICE.search(text)
    ]
    assert named == []
