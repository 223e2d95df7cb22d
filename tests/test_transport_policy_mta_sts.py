"""MTA-STS: the record, the policy, and every way in which it cannot be fetched, over real HTTPS on loopback."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support_dns import dns_world, failing
from support_policy import HOST, POLICY, RECORDS, response, site, then_silence
from support_servers import patiently, wait_for_end
from support_tls import DAY, NOW, Authority

from mailkit.network import Network
from mailkit.transport_policy.mta_sts import MtaSts, mta_sts
from mailkit.transport_policy.mta_sts_policy import MOST_AGE, matches, parse, write
from mailkit.transport_policy.mta_sts_record import find_record

AUTHORITY = Authority()


def test_a_policy_is_found_and_read(tmp_path):
    with site(tmp_path) as (net, web):
        found = mta_sts("Kaisha.example", net=net)
    assert (found.valid, found.announced, found.mode, found.max_age, found.id) == (
        True,
        True,
        "enforce",
        604800,
        "20261124",
    )
    assert found.mx == ("mx.kaisha.example", "*.mail.example")
    assert found.reason == "mode enforce, to be kept for 604800 seconds"
    assert [found.matches(host) for host in ("MX.kaisha.example.", "a.mail.example", "a.b.mail.example")] == [
        True,
        True,
        False,
    ]
    assert web.asked[0].startswith(b"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.kaisha.example\r\n")


def test_without_a_record_nothing_is_fetched(tmp_path):
    records = {name: types for name, types in RECORDS.items() if not name.startswith("_mta-sts")}
    with site(tmp_path, records=records) as (net, web):
        found = mta_sts("kaisha.example", net=net)
    assert (found.valid, found.announced, found.reason) == (False, False, "no MTA-STS record")
    assert web.asked == []


def test_a_resolver_that_fails_leaves_it_unknown():
    with dns_world(RECORDS) as net:
        silent = Network("internet", "here", (("127.0.0.1", 9),), timeout=0.2)
        assert mta_sts("kaisha.example", net=silent).valid is None
        assert mta_sts("kaisha.example", net=silent).announced is None
        with pytest.raises(ValueError, match="e-mail address"):
            mta_sts("taro@kaisha.example", net=net)


# The record (section 3.1)


@pytest.mark.parametrize(
    ("texts", "identifier"),
    [
        (["v=STSv1; id=20261124;"], "20261124"),
        (["v=STSv1;id=a1"], "a1"),
        (["v=STSv1 \t; \tid=a1\t;\t"], "a1"),
        (["v=STSv1; ext=x; id=a1"], "a1"),
        (["v=STSv1; id=a1; id=b2"], "a1"),
        (["v=spf1 -all", "v=STSv1; id=a1"], "a1"),
        ([f"v=STSv1; id={'a' * 32}"], "a" * 32),
    ],
)
def test_records_that_senders_can_use(texts, identifier):
    assert find_record([text.encode() for text in texts]).id == identifier


@pytest.mark.parametrize(
    ("texts", "reason", "announced"),
    [
        ([], "no MTA-STS record", False),
        (["v=spf1 -all"], "no MTA-STS record", False),
        (["v=STSv1; id=a", "v=STSv1; id=a"], "2 records begin with v=STSv1", True),
        (["v=stsv1; id=a"], "does not begin with v=STSv1", True),
        (["V=STSv1; id=a"], "does not begin with v=STSv1", True),
        ([" v=STSv1; id=a"], "does not begin with v=STSv1", True),
        (["v = STSv1; id=a"], "does not begin with v=STSv1", True),
        (["id=a; v=STSv1"], "does not begin with v=STSv1", True),
        (["v=STSv10; id=a"], "does not begin with v=STSv1", True),
        (["v=STSv1"], "has no id=", True),
        (["v=STSv1;"], "has no id=", True),
        (["v=STSv1; ext=x"], "has no id=", True),
        (["v=STSv1; ID=a"], "has no id=", True),
        (["v=STSv1; id="], "id= is not 1 to 32 letters and digits", True),
        (["v=STSv1; id=2026-11-24"], "id=2026-11-24 is not 1 to 32 letters and digits", True),
        ([f"v=STSv1; id={'a' * 33}"], "is not 1 to 32 letters and digits", True),
        (["v=STSv1; id =a"], "'id =a' is not of the form name=value", True),
        (["v=STSv1; id= a"], "id= a is not 1 to 32", True),
        (["v=STSv1; id=a b"], "is not 1 to 32", True),
        (["v=STSv1;; id=a"], "'' is not of the form name=value", True),
        (["v=STSv1; id"], "'id' is not of the form name=value", True),
        (["v=STSv1; =a"], "'=a' is not of the form name=value", True),
        (["v=STSv1; id=a; ext"], "'ext' is not of the form name=value", True),
        (["v=STSv1; id=a; ext="], "the value of ext is empty", True),
        (["v=STSv1; id=a; e=a=b"], "characters that may not stand there", True),
        (["v=STSv1, id=a"], "does not begin with v=STSv1", True),
        (["v=STSv1; id=é"], "is not 1 to 32", True),
    ],
)
def test_records_that_senders_cannot_use(texts, reason, announced):
    found = find_record([text.encode() for text in texts])
    assert found.id == "" and reason in found.reason
    assert found.announced is announced


# The policy (section 3.2)


def changed(old: bytes, new: bytes) -> bytes:
    assert old in POLICY
    return POLICY.replace(old, new)


@pytest.mark.parametrize(
    "octets",
    [
        POLICY.replace(b"\r\n", b"\n"),
        POLICY.removesuffix(b"\r\n"),
        POLICY + b"\r\n",
        POLICY.replace(b": ", b":"),
        POLICY.replace(b"\r\n", b" \t\r\n"),
        POLICY + b"later: more: of it\r\nmode: none\r\nversion: STSv2\r\nmax_age: x\r\n",
        b"mode: enforce\nmx: *.mail.example\nmax_age: 604800\nmx: mx.kaisha.example\nversion: STSv1\n",
        changed(b"mx.kaisha.example", b"MX.Kaisha.example"),
    ],
)
def test_policies_that_senders_can_use(octets):
    found = parse(octets)
    assert found.problem == ""
    assert (found.mode, found.max_age) == ("enforce", 604800)
    assert set(found.mx) == {"mx.kaisha.example", "*.mail.example"}


@pytest.mark.parametrize(
    ("octets", "problem"),
    [
        (b"", "there is no line version:"),
        (changed(b"version: STSv1\r\n", b""), "there is no line version:"),
        (changed(b"mode: enforce\r\n", b""), "there is no line mode:"),
        (changed(b"max_age: 604800\r\n", b""), "there is no line max_age:"),
        (changed(b"STSv1", b"STSv2"), "version is 'STSv2'"),
        (changed(b"STSv1", b"stsv1"), "version is 'stsv1'"),
        (changed(b"version", b"Version"), "there is no line version: (Version: is another, since capitals count)"),
        (POLICY.replace(b"mx:", b"MX:"), "needs at least one line mx: (MX: is another, since capitals count)"),
        (changed(b"enforce", b"Enforce"), "mode is 'Enforce'"),
        (changed(b"enforce", b"report"), "mode is 'report', not enforce, testing or none"),
        (changed(b"604800", b"-1"), "max_age is '-1'"),
        (changed(b"604800", b"1 week"), "max_age is '1 week'"),
        (changed(b"604800", b"\xd9\xa1"), "max_age is"),
        (changed(b"604800", str(MOST_AGE + 1).encode()), f"max_age is '{MOST_AGE + 1}'"),
        (changed(b"mx: mx.kaisha.example\r\nmx: *.mail.example\r\n", b""), "needs at least one line mx:"),
        (changed(b"mx.kaisha.example", b"*"), "mx: '*' is neither"),
        (changed(b"mx.kaisha.example", b"mx.*.example"), "mx: 'mx.*.example' is neither"),
        (changed(b"mx.kaisha.example", b"*mx.example"), "mx: '*mx.example' is neither"),
        (changed(b"mx.kaisha.example", b"192.0.2.25"), "mx: '192.0.2.25' is neither"),
        (changed(b"mx.kaisha.example", b"mx.kaisha.example."), "is neither"),
        (changed(b"mx.kaisha.example", b".kaisha.example"), "is neither"),
        (changed(b"mx: mx.kaisha.example", b"mx:"), "line 3: mx has no value"),
        (changed(b"mode: enforce", b"mode enforce"), "line 2 is not of the form key: value"),
        (changed(b"mode: enforce", b"mode : enforce"), "line 2 is not of the form key: value"),
        (changed(b"mode: enforce", b" mode: enforce"), "line 2 is not of the form key: value"),
        (changed(b"mode: enforce", b"mode: enforce # now"), "mode is 'enforce # now'"),
        (POLICY.replace(b"\r\n", b"\r"), "a CR stands alone in it"),
        (POLICY.replace(b"\r\n", b"\r\r\n"), "a CR stands alone in it"),
        (changed(b"enforce", b"enforce\x1b[31m"), "line 2: mode has no value, or one that cannot be printed"),
        (b"\xef\xbb\xbf" + POLICY, "byte order mark"),
        (POLICY + b"x: \xff\r\n", "not UTF-8"),
        (POLICY + b"x: " + b"y" * 65536, "larger than 64 kB"),
        (POLICY + b"mx: a.example\r\n" * 99, "it has 101 lines mx:"),
        (b"<!doctype html><title>hello</title>", "line 1 is not of the form key: value"),
        (b'{"mode": "enforce"}', "line 1 is not of the form key: value"),
    ],
)
def test_policies_that_senders_cannot_use(octets, problem):
    assert problem in parse(octets).problem


def test_the_mode_none_needs_no_hosts():
    found = parse(b"version: STSv1\nmode: none\nmax_age: 86400\n")
    assert (found.problem, found.mode, found.mx) == ("", "none", ())


def test_what_is_written_can_be_read():
    text = write("testing", ("mx.kaisha.example", "*.mail.example"), 86400)
    assert text.count("\r\n") == text.count("\n") == 5
    found = parse(text.encode())
    assert (found.problem, found.mode, found.mx, found.max_age) == (
        "",
        "testing",
        ("mx.kaisha.example", "*.mail.example"),
        86400,
    )


@pytest.mark.parametrize(
    ("pattern", "host", "fits"),
    [
        ("mx.example.com", "mx.example.com", True),
        ("mx.example.com", "MX.EXAMPLE.COM.", True),
        ("mx.example.com", "a.mx.example.com", False),
        ("*.example.com", "mx.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "a.mx.example.com", False),
        ("*.example.com", "mxexample.com", False),
        ("*.example.com", "not a name", False),
    ],
)
def test_a_wildcard_stands_for_one_label(pattern, host, fits):
    assert matches(pattern, host) is fits


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_no_octets_raise(octets):
    parse(octets)
    find_record([octets, b"v=STSv1;" + octets])


# The fetch (section 3.3)


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        (response(status="301 Moved", more=b"Location: https://kaisha.example/\r\n"), "it redirects (301)"),
        (response(status="307 Elsewhere", more=b"Location: /x\r\n"), "it redirects (307)"),
        (response(status="404 Not Found"), "it answers 404, not 200"),
        (response(status="204 No Content"), "it answers 204, not 200"),
        (response(status="500 Broken"), "it answers 500, not 200"),
        (response(status="503 Later"), "it answers 503, which is a no for now only"),
        (response(status="429 Slowly"), "it answers 429, which is a no for now only"),
        (response(media_type="text/html"), "it serves text/html, not text/plain"),
        (response(media_type="application/octet-stream"), "not text/plain"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + POLICY, "it serves no media type, not text/plain"),
        (response(POLICY + b"x: " + b"y" * 70_000), "the file is larger than 64 kB"),
        (response(b"mode: enforce\r\n"), "the policy is not valid: there is no line version:"),
        (b"220 mx.kaisha.example ESMTP\r\n", "the reply is not HTTP"),
        (response()[:-20], "the connection was cut off"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "the reply is not HTTP"),
    ],
)
def test_what_the_web_server_says_has_its_own_reason(tmp_path, says, reason):
    with site(tmp_path, says) as (net, web):
        found = mta_sts("kaisha.example", net=net)
    assert reason in found.reason
    assert found.valid is (None if "cut off" in reason or "for now only" in reason else False)
    assert found.announced is True and found.failure.startswith("sts-policy-")
    assert len(web.asked) == 1  # a redirect leads nowhere
    assert b"\r\nUser-Agent: mailkit\r\n" in web.asked[0]


def test_chunked_files_are_read(tmp_path):
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(POLICY), POLICY)
    says = b"HTTP/1.1 200 OK\r\nContent-Type: Text/Plain\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    with site(tmp_path, says) as (net, _):
        assert mta_sts("kaisha.example", net=net).valid is True


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("wrong name", "does not bear this name"),
        ("expired", "has expired"),
        ("self-signed", "self-signed"),
        ("unknown authority", "authority"),
        ("common name only", "name"),
    ],
)
def test_a_certificate_that_does_not_convince(tmp_path, kind, reason):
    pair = {
        "wrong name": lambda: AUTHORITY.issue("kaisha.example"),
        "expired": lambda: AUTHORITY.issue(HOST, start=NOW - 9 * DAY, end=NOW - DAY),
        "self-signed": lambda: AUTHORITY.issue(HOST, self_signed=True),
        "unknown authority": lambda: Authority("Nobody").issue(HOST),
        "common name only": lambda: AUTHORITY.issue(common_name=HOST),
    }[kind]()
    with site(tmp_path, pair=pair, authority=AUTHORITY) as (net, web):
        found = mta_sts("kaisha.example", net=net)
    assert found.valid is False
    assert found.reason.startswith("mta-sts.kaisha.example: the certificate ") and reason in found.reason
    assert web.asked == []


def test_no_certificate_at_all(tmp_path):
    def plain(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        wait_for_end(connection)

    with site(tmp_path, plain=plain) as (net, _):
        found = mta_sts("kaisha.example", net=net)
    assert found.valid is False and "does not speak TLS here" in found.reason


def test_a_slow_server_costs_a_bounded_time_and_leaves_it_unknown(tmp_path):
    def asked(seconds: float) -> MtaSts:
        with site(tmp_path, then_silence(response()[:-20]), timeout=seconds) as (net, _):
            return mta_sts("kaisha.example", net=net)

    found = patiently(asked, early=lambda found: "the server stopped answering" not in found.reason)
    assert found.valid is None and "the server stopped answering" in found.reason


def test_a_flood_is_cut(tmp_path):
    def flood(secure: socket.socket) -> None:
        secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        while True:
            secure.sendall(b"x: y\r\n" * 1000)

    with site(tmp_path, flood) as (net, _):
        found = mta_sts("kaisha.example", net=net)
    assert found.valid is False and "larger than 64 kB" in found.reason


def test_a_policy_host_without_an_address(tmp_path):
    records = {name: types for name, types in RECORDS.items() if name != HOST}
    with site(tmp_path, records=records) as (net, _):
        found = mta_sts("kaisha.example", net=net)
    assert found.valid is False and "has no address, so nobody can fetch the policy" in found.reason
    for rdtype in ("A", "AAAA"):
        with site(tmp_path, records=records) as (net, _):
            found = mta_sts("kaisha.example", net=failing(net, rdtype))
        assert found.valid is None and "the address cannot be asked for" in found.reason
