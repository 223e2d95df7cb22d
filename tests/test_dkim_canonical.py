"""The canonical forms against dkimpy's and against patterns that say what RFC 6376 section 3.4 says, and bounds."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest
from dkim.canonicalization import CanonicalizationPolicy
from dkim.util import DuplicateTag, InvalidTagSpec, parse_tag_value
from hypothesis import example, given, settings
from hypothesis import strategies as st

import mailkit.dkim
from mailkit.dkim.canonical import canonical_body, canonical_field
from mailkit.dkim.signature import SignatureProblem, parse_tags
from mailkit.message import fields as message_fields
from mailkit.message.fields import Field, parse

ALGORITHMS = ["relaxed", "simple"]
each_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)

# Everything that the canonical forms treat in a special way, alone and in runs.
pieces = st.sampled_from([b" ", b"\t", b"\r", b"\n", b"\r\n", b"a", b"\xe3\x81", b"\x0b", b"\x0c", b"\x00", b"."])
runs = st.builds(lambda piece, times: piece * times, pieces, st.integers(1, 6))
bodies = st.lists(runs, max_size=30).map(b"".join) | st.binary(max_size=200)

WORST = [
    b"",
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\r\r\n\r\n",
    b"\n\r\n\r\n",
    b"\r\n\r\r\n\r\n",
    b"a\n\r\n\r\n",
    b"a\r\r\n\r\n\r\n",
    b" ",
    b"\t\r\n \r\n\t \r\n",
    b"no line end",
    b"a  \t b \t\r\n\t\tc \r\n\r\n \r\n\r\n",
    b"a \r b \n c  \r\n",
    b" \r\n" * 50,
    b"\t" * 300 + b"\r\n" + b" \t" * 300,
]


def dkimpys_body(body: bytes, algorithm: str) -> bytes:
    """Return dkimpy's canonical form; a body without a last line end gets one first, as section 3.4.3 has it."""
    if body and not body.endswith(b"\r\n"):
        body += b"\r\n"
    return CanonicalizationPolicy.from_c_value(b"simple/" + algorithm.encode()).canonicalize_body(body)


def as_before(body: bytes, algorithm: str) -> bytes:
    """Return the form that this package made while it still handed every body to dkimpy."""
    return dkimpys_body(re.sub(rb"[ \t]{2,}", b" ", body) if algorithm == "relaxed" else body, algorithm)


def by_patterns(body: bytes, algorithm: str) -> bytes:
    """Return the canonical form as the words of sections 3.4.3 and 3.4.4 give it, rule by rule."""
    if body and not body.endswith(b"\r\n"):
        body += b"\r\n"
    if algorithm == "relaxed":
        body = re.sub(rb"[ \t]+(?=\r\n)", b"", body)
        body = re.sub(rb"[ \t]+", b" ", body)
    body = re.sub(rb"(?:\r\n)+\Z", b"", body)
    return body + b"\r\n" if body or algorithm == "simple" else b""


@each_algorithm
@pytest.mark.parametrize("body", WORST)
def test_the_worst_bodies_are_dkimpys(body, algorithm):
    assert canonical_body(body, algorithm) == dkimpys_body(body, algorithm) == by_patterns(body, algorithm)


@given(bodies)
@settings(max_examples=1500, deadline=None)
@each_algorithm
def test_any_body_is_dkimpys(algorithm, body):
    form = canonical_body(body, algorithm)
    assert form == dkimpys_body(body, algorithm) == as_before(body, algorithm) == by_patterns(body, algorithm)


@given(bodies)
@settings(max_examples=300, deadline=None)
@each_algorithm
def test_a_canonical_body_stays_as_it_is(algorithm, body):
    once = canonical_body(body, algorithm)
    assert canonical_body(once, algorithm) == once


@given(st.sampled_from([b"Subject", b"X ", b"x-\t", b"From"]), bodies)
@example(b"A", b"\r\r\n\n\r\n")
@example(b"A", b" \x0b\x0c a \t\r\n\t b\r\n")
@settings(max_examples=1500, deadline=None)
@each_algorithm
def test_any_field_is_dkimpys(algorithm, name, value):
    policy = CanonicalizationPolicy.from_c_value(algorithm.encode())
    [(its_name, its_value)] = policy.canonicalize_headers([(name, value)])
    assert canonical_field(Field(name, value), algorithm) == its_name + b":" + its_value


