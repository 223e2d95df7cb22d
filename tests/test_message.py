"""Authentication-Results and Received: written so that nobody can slip something in, and read whatever comes."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import authres
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailkit.message import authentication_results as ar
from mailkit.message import received
from mailkit.message.encoded_words import decoded_words
from mailkit.message.lexical import TokenKind, tokens

HOST = "mx.kaisha.example"


def written(*results: ar.Result, host: str = HOST) -> str:
    return ar.AuthenticationResults(host, results).text


# Written


def test_an_ipv6_address_is_quoted() -> None:
    """A colon is no character of a token (RFC 8601 section 2.2, RFC 2045 section 5.1)."""
    found = ar.Result("iprev", "pass", properties=(("policy.iprev", "2001:db8::f25"),))
    assert found.text == 'iprev=pass policy.iprev="2001:db8::f25"'
    ipv4 = ar.Result("iprev", "pass", properties=(("policy.iprev", "192.0.2.1"),))
    assert ipv4.text == "iprev=pass policy.iprev=192.0.2.1"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("kaisha.example", "kaisha.example"),
        ("hanako@kaisha.example", "hanako@kaisha.example"),
        ("", '""'),
        ("a b", '"a b"'),
        ('a"; dkim=pass', r'"a\"; dkim=pass"'),
        ("back\\slash", r'"back\\slash"'),
        ("太郎@example.jp", '"太郎@example.jp"'),
        ("a@b@c", '"a@b@c"'),
        ("abc/d+=", '"abc/d+="'),
        ("x\r\nSubject: forged", r'"x\\r\\nSubject: forged"'),
        ("x\u202ey", r'"x\\u202ey"'),
        ("x\udcff", r'"x\\udcff"'),
        ("x\n", r'"x\\n"'),
    ],
)
def test_values(value: str, shown: str) -> None:
    assert ar.Result("spf", "pass", properties=(("smtp.mailfrom", value),)).text == f"spf=pass smtp.mailfrom={shown}"


def test_the_reasons_in_a_header_are_ascii() -> None:
    """A value may be an international address (RFC 6532); a sentence of our own need not be one."""
    address = ("smtp.mailfrom", "太郎@example.jp")
    found = ar.AuthenticationResults(HOST, (ar.Result("dkim", "fail", "“[List]” – 太 was added …", (address,)),))
    assert "'[List]' - " in found.header and 'u592a was added ..."' in found.header
    assert 'mailfrom="太郎@example.jp"' in found.header
    assert ar.AuthenticationResults(HOST, (ar.Result("dkim", "fail", "“x”"),)).header.isascii()


def test_a_field_is_folded_and_says_none_where_nothing_was_checked() -> None:
    assert written() == f"{HOST}; none"
    long = ar.Result("dkim", "fail", "the body hash does not verify", (("header.d", "k" * 40), ("header.s", "s" * 30)))
    lines = ar.AuthenticationResults(HOST, (long, ar.Result("spf", "none"))).header.split("\r\n")
    assert lines[0] == f"Authentication-Results: {HOST};"
    assert all(line[0] == "\t" and len(line) < 80 for line in lines[1:]) and len(lines) > 3
    assert "\r" not in "".join(lines) and "\n" not in "".join(lines)


@pytest.mark.parametrize("word", ["", "a b", "pass\r\n", "pass\n", "päss", "a;b", "-x", "x" * 65, "a=b"])
def test_what_is_no_keyword_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="are keywords such as 'spf'"):
        ar.Result(word, "pass")
    with pytest.raises(ValueError, match="are keywords such as 'spf'"):
        ar.Result("spf", word)
    with pytest.raises(ValueError, match="is called like"):
        ar.Result("spf", "pass", properties=((f"smtp.{word}", "x"),))


# Read

RFC_EXAMPLES = [  # RFC 8601 appendix B
    ("example.org 1; none", "example.org", []),
    ("example.com;\r\n    spf=pass smtp.mailfrom=example.net", "example.com", ["spf=pass smtp.mailfrom=example.net"]),
    (
        "example.com;\n auth=pass (cram-md5) smtp.auth=sender@example.net;\n spf=pass smtp.mailfrom=example.net",
        "example.com",
        ["auth=pass smtp.auth=sender@example.net", "spf=pass smtp.mailfrom=example.net"],
    ),
    (
        'example.com;\n dkim=pass reason="good signature"\n header.i=@mail-router.example.net;\n'
        ' dkim=fail reason="bad signature"\n header.i=@newyork.example.com',
        "example.com",
        [
            'dkim=pass reason="good signature" header.i="@mail-router.example.net"',
            'dkim=fail reason="bad signature" header.i="@newyork.example.com"',
        ],
    ),
    (
        "foo.example.net (foobar) 1 (baz);\n dkim (Because I like it) / 1 (One yay) = (wait for it) fail\n"
        " policy (A dot can go here) . (like that) expired\n (this surprised me) = (as I wasn't expecting it) 1362",
        "foo.example.net",
        [],  # blanks inside a name are read by nobody else either; the field is kept, the clause named as a problem
    ),
]


@pytest.mark.parametrize(("value", "who", "results"), RFC_EXAMPLES)
def test_the_examples_of_the_rfc(value: str, who: str, results: list[str]) -> None:
    found = ar.parse(value)
    assert found.authserv_id == who
    assert [result.text for result in found.results] == results
    assert bool(found.problems) == ("surprised" in value)


def test_what_others_write_is_read() -> None:
    gmail = ar.parse(
        "mx.google.example;\r\n       dkim=pass header.i=@sender.example header.s=s1 header.b=abc/d+=;\r\n"
        "       spf=pass (google.example: domain of a@b.example designates 192.0.2.1 as permitted sender)"
        ' smtp.mailfrom="a b"@b.example;\r\n       dmarc=pass (p=NONE sp=NONE dis=NONE) header.from=sender.example'
    )
    assert [(r.method, r.result) for r in gmail.results] == [("dkim", "pass"), ("spf", "pass"), ("dmarc", "pass")]
    assert gmail.results[0].value("header.b") == "abc/d+="
    assert gmail.results[1].value("smtp.mailfrom") == "a b@b.example"
    assert gmail.results[2].value("HEADER.FROM") == "sender.example" and not gmail.problems
    nameless = ar.parse("spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=x.example; action=none header.from=x.example")
    assert nameless.authserv_id == "" and [result.method for result in nameless.results] == ["spf", "action"]
    assert nameless.problems == ("the field does not say who answers for it",)


def test_another_version_has_no_results() -> None:
    assert ar.parse("example.com 2; spf=pass") == ar.AuthenticationResults("example.com")
    assert ar.parse("example.com 2; spf=pass").problems == ("it is of version 2, not 1",)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=80))
def test_what_was_written_is_read_again(who: str, value: str, reason: str) -> None:
    """No value, whatever is in it, becomes more than one value; and authres reads the same."""
    text = ar.AuthenticationResults(
        who or "x", (ar.Result("spf", "fail", reason, (("smtp.mailfrom", value),)), ar.Result("dkim", "pass"))
    ).text
    assert all(line.startswith("\t") for line in text.split("\r\n")[1:])
    assert not set("\r\n") & set(text.replace("\r\n\t", ""))
    found = ar.parse(text)
    assert found.problems == () and found.text == text
    assert [(r.method, r.result) for r in found.results] == [("spf", "fail"), ("dkim", "pass")]
    if text.isascii() and not text.startswith('"'):  # authres reads no quoted authserv-id and no UTF-8 in quotes
        theirs = authres.AuthenticationResultsHeader.parse_value(text)
        assert [(r.method, r.result) for r in theirs.results] == [("spf", "fail"), ("dkim", "pass")]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='ab=;/().1" \t\r\n\\@\x00é', max_size=200))
def test_nonsense_is_read_without_an_error(value: str) -> None:
    assert isinstance(ar.parse(value).text, str)
    assert isinstance(received.parse(value), received.Hop)


HUGE = {
    "open parentheses": "(" * 200_000,
    "nested comments": "(" * 30_000 + ")" * 30_000,
    "open quotes": '"' * 200_000,
    "backslashes": '"' + "\\" * 200_000,
    "results": "spf=pass; " * 20_000,
    "properties": "spf=pass " + "smtp.a=b " * 20_000,
    "equals": "spf" + "=" * 200_000,
    "semicolons": ";" * 200_000,
    "blanks": " " * 200_000 + "x",
    "words": "from " * 50_000,
    "brackets": "(" + "[" * 100_000 + ")",
}


@pytest.mark.parametrize("name", HUGE)
def test_a_hostile_field_costs_little(name: str) -> None:
    begun = time.process_time()
    found = ar.parse(f"{HOST}; {HUGE[name]}")
    assert len(found.results) <= 100 and all(len(result.properties) <= 50 for result in found.results)
    received.parse(f"from x by y {HUGE[name]}")
    received.chain(f"Received: from x {HUGE[name]}\r\n\r\n".encode())
    ar.without_claims(f"Authentication-Results: {HUGE[name]}\r\n\r\n".encode(), HOST)
    assert time.process_time() - begun < 5  # of processor time; it takes some hundredths


def test_reading_takes_linear_time() -> None:
    def seconds(size: int) -> float:
        begun = time.process_time()
        for _ in range(5):
            list(tokens('(\\"=;' * size))
            list(tokens('a"b\\c"=(d);' * size))
        return time.process_time() - begun

    seconds(1000)
    assert seconds(16_000) < 60 * max(seconds(1000), 0.001)  # a quadratic one would take 256 times as long


# Forged ones go

FORGED = [
    f"Authentication-Results: {HOST}; spf=pass",
    f"authentication-results:{HOST.upper()}; spf=pass",
    f"Authentication-Results : {HOST}; spf=pass",
    f"Authentication-Results:\r\n {HOST};\r\n spf=pass",
    f"Authentication-Results:\r\n\t\r\n\t{HOST}; spf=pass",
    f"Authentication-Results: (really) {HOST}; spf=pass",
    f"Authentication-Results: (a (nested) one; with semicolon) {HOST} (x) 1; spf=pass",
    f'Authentication-Results: "{HOST}"; spf=pass',
    'Authentication-Results: "mx\\.kaisha.example"; spf=pass',
    f"Authentication-Results: {HOST}.; spf=pass",
    f"Authentication-Results: {HOST}/1; spf=pass",
    f"Authentication-Results: {HOST} spf=pass",
    f"Authentication-Results: {HOST}",
]
OTHERS = [
    "Authentication-Results: mx.example.org; spf=pass",
    f"Authentication-Results: not{HOST}; spf=pass",
    f"Authentication-Results: mx.example.org; spf=pass smtp.helo={HOST}",
    f"Authentication-Results: (of {HOST}) mx.example.org; spf=pass",
    f"X-Authentication-Results: {HOST}; spf=pass",
    f"Subject: Authentication-Results: {HOST}",
]


@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("forged", FORGED)
def test_results_in_our_own_name_are_removed(forged: str, line_end: str) -> None:
    rest = ["From: a@b.example", "Subject: x", " y", "", f"Authentication-Results: {HOST}; in the body", "", "z", ""]
    for position in range(2):
        lines = [*rest[:position], *forged.split("\r\n"), *rest[position:]]
        message = line_end.join(lines).encode()
        assert ar.without_claims(message, HOST) == line_end.join(rest).encode()


@pytest.mark.parametrize("other", OTHERS)
def test_other_fields_stay(other: str) -> None:
    message = f"{other}\r\nSubject: x\r\n\r\nbody".encode()
    assert ar.without_claims(message, HOST) == message


def test_a_message_without_a_body_or_a_header() -> None:
    for message in (b"", b"\r\n", b"\r\n\r\nx", b"Subject: x", b"\xff\xfe", b" x\r\n\r\n"):
        assert ar.without_claims(message, HOST) == message
    assert ar.without_claims(f"{FORGED[0]}\r\n\r\n".encode(), HOST) == b"\r\n"


# The way it came

WAY = (
    b"Received: from smtp.kaisha.example (smtp.kaisha.example [192.0.2.58])\r\n"
    b"\tby mx1.bigmail.example with ESMTPS id Q00002 for <alice@bigmail.example>;\r\n"
    b"\tTue, 24 Nov 2026 00:00:09 +0000\r\n"
    b"Subject: x\r\n"
    b"RECEIVED : from office (unknown [IPv6:2001:db8::1]) (using TLSv1.3) by smtp.kaisha.example (Postfix)\n"
    b" with ESMTPSA id Q00001; Tue, 24 Nov 2026 09:00:00 +0900 (JST)\r\n"
    b"\r\nReceived: from the body\r\n"
)


def test_the_way_of_a_message() -> None:
    first, second = received.chain(WAY)
    assert (first.helo, first.client, first.by) == ("office", "2001:db8::1", "smtp.kaisha.example")
    assert (first.protocol, first.queue_id, first.recipient) == ("ESMTPSA", "Q00001", "")
    assert (first.time, first.delay) == (datetime(2026, 11, 24, tzinfo=UTC), 9.0)
    assert (second.number, second.helo, second.client) == (2, "smtp.kaisha.example", "192.0.2.58")
    assert (second.queue_id, second.recipient, second.delay) == ("Q00002", "alice@bigmail.example", None)
    assert received.count(WAY) == 2


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ("", "", "", None)),
        ("by 10.0.0.1 with SMTP id abc; Tue, 24 Nov 2026 00:00:00 -0000", ("", "10.0.0.1", "abc", 2026)),
        ("(qmail 123 invoked by uid 0); 24 Nov 2026 00:00:00 -0000", ("", "", "", 2026)),
        ("from x by y; no date at all", ("x", "y", "", None)),
        ("from x by y; Tue, 99 Nov 99999 00:00:00 +9999", ("x", "y", "", None)),
        ("from from by by id id; x", ("from", "by", "id", None)),
        ("from <script> by y\x1b[2J", ("<script>", "y\\x1b[2J", "", None)),
        ("from x ([999.0.2.1]) by y", ("x", "y", "", None)),
    ],
)
def test_received_fields_of_every_kind(value: str, expected: tuple[object, ...]) -> None:
    hop = received.parse(value)
    assert (hop.helo, hop.by, hop.queue_id, hop.time and hop.time.year) == expected


def test_a_chain_without_end_is_cut() -> None:
    message = b"Received: from x by y; Tue, 24 Nov 2026 00:00:00 +0000\r\n" * 5000 + b"\r\n"
    assert received.count(message) == 5000
    assert len(received.chain(message)) == 100


def test_comments_nest_and_quotes_end() -> None:
    found = list(tokens('a (b (c) \\) d) "e \\" f" g"h'))
    assert [(token.kind, token.text) for token in found] == [
        (TokenKind.WORD, "a"),
        (TokenKind.COMMENT, "b (c) ) d"),
        (TokenKind.QUOTED, 'e " f'),
        (TokenKind.WORD, "g"),
        (TokenKind.QUOTED, "h"),
    ]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Tea", "Tea"),
        ("=?utf-8?B?5pel5pys6Kqe?= at four", "日本語 at four"),
        ("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
        ("=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        ("=?nonsense?q?a?=", "=?nonsense?q?a?="),
        ("=?utf-8?q?=FF?=", "=?utf-8?q?=FF?="),
        ("=?zip?q?a?=", "=?zip?q?a?="),
        ("x" * 20_000, "x" * 10_000),
    ],
)
def test_encoded_words_are_read_as_far_as_they_can_be(text: str, read: str) -> None:
    assert decoded_words(text) == read


@given(st.text(st.sampled_from("=?utf-8qB_AZ \udcff日"), max_size=200))
@settings(deadline=None)
def test_any_encoded_word_is_a_text(text: str) -> None:
    assert isinstance(decoded_words(text), str)