tag_lists = st.lists(
    st.sampled_from([b"a", b"b", b"=", b";", b" ", b"\t", b"\r\n", b"x1_", b"1", b"-", b"=x;", b"v=1;"])
    | st.text(max_size=3).map(str.encode),
    max_size=12,
).map(b"".join)


@given(tag_lists)
@settings(max_examples=1500, deadline=None)
def test_a_list_of_tags_is_read_as_dkimpy_reads_it(text):
    """But dkimpy lets anything follow the first letter of a tag's name; section 3.2 has letters, digits and _."""
    try:
        theirs = {name.decode(): value.decode() for name, value in parse_tag_value(text.replace(b"\r\n", b"")).items()}
    except (DuplicateTag, InvalidTagSpec, UnicodeDecodeError):
        theirs = None
    try:
        ours = parse_tags(text)
    except SignatureProblem:
        ours = None
    named_well = all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) for name in theirs or {})
    assert ours == (theirs if named_well else None)


# What grows with the square of its length would not be done with these in days.
MANY = 2_000_000


@each_algorithm
@pytest.mark.parametrize(
    "body",
    [
        b" " * MANY + b"x",
        b"\t" * MANY,
        b" \t" * MANY,
        b"\r\n" * MANY,
        b" \r\n" * MANY,
        b"\r" * MANY,
        b"\r\r\n" * MANY,
        b"a \r" * MANY,
        b"a  " * MANY,
    ],
    ids=["blanks", "tabs", "both", "blank lines", "lines of a blank", "CR", "CR CR LF", "blank CR", "pairs"],
)
def test_the_time_grows_with_the_length_alone(body, algorithm):
    form = canonical_body(body, algorithm)
    assert canonical_body(form, algorithm) == form
    canonical_field(Field(b"Subject", body), algorithm)


# --- patterns --------------------------------------------------------------------------------------------------

SEARCHED = {"_BLANKS", "_LINE_END", "_PIECES"}  # the others are held against a text from its beginning only

# Each pattern that reads what strangers wrote, with what keeps it busy longest.
WORST_OF = {
    ("mailkit.dkim.canonical", "_BLANKS"): [b" " * MANY, b" x" * MANY],
    ("mailkit.dkim.diagnosis", "_SUBJECT_TAG"): [
        b"*" * MANY,
        b" " * MANY,
        b"[" * MANY,
        b"*" + b"a" * MANY,
    ],
    ("mailkit.dkim.signature", "_TAG_NAME"): [b"a" * MANY, b"a" * MANY + b" "],
    ("mailkit.dkim.signature", "_HEADER_NAME"): ["a" * MANY + " "],
    ("mailkit.dkim.signature", "_LENGTH"): ["1" * MANY],
    ("mailkit.dkim.signature", "_NUMBER"): ["1" * MANY],
    ("mailkit.dkim.signer", "_PIECES"): ["a" * MANY, ":" * MANY, " " * MANY],
    ("mailkit.message.fields", "_LINE_END"): [b"\r" * MANY, b"\n" * MANY],
    ("mailkit.message.fields", "_FIELD"): [b"a" * MANY, b"a" + b" " * MANY, b"a " * MANY],
}


def patterns() -> set[tuple[str, str]]:
    modules = [importlib.import_module(m.name) for m in pkgutil.iter_modules(mailkit.dkim.__path__, "mailkit.dkim.")]
    return {
        (module.__name__, name)
        for module in [*modules, message_fields]
        for name, value in vars(module).items()
        if isinstance(value, re.Pattern)
    }


def test_each_pattern_has_its_worst_case_here():
    assert patterns() == WORST_OF.keys()


@pytest.mark.parametrize(("module", "name"), WORST_OF)
def test_each_pattern_withstands_its_worst_case(module, name):
    pattern = getattr(importlib.import_module(module), name)
    for text in WORST_OF[module, name]:
        for way in (pattern.match, pattern.fullmatch, pattern.search):
            if way != pattern.search or name in SEARCHED:
                way(text)


@given(bodies)
@settings(max_examples=1000, deadline=None)
def test_bare_line_feeds_are_found_and_replaced(text):
    assert message_fields._has_bare_line_feeds(text) is (text.count(b"\n") != text.count(b"\r\n"))
    assert parse(b"A: b\r\n\r\n" + text).body == re.sub(rb"(?<!\r)\n", b"\r\n", text)


def test_a_header_of_a_million_octets_is_parsed():
    assert parse(b"A:" + b"\r\n b" * 200_000 + b"\r\n\r\n").fields
