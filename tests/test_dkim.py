"""The DKIM lesson's module: keys, signing, verifying, and everything that goes wrong with them."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from dns.zone import from_text as zone_from_text
from hypothesis import given, settings
from hypothesis import strategies as st
from support_dkim_dns import NOW, SERVFAIL, SILENCE, serving
from support_servers import closed_port

from mailkit import datasets, dkim
from mailkit.dkim.canonical import canonical_body, canonical_field
from mailkit.dkim.records import KeyRecordProblem, parse_record
from mailkit.dkim.signature import Field, signed_data, without_b
from mailkit.figures import dkim as figures
from mailkit.message.fields import MalformedMessage, parse, select
from mailkit.network import Network
from mailkit.results import Verdict

DOMAIN = "kaisha.example"
RSA = dkim.generate()
OTHER = dkim.generate()
ED = dkim.generate("ed25519-sha256")

# A practice key of 512 bits, which no library makes any more.
WEAK = """-----BEGIN PRIVATE KEY-----
MIIBVAIBADANBgkqhkiG9w0BAQEFAASCAT4wggE6AgEAAkEAszaFmzGFGL1WR2fC
/NjkUw9zWa2/vui2mLsoVPR1QguesnmE4ME70cOySNnW5RHHILFb5KNX/d6ocr2Y
jep0iwIDAQABAkEAgBaS7bY6E9GXrheKdN+saXVck5csug1oHMd/7yB+AoJLVQfw
kw07LZKdhLMMFiCoA8XaOmPy5txgeu/ZsPQVAQIhANvKmiR5Ts3IP5nyPUevh5GZ
EuX2FVhvqi1k9boZOAyBAiEA0LyUmNmH2kBKU42YRpoJhFesM079J8UrAIJb9AdI
awsCIH1qOlKdtc3OehxKEZWaH22BPzthFAUGksCcX2r1gPoBAiBBgm3AasTQIk0x
W8bmoYFLH5jToX6h9KdCSadCNubrcQIgCVy6sf3Xg8KWlVx0df9AmpPJ/6+ISLht
C2yzOIPBR3Q=
-----END PRIVATE KEY-----
"""

MESSAGE = (
    b"From: Hanako <hanako@kaisha.example>\r\n"
    b"To: taro@example.net\r\n"
    b"Subject: Minutes of the  meeting\r\n"
    b"Date: Tue, 24 Nov 2026 12:00:00 +0000\r\n"
    b"Message-ID: <1@kaisha.example>\r\n"
    b"\r\n"
    b"Good morning.\r\n"
    b"\r\n"
    b"All agreed.  \r\n"
)


def public_text(private_pem: str) -> str:
    private = load_pem_private_key(private_pem.encode(), None)
    return base64.b64encode(private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


RSA_P = RSA.record.partition("p=")[2]
ED_P = ED.record.partition("p=")[2]


def zone(**records) -> dict:
    """Return {selector: key record} as a zone of the domain; underscores stand for dots."""
    return {f"{selector.replace('_', '.')}._domainkey.{DOMAIN}": value for selector, value in records.items()}


def signed(message: bytes = MESSAGE, **options) -> bytes:
    return dkim.sign(message, **{"domain": DOMAIN, "selector": "sel", "key": RSA, "now": NOW, **options})


def craft(message: bytes = MESSAGE, key: str = RSA.private_key, without: str = "", **tags: str) -> bytes:
    """Return *message* signed with just these tags, right or wrong: for what ``sign`` refuses to make."""
    header, _, body = tags.get("c", "relaxed/relaxed").partition("/")
    parsed = parse(message)
    hashed = canonical_body(parsed.body, "relaxed" if body == "relaxed" else "simple")
    length = tags.get("l", "")
    hashed = hashed[: int(length)] if length.isdigit() else hashed
    all_tags = {
        "v": "1",
        "a": "rsa-sha256",
        "c": "relaxed/relaxed",
        "d": DOMAIN,
        "s": "sel",
        "h": "from:to:subject",
        "bh": base64.b64encode(hashlib.sha256(hashed).digest()).decode(),
        **tags,
    }
    all_tags.pop(without, None)
    names = [name.strip().lower().encode() for name in all_tags.get("h", "").split(":")]
    field = Field(b"DKIM-Signature", (" " + "; ".join(f"{k}={v}" for k, v in all_tags.items()) + "; b=").encode())
    chosen = [parsed.fields[position] for position in select(parsed.fields, names)]
    data = signed_data(chosen, field, "relaxed" if header == "relaxed" else "simple")
    private = load_pem_private_key(key.encode(), None)
    if isinstance(private, Ed25519PrivateKey):
        value = private.sign(hashlib.sha256(data).digest())
    else:
        value = private.sign(data, PKCS1v15(), SHA256())
    return field.name + b":" + field.value + base64.b64encode(value) + b"\r\n" + message


@pytest.fixture(scope="module")
def net():
    """A network where the domain's keys are published, right and wrong ones."""
    records = zone(
        sel=[RSA.record],
        ed=[ED.record],
        other=[OTHER.record],
        testing=[f"v=DKIM1; k=rsa; t=y; p={RSA_P}"],
        strict=[f"v=DKIM1; t=s; p={RSA_P}"],
        bare=[f"p={RSA_P}"],
        revoked=["v=DKIM1; k=rsa; p="],
        sha1only=[f"v=DKIM1; h=sha1; p={RSA_P}"],
        both_hashes=[f"v=DKIM1; h=sha1:sha256; p={RSA_P}"],
        tlsrpt=[f"v=DKIM1; s=tlsrpt; p={RSA_P}"],
        weak=[f"v=DKIM1; p={public_text(WEAK)}"],
        several=[f"v=DKIM1; k=ed25519; p={ED_P}", RSA.record],
        private=[RSA.private_key.replace("\n", "")],
        private_p=["v=DKIM1; p=" + "".join(RSA.private_key.split("\n")[1:-2])],
        broken=["v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQ"],
        curly=[f"v=DKIM1; k=rsa; p=“{RSA_P}”"],
        escaped=[f"v=DKIM1\\; k=rsa\\; p={RSA_P}"],
        pem=["-----BEGIN PUBLIC KEY-----" + RSA_P + "-----END PUBLIC KEY-----"],
        spf=["v=spf1 -all"],
        dsa=[f"v=DKIM1; k=dsa; p={RSA_P}"],
        late=[f"k=rsa; v=DKIM1; p={RSA_P}"],
        alias={"CNAME": "key.provider.example"},
        dangling={"CNAME": "gone.provider.example"},
        huge=[b"v=DKIM1; p=" + b"A" * 60_000],
        failing=SERVFAIL,
        silent=SILENCE,
        sls_dkim=[f"v=DKIM1; k=rsa; t=y; p={RSA_P}"],
    )
    records["key.provider.example"] = [RSA.record]
    records["loop.example"] = {"CNAME": "loop.example"}
    records[f"loop._domainkey.{DOMAIN}"] = {"CNAME": "loop.example"}
    with serving(records) as network:
        yield network


def waiting(net, selector):
    """Return *net* with no more patience than it takes where nobody will answer."""
    return replace(net, timeout=0.5) if selector == "silent" else net


def only(rows):
    assert len(rows) == 1
    return rows[0]


# --- keys made -------------------------------------------------------------------------------------------------


def test_a_new_rsa_key_is_ready_to_publish():
    pair = dkim.generate()
    assert (pair.algorithm, pair.bits) == ("rsa-sha256", 2048)
    assert pair.record.startswith("v=DKIM1; k=rsa; p=MII")
    assert parse_record(pair.record.encode()).bits == 2048
    assert [len(piece) for piece in pair.strings] == [255, len(pair.record) - 255]
    assert "".join(pair.strings) == pair.record
    form = pair.web_form("sls.dkim", "Example.JP")
    assert (form.type, form.host, form.full_name, form.value) == (
        "TXT",
        "sls.dkim._domainkey",
        "sls.dkim._domainkey.example.jp",
        pair.record,
    )


def test_the_zone_line_is_read_back_by_a_dns_library():
    line = RSA.zone_line("s1", "example.jp")
    read = zone_from_text(
        f"$ORIGIN .\n. 1 IN SOA a. b. 1 1 1 1 1\n. 1 IN NS a.\n{line}\n", origin=".", relativize=False
    )
    [record] = read.find_rdataset("s1._domainkey.example.jp.", "TXT")
    assert b"".join(record.strings).decode() == RSA.record


def test_an_ed25519_record_holds_the_bare_key():
    assert (ED.bits, len(base64.b64decode(ED_P)), len(ED.strings)) == (256, 32, 1)
    assert ED.record.startswith("v=DKIM1; k=ed25519; p=")


def test_the_private_key_is_never_displayed():
    shown = repr(RSA) + RSA._repr_html_()
    assert "PRIVATE" not in shown and RSA.private_key.split("\n")[1] not in shown
    assert RSA.private_key.startswith("-----BEGIN PRIVATE KEY-----")


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"algorithm": "rsa-sha1"}, ValueError, "rsa-sha256"),
        ({"algorithm": "dsa"}, ValueError, "ed25519-sha256"),
        ({"bits": 1023}, ValueError, "never accepted"),
        ({"bits": 512}, ValueError, "2048"),
        ({"bits": 8192}, ValueError, "4096"),
        ({"bits": "2048"}, TypeError, "number"),
        ({"bits": True}, TypeError, "number"),
    ],
)
def test_generate_refuses_with_a_sentence(arguments, error, says):
    with pytest.raises(error, match=says):
        dkim.generate(**arguments)


# --- signing ---------------------------------------------------------------------------------------------------


def test_signing_puts_one_field_on_top_and_changes_nothing_else():
    result = signed()
    assert result.startswith(b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=kaisha.example; s=sel;")
    assert result.endswith(MESSAGE)
    head = result[: -len(MESSAGE)]
    assert all(len(line) <= 78 for line in head.split(b"\r\n"))
    assert head.count(b"\n") == head.count(b"\r\n")


def test_what_a_reader_is_shown_is_oversigned_by_default(net):
    names = b"h=From:To:Subject:Date:Message-ID:From:To:Cc:Subject:Reply-To:Date;"
    assert names in signed().replace(b"\r\n ", b"")
    for name in dkim.OVERSIGNED_HEADERS:  # there or not, none of them can be added, on top or at the bottom
        line = f"{name}: somebody@else.example\r\n".encode()
        for forged in (line + signed(), signed().replace(b"\r\n\r\n", b"\r\n" + line + b"\r\n", 1)):
            assert only(dkim.verify(forged, net=net)).result == "fail"


def test_the_headers_asked_for_are_signed_and_no_others():
    assert b"h=From:To;" in signed(headers=["From", "To"]).replace(b"\r\n ", b"")


def test_every_pair_of_canonicalizations_and_both_algorithms_verify(net):
    for selector, key in (("sel", RSA), ("ed", ED)):
        for canonicalization in ("relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple"):
            row = only(dkim.verify(signed(selector=selector, key=key, canonicalization=canonicalization), net=net))
            assert (row.result, row.canonicalization, row.verdict) == ("pass", canonicalization, Verdict.PASS)
            assert row.algorithm == key.algorithm


@pytest.mark.parametrize(
    "body", [b"", b"\r\n", b"\r\n\r\n\r\n", b"no line end", b"trailing  \t", b" \t\r\n\r\n", b"\r"]
)
@pytest.mark.parametrize("canonicalization", ["relaxed/relaxed", "simple/simple"])
def test_odd_bodies_verify(net, body, canonicalization):
    message = MESSAGE.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body
    assert only(dkim.verify(signed(message, canonicalization=canonicalization), net=net)).result == "pass"


def test_a_message_without_a_body_verifies(net):
    head = MESSAGE.partition(b"\r\n\r\n")[0]
    for message in (head + b"\r\n", head + b"\r\n\r\n"):
        assert only(dkim.verify(signed(message), net=net)).result == "pass"


def test_a_message_from_a_file_with_bare_line_feeds_keeps_them(net):
    result = signed(MESSAGE.replace(b"\r\n", b"\n"))
    assert b"\r" not in result
    assert only(dkim.verify(result, net=net)).result == "pass"
    assert only(dkim.verify(result.replace(b"\n", b"\r\n"), net=net)).result == "pass"


def test_times_are_written_only_as_asked():
    result = signed(expires_after=timedelta(days=7)).replace(b"\r\n ", b" ")
    made = int(NOW.timestamp())
    assert f"t={made}; x={made + 7 * 86400};".encode() in result
    assert b" x=" not in signed()


def test_the_key_may_be_pem_text_or_octets():
    assert signed(key=RSA.private_key) == signed(key=RSA.private_key.encode()) == signed()


def test_a_non_ascii_domain_is_signed_in_its_a_label_form():
    assert b"d=" + "電話.example".encode("idna") + b";" in signed(domain="電話.example")


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"headers": ["To"]}, ValueError, "From"),
        ({"headers": "From"}, TypeError, "list"),
        ({"headers": ["From", "Sub ject"]}, ValueError, "not the name"),
        ({"headers": ["From", "To:"]}, ValueError, "not the name"),
        ({"headers": ["From", "X\r\nBcc"]}, ValueError, "not the name"),
        ({"domain": "exa mple"}, ValueError, "domain"),
        ({"domain": ""}, ValueError, "domain"),
        ({"domain": "a.example; x=1"}, ValueError, "domain"),
        ({"domain": b"a.example"}, TypeError, "text"),
        ({"selector": "a..b"}, ValueError, "selector"),
        ({"selector": "a" * 60 + "." + "b" * 60, "domain": ".".join(["c" * 60] * 3)}, ValueError, "253"),
        ({"key": "nonsense"}, ValueError, "PEM"),
        ({"key": 5}, TypeError, "PEM"),
        ({"key": WEAK}, ValueError, "512 bits"),
        ({"canonicalization": "nowsp"}, ValueError, "relaxed/simple"),
        ({"body_length": -1}, ValueError, "octets"),
        ({"body_length": 10_000}, ValueError, "octets"),
        ({"now": NOW.replace(tzinfo=None)}, ValueError, "time zone"),
        ({"expires_after": timedelta(0)}, ValueError, "second"),
        ({"message": b"To: a@b\r\n\r\n"}, ValueError, "no From"),
        ({"message": b"no message"}, ValueError, "line 1"),
        ({"message": b"From me\r\n" + MESSAGE}, ValueError, "mbox"),
        ({"message": MESSAGE.decode()}, TypeError, "bytes"),
    ],
)
def test_sign_refuses_with_a_sentence(options, error, says):
    with pytest.raises(error, match=says):
        signed(**options)


# --- verifying -------------------------------------------------------------------------------------------------


def test_a_row_says_what_was_signed(net):
    row = only(dkim.verify(signed(expires_after=timedelta(days=7)), net=net))
    assert (row.domain, row.selector, row.algorithm, row.result) == (DOMAIN, "sel", "rsa-sha256", "pass")
    assert (row.identity, row.key_bits, row.testing, row.body_length) == (f"@{DOMAIN}", 2048, False, None)
    assert row.signed_headers[:5] == ("from", "to", "subject", "date", "message-id")
    assert row.signed_headers[5:] == ("from", "to", "cc", "subject", "reply-to", "date")
    assert (row.signed_at, row.expires_at) == (NOW, NOW + timedelta(days=7))


def test_without_a_signature_there_is_one_row_that_says_none(net):
    for message in (MESSAGE, b"", b"\r\n", b"\r\nDKIM-Signature: v=1\r\n", b"From a@b\r\n" + MESSAGE):
        row = only(dkim.verify(message, net=net))
        assert (row.result, row.verdict, row.domain) == ("none", Verdict.INFO, "")


def test_a_second_signature_counts_even_when_the_first_fails(net):
    both = craft(signed(), d="unknown.example")
    assert [row.result for row in dkim.verify(both, net=net)] == ["permerror", "pass"]


def test_dual_signing(net):
    rows = dkim.verify(signed(signed(), selector="ed", key=ED), net=net)
    assert [(row.algorithm, row.result) for row in rows] == [("ed25519-sha256", "pass"), ("rsa-sha256", "pass")]


EDITS = [
    (lambda m: m.replace(b"Subject: Minutes", b"Subject:  \t Minutes"), "pass", "fail"),
    (lambda m: m.replace(b"\nSubject:", b"\nSUBJECT:"), "pass", "fail"),
    (lambda m: m.replace(b"All agreed.  \r\n", b"All agreed.\r\n"), "pass", "fail"),
    (lambda m: m + b"\r\n\r\n", "pass", "pass"),
    (lambda m: m.replace(b"Good morning", b"Good evening"), "fail", "fail"),
    (lambda m: m.replace(b"taro@", b"jiro@"), "fail", "fail"),
    (lambda m: b"Received: by mx.example.net\r\n" + m, "pass", "pass"),
]


@pytest.mark.parametrize("number", range(len(EDITS)))
def test_edits_under_both_canonicalizations(net, number):
    edit, relaxed, simple = EDITS[number]
    assert only(dkim.verify(edit(signed()), net=net)).result == relaxed
    assert only(dkim.verify(edit(signed(canonicalization="simple/simple")), net=net)).result == simple


@pytest.mark.parametrize("algorithm", ["sel", "ed"])
@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda m: m.replace(b"Good", b"Bad"), "the body differs from the one that was signed"),
        (lambda m: m + b"-- \r\nlist footer\r\n", "lines 1 to 3 are as signed, 2 more were added at the end"),
        (lambda m: m.replace(b"Subject: ", b"Subject: [staff] "), "“[staff]” was put before the Subject"),
        (lambda m: b"From: evil@example.org\r\n" + m, "one more From was added"),
        (lambda m: m.replace(b"taro@", b"jiro@"), "cannot tell which of from, to, subject, date, message-id"),
        (lambda m: m.replace(b"taro@", b"jiro@") + b"x", "were added at the end; also a signed header field"),
        (lambda m: m.replace(b"s=ed;", b"s=ed; n=1;").replace(b"s=sel;", b"s=sel; n=1;"), "header field"),
    ],
)
def test_a_failure_says_what_can_be_known(net, algorithm, edit, says):
    row = only(dkim.verify(edit(signed(selector=algorithm, key=ED if algorithm == "ed" else RSA)), net=net))
    assert row.result == "fail" and row.verdict is Verdict.FAIL
    assert says in row.reason


def test_the_wrong_key_is_told_from_a_changed_header(net):
    row = only(dkim.verify(signed(selector="other"), net=net))
    assert row.result == "fail"
    assert "not made with the published key" in row.reason


def test_copies_in_z_name_the_changed_header(net):
    message = craft(z="From:Hanako=20<hanako@kaisha.example>|Subject:Minutes=20of=20the=20meeting")
    assert only(dkim.verify(message, net=net)).result == "pass"
    row = only(dkim.verify(message.replace(b"Minutes of", b"Secrets of"), net=net))
    assert row.result == "fail"
    assert "Subject was “Minutes of the meeting” and is “Secrets of the meeting”" in row.reason


@pytest.mark.parametrize(
    ("selector", "result", "says"),
    [
        ("bare", "pass", "as they were signed"),
        ("both_hashes", "pass", "as they were signed"),
        ("alias", "pass", "as they were signed"),
        ("absent", "permerror", "there is no key at absent._domainkey.kaisha.example (NXDOMAIN)"),
        ("dangling", "permerror", "there is no key"),
        ("revoked", "permerror", "revoked"),
        ("sha1only", "permerror", "allows only the hash sha1"),
        ("tlsrpt", "permerror", "not for mail"),
        ("ed", "permerror", "type ed25519, but the signature says rsa-sha256"),
        ("broken", "permerror", "p="),
        ("spf", "permerror", "no DKIM key"),
        ("private", "permerror", "private key"),
        ("huge", "permerror", "RSA public key"),
        ("failing", "temperror", "could not be looked up"),
        ("silent", "temperror", "no name server answered"),
        ("loop", "temperror", "could not be looked up"),
    ],
)
def test_what_the_key_lookup_decides(net, selector, result, says):
    selector = selector.replace("both_hashes", "both.hashes")
    row = only(dkim.verify(signed(selector=selector), net=waiting(net, selector)))
    assert row.result == result
    assert says in row.reason


def test_a_dead_resolver_is_a_temperror_and_no_verdict():
    net = Network("internet", "here", (("127.0.0.1", closed_port()),), timeout=0.2)
    row = only(dkim.verify(signed(), net=net))
    assert (row.result, row.verdict) == ("temperror", Verdict.UNKNOWN)
    assert row.detail and row.detail not in repr(row)


def test_several_records_are_all_tried_and_warned_of(net):
    row = only(dkim.verify(signed(selector="several"), net=net))
    assert row.result == "pass" and row.verdict is Verdict.WARN
    assert "2 TXT records" in row.warnings[0]


def test_a_testing_key_warns(net):
    for selector in ("testing", "sls.dkim"):
        row = only(dkim.verify(signed(selector=selector), net=net))
        assert (row.result, row.testing, row.verdict) == ("pass", True, Verdict.WARN)
        assert "t=y" in row.warnings[0]


def test_a_strict_key_forbids_identities_in_subdomains(net):
    assert only(dkim.verify(craft(s="strict", i=f"@{DOMAIN.upper()}"), net=net)).result == "pass"
    row = only(dkim.verify(craft(s="strict", i=f"hanako@news.{DOMAIN}"), net=net))
    assert row.result == "permerror" and "t=s" in row.reason
    assert only(dkim.verify(craft(i=f"hanako@news.{DOMAIN}"), net=net)).result == "pass"


def test_a_weak_key_is_a_permanent_error_though_the_signature_fits(net):
    row = only(dkim.verify(craft(key=WEAK, s="weak"), net=net))
    assert (row.result, row.key_bits) == ("permerror", 512)
    assert row.reference == "RFC 8301 §3.2"


def test_a_key_of_1024_bits_warns():
    pair = dkim.generate(bits=1024)
    with serving(zone(sel=[pair.record])) as net:
        row = only(dkim.verify(signed(key=pair), net=net))
    assert row.result == "pass" and "1024 bits" in row.warnings[0]


def test_sha1_is_a_permanent_error(net):
    row = only(dkim.verify(craft(a="rsa-sha1"), net=net))
    assert (row.result, row.reference) == ("permerror", "RFC 8301 §3.1")
    assert "SHA-1" in row.reason


def test_expiry_is_judged_by_the_networks_clock():
    message = signed(expires_after=timedelta(days=7))
    for later, result in ((timedelta(days=7), "pass"), (timedelta(days=7, seconds=1), "policy")):
        with serving(zone(sel=[RSA.record]), now=NOW + later) as net:
            row = only(dkim.verify(message, net=net))
            assert row.result == result
    assert "expired at 2026-12-01 12:00 UTC" in row.reason


def test_a_broken_signature_that_also_expired_is_a_failure():
    with serving(zone(sel=[RSA.record]), now=NOW + timedelta(days=9)) as net:
        message = signed(expires_after=timedelta(days=7)).replace(b"Good", b"Bad")
        assert only(dkim.verify(message, net=net)).result == "fail"


def test_a_signature_from_the_future_warns(net):
    row = only(dkim.verify(signed(now=NOW + timedelta(days=1)), net=net))
    assert row.result == "pass" and "future" in row.warnings[0]


def test_an_unsigned_tail_passes_with_a_warning(net):
    message = signed(body_length=15)
    row = only(dkim.verify(message + b"<b>Pay here</b>\r\n", net=net))
    assert (row.result, row.body_length, row.verdict) == ("pass", 15, Verdict.WARN)
    tail = len(canonical_body(parse(message).body, "relaxed")) + 17 - 15
    assert f"the last {tail} octets" in row.warnings[0]
    assert only(dkim.verify(message.replace(b"Good", b"Bad!"), net=net)).result == "fail"


def test_a_body_cut_short_is_told_by_l(net):
    whole = len(canonical_body(parse(MESSAGE).body, "relaxed"))
    row = only(dkim.verify(signed(body_length=whole).replace(b"All agreed.  \r\n", b""), net=net))
    assert row.result == "fail" and "its end is gone" in row.reason


def test_more_from_fields_than_signed_warns(net):
    row = only(dkim.verify(b"From: evil@example.org\r\n" + signed(headers=["From", "To"]), net=net))
    assert row.result == "pass" and row.verdict is Verdict.WARN
    assert "more From fields" in row.warnings[0]


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        ({"v": "2"}, "version"),
        ({"a": "rsa-md5"}, "algorithm"),
        ({"a": "ed25519-sha1"}, "algorithm"),
        ({"c": "nowsp"}, "canonicalization"),
        ({"c": "relaxed/nowsp"}, "canonicalization"),
        ({"q": "http"}, "q="),
        ({"h": "to:subject"}, "From"),
        ({"h": "from::to"}, "h="),
        ({"i": "@example.net"}, "i="),
        ({"i": "@evilkaisha.example"}, "i="),
        ({"i": "kaisha.example"}, "i="),
        ({"d": "a b"}, "domain name"),
        ({"d": "a..example"}, "domain name"),
        ({"d": "x" * 300}, "domain name"),
        ({"s": ""}, "domain name"),
        ({"l": "-1"}, "l="),
        ({"l": "9" * 77}, "l="),
        ({"t": "yesterday"}, "t="),
        ({"x": "1", "t": "2"}, "expires"),
        ({"x": "9" * 40}, "x="),
        ({"bh": "AAAA"}, "bh="),
        ({"bh": "%%%%"}, "bh="),
        ({"without": "d"}, "d= is missing"),
        ({"without": "bh"}, "bh= is missing"),
    ],
)
def test_a_malformed_signature_is_a_permerror_with_its_fault(net, tags, says):
    row = only(dkim.verify(craft(**tags), net=net))
    assert row.result == "permerror" and row.reference == "RFC 6376 §6.1.1"
    assert says in row.reason


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (b"v=1; v=1", "v= is there twice"),
        (b"hello", "hello is no tag=value pair"),
        (b"v=1;; a=b", "an empty piece"),
        (b"", "is missing"),
        (b"\xff\xfe=1", "no tag=value"),
        (b"v=\xff", "UTF-8"),
        (b"=", "no tag=value"),
    ],
)
def test_what_is_no_tag_list_is_a_permerror(net, value, says):
    row = only(dkim.verify(b"DKIM-Signature: " + value + b"\r\n" + MESSAGE, net=net))
    assert row.result == "permerror"
    assert says in row.reason


def test_the_reader_is_shown_nothing_that_deceives(net):
    message = craft(d="evil\u202e.example", s="<script>")
    row = only(dkim.verify(message, net=net))
    assert "\u202e" not in repr(row) and "\\u202e" in row.domain
    assert "<script>" not in dkim.verify(message, net=net)._repr_html_()


def test_a_thousand_signatures_are_bounded_and_said_so(net):
    field = signed()[: -len(MESSAGE)]
    rows = dkim.verify(field * 1000 + MESSAGE, net=net)
    assert [row.result for row in rows] == ["pass"] * dkim.MAX_SIGNATURES + ["policy"]
    assert f"{1000 - dkim.MAX_SIGNATURES} more signatures were not evaluated" in rows[-1].reason


def test_messages_too_large_or_malformed_are_one_row(net):
    row = only(dkim.verify(MESSAGE + b"x" * (32 * 1024 * 1024), net=net))
    assert row.result == "policy" and "32 MiB" in row.reason
    row = only(dkim.verify(b"X: " + b"a" * 1_100_000 + b"\r\n" + signed(), net=net))
    assert row.result == "permerror" and "header" in row.reason
    row = only(dkim.verify(b"  starts with a blank\r\n", net=net))
    assert row.result == "permerror" and "line 1" in row.reason


def test_long_runs_of_white_space_do_not_take_long(net):
    # dkimpy's own pattern would need days for this one.
    assert only(dkim.verify(signed(MESSAGE + b" " * 10_000_000 + b"x"), net=net)).result == "pass"


def test_a_message_must_be_bytes(net):
    with pytest.raises(TypeError, match="bytes"):
        dkim.verify(MESSAGE.decode(), net=net)


# --- canonical forms -------------------------------------------------------------------------------------------


def test_the_examples_of_rfc_6376_section_3_4_5():
    fields = parse(b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n")
    assert [canonical_field(f, "relaxed") for f in fields.fields] == [b"a:X\r\n", b"b:Y Z\r\n"]
    assert [canonical_field(f, "simple") for f in fields.fields] == [b"A: X\r\n", b"B : Y\t\r\n\tZ  \r\n"]
    assert canonical_body(fields.body, "relaxed") == b" C\r\nD E\r\n"
    assert canonical_body(fields.body, "simple") == b" C \r\nD \t E\r\n"


def test_the_hash_of_an_empty_body():
    assert canonical_body(b"", "simple") == b"\r\n"
    assert canonical_body(b"", "relaxed") == b""


@pytest.mark.parametrize(
    ("value", "rest"),
    [
        (b" v=1; b=abc; d=x", b" v=1; b=; d=x"),
        (b" b = a\r\n b ;bh=b=", b" b =;bh=b="),
        (b" v=1; bh=bb;\r\n\tb=x\r\n y\r\n", b" v=1; bh=bb;\r\n\tb="),
        (b" v=1; db=abc", b" v=1; db=abc"),
    ],
)
def test_only_the_value_of_b_is_taken_out(value, rest):
    assert without_b(value) == rest


# --- published keys --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selector", "verdict", "says"),
    [
        ("sel", Verdict.PASS, "RSA key of 2048 bits"),
        ("ed", Verdict.PASS, "Ed25519"),
        ("bare", Verdict.PASS, "RSA key of 2048 bits"),
        ("strict", Verdict.PASS, "RSA key"),
        ("alias", Verdict.PASS, "RSA key"),
        ("testing", Verdict.WARN, "t=y"),
        ("sls.dkim", Verdict.WARN, "t=y"),
        ("revoked", Verdict.WARN, "revoked"),
        ("several", Verdict.WARN, "2 TXT records"),
        ("weak", Verdict.FAIL, "512 bits"),
        ("sha1only", Verdict.FAIL, "h="),
        ("tlsrpt", Verdict.FAIL, "s=tlsrpt"),
        ("private", Verdict.FAIL, "private key"),
        ("private.p", Verdict.FAIL, "private key"),
        ("broken", Verdict.FAIL, "cut off: p= holds 30 of its 294 octets"),
        ("curly", Verdict.FAIL, "typographic quotation marks"),
        ("escaped", Verdict.FAIL, "backslashes"),
        ("pem", Verdict.FAIL, "PEM"),
        ("spf", Verdict.FAIL, "no DKIM key"),
        ("dsa", Verdict.FAIL, "k=dsa"),
        ("late", Verdict.FAIL, "come first"),
        ("absent", Verdict.FAIL, "NXDOMAIN"),
        ("dangling", Verdict.FAIL, "alias to gone.provider.example"),
        ("huge", Verdict.FAIL, "RSA public key"),
        ("failing", Verdict.UNKNOWN, "SERVFAIL"),
        ("silent", Verdict.UNKNOWN, "no name server"),
        ("loop", Verdict.UNKNOWN, "circle"),
    ],
)
def test_a_published_key_is_judged(net, selector, verdict, says):
    key = dkim.key(DOMAIN, selector, net=waiting(net, selector))
    assert key.verdict is verdict
    assert says in key.reason
    if verdict is not Verdict.PASS:
        assert key.advice


def test_a_key_is_described(net):
    key = dkim.key("Kaisha.Example.", "sls.dkim", net=net)
    assert (key.name, key.key_type, key.bits) == ("sls.dkim._domainkey.kaisha.example", "rsa", 2048)
    assert (key.testing, key.strict, key.revoked, key.records, key.ttl) == (True, False, False, 1, 300)
    assert dkim.key(DOMAIN, "strict", net=net).strict
    assert dkim.key(DOMAIN, "alias", net=net).alias == ("key.provider.example",)
    assert dkim.key(DOMAIN, "revoked", net=net).revoked
    assert dkim.key(DOMAIN, "both.hashes", net=net).hashes == ("sha1", "sha256")


def test_a_private_key_in_the_dns_is_not_shown_again(net):
    for selector in ("private", "private.p"):
        key = dkim.key(DOMAIN, selector, net=net)
        assert key.record == "" and "new key" in key.advice


@pytest.mark.parametrize(
    ("domain", "selector"), [("", "a"), ("a", ""), ("a b", "c"), ("kaisha.example", "a b"), ("a", 5)]
)
def test_key_refuses_what_is_no_name(net, domain, selector):
    with pytest.raises((ValueError, TypeError), match=r"domain|selector"):
        dkim.key(domain, selector, net=net)


# --- selectors -------------------------------------------------------------------------------------------------


def test_the_usual_selectors_are_found(net):
    records = zone(
        google=[RSA.record], s1={"CNAME": "key.provider.example"}, k1={"CNAME": "gone.example"}, mail=SERVFAIL
    )
    records["key.provider.example"] = [RSA.record]
    with serving(records) as net:
        rows = dkim.selectors(DOMAIN, net=net)
    got = {row.selector: (row.status, row.verdict) for row in rows}
    assert got == {
        "google": ("found", Verdict.PASS),
        "s1": ("found", Verdict.PASS),
        "k1": ("dangling", Verdict.WARN),
        "mail": ("unknown", Verdict.UNKNOWN),
        "(any other)": ("rest", Verdict.INFO),
    }
    assert rows[0].usual_for == "Google Workspace"
    assert "cannot list" in rows[-1].reason
    assert f"{len(datasets.load('dkim_selectors'))} usual selectors tried" in rows.caption


@pytest.mark.parametrize(
    ("records", "options", "verdict", "says"),
    [
        (zone(unusual=[RSA.record]), {}, Verdict.UNKNOWN, "none of the usual"),
        ({DOMAIN: ["v=spf1 -all"]}, {}, Verdict.WARN, "RFC 8020"),
        ({DOMAIN: ["v=spf1 -all"]}, {"compact_denial": True}, Verdict.UNKNOWN, "compact denial"),
        ({f"*.{DOMAIN}": ["v=spf1 -all"]}, {}, Verdict.UNKNOWN, "wildcard"),
        ({f"*._domainkey.{DOMAIN}": [RSA.record]}, {}, Verdict.UNKNOWN, "wildcard"),
        (
            {f"*._domainkey.{DOMAIN}": {"CNAME": "k.example"}, "k.example": [RSA.record]},
            {},
            Verdict.UNKNOWN,
            "wildcard",
        ),
        ({f"*.{DOMAIN}": SERVFAIL}, {}, Verdict.UNKNOWN, "could not be asked"),
    ],
)
def test_what_misleads_is_seen_through(records, options, verdict, says):
    with serving(records, **options) as net:
        row = only(dkim.selectors(DOMAIN, net=net))
    assert (row.status, row.verdict) == ("rest", verdict)
    assert says in row.reason


def test_a_real_key_shows_beside_a_wildcard():
    with serving({f"*.{DOMAIN}": ["v=spf1 -all"], **zone(google=[RSA.record])}) as net:
        rows = dkim.selectors(DOMAIN, net=net)
    assert [row.selector for row in rows] == ["google", "(any other)"]
    assert "wildcard" in rows[-1].reason


def test_the_table_of_selectors_names_its_sources():
    table = datasets.load("dkim_selectors")
    assert not table["selector"].duplicated().any()
    assert (table[["selector", "usual_for", "source", "as_of"]] != "").all().all()


# --- anatomy ---------------------------------------------------------------------------------------------------


def test_anatomy_shows_what_is_covered():
    message = b"Received: by mx\r\n" + signed(headers=["From", "From", "To", "Subject", "Cc"], body_length=15)
    parts = [(p.place, p.name, str(p.coverage)) for p in dkim.anatomy(message)]
    assert parts == [
        ("header", "Received", "unsigned"),
        ("header", "DKIM-Signature", "signed"),
        ("header", "From", "oversigned"),
        ("header", "To", "signed"),
        ("header", "Subject", "signed"),
        ("header", "Date", "unsigned"),
        ("header", "Message-ID", "unsigned"),
        ("header", "Cc", "oversigned"),
        ("body", "", "signed"),
        ("body", "", "unsigned"),
    ]
    body = dkim.anatomy(message).where(place="body")
    assert [part.octets for part in body] == [15, len(canonical_body(parse(MESSAGE).body, "relaxed")) - 15]


def test_anatomy_of_a_second_from_added_above():
    parts = dkim.anatomy(b"From: evil@example.org\r\n" + signed(headers=["From"])).where(name="From")
    assert [str(part.coverage) for part in parts] == ["unsigned", "signed"]


def test_anatomy_shows_a_folded_field_as_one_line():
    message = MESSAGE.replace(b"Subject: Minutes", b"Subject: Minutes\r\n\tof the\r\n meeting\tof")
    (part,) = dkim.anatomy(message).where(name="Subject")
    assert part.content.startswith("Minutes of the meeting\\tof")


def test_anatomy_takes_one_of_several_signatures():
    message = signed(signed(), selector="ed", key=ED)
    for number in (0, 1):
        fields = dkim.anatomy(message, number).where(name="DKIM-Signature")
        assert [str(f.coverage) for f in fields].index("signed") == number
    with pytest.raises(ValueError, match="2 signatures"):
        dkim.anatomy(message, 2)


def test_anatomy_of_what_is_unsigned_or_no_message():
    assert {str(part.coverage) for part in dkim.anatomy(MESSAGE)} == {"unsigned"}
    assert "line 1" in only(dkim.anatomy(b" no message")).note
    parts = dkim.anatomy(b"DKIM-Signature: nonsense\r\n" + MESSAGE)
    assert {str(part.coverage) for part in parts} == {"unsigned"}
    assert "cannot be used" in parts[0].note


def test_the_figure_shows_every_part_with_a_word():
    message = b"Received: $x$ \xff\r\n" * 30 + signed(headers=["From", "From", "Cc"], body_length=15)
    picture = figures.anatomy(dkim.anatomy(message))
    drawn = {text.get_text() for text in picture.figure.axes[0].texts}
    assert {"Received", "unsigned", "signed", "body, 15 octets"} <= drawn
    assert any("more header fields" in text for text in drawn)
    assert "(Cc)" not in drawn  # it is among the fields left out, but not of the text beside the figure
    assert "Cc: oversigned (absent, and signed as absent)" in picture.alt
    assert picture.png() == figures.anatomy(dkim.anatomy(message)).png()
    assert figures.anatomy(dkim.anatomy(b" no message")).png()


def test_the_figure_marks_kinds_by_more_than_colour():
    picture = figures.anatomy(dkim.anatomy(signed(headers=["From", "From", "Cc"], body_length=15)))
    drawn = [text.get_text() for text in picture.figure.axes[0].texts]
    for mark, word, times in (("✓", "signed", 2), ("✚", "oversigned", 2), ("–", "unsigned", 5)):
        assert drawn.count(word) == times
        assert drawn.count(mark) == times + 1  # once more in the legend
    assert "(Cc)" in drawn


# --- any bytes -------------------------------------------------------------------------------------------------

PIECES = [
    b"DKIM-Signature:",
    b"dkim-signature :",
    b" v=1; a=rsa-sha256; c=relaxed; d=kaisha.example; s=sel; h=from; bh=",
    b"AAAA",
    b"; b=",
    b"; z=From:x|y=zz",
    b"; x=99999999999",
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"From: a@b",
    b"Subject: [x] y",
    b"\x00\xff",
    b";",
    b"=",
]
anything = st.binary() | st.lists(st.sampled_from(PIECES) | st.binary(max_size=6), max_size=40).map(b"".join)


@given(anything)
@settings(max_examples=400, deadline=None)
def test_any_bytes_as_a_message(net, message):
    rows = dkim.verify(message, net=net)
    assert 1 <= len(rows) <= dkim.MAX_SIGNATURES + 1
    assert all(row.reason for row in rows)
    assert dkim.verify(message + b"\r\n" + signed(), net=net)
    dkim.anatomy(message)
    try:
        parse(message)
    except MalformedMessage:
        assert [row.result for row in rows] == ["permerror"]


@given(st.integers(0, len(signed()) - 1), st.binary(max_size=4), st.integers(0, 4))
@settings(max_examples=300, deadline=None)
def test_any_damage_to_a_signed_message(net, position, put, taken):
    whole = signed()
    damaged = whole[:position] + put + whole[position + taken :]
    rows = dkim.verify(damaged, net=net)
    assert rows and all(row.reason for row in rows)


record_text = st.text() | st.lists(
    st.sampled_from(["v=DKIM1", "k=rsa", "k=ed25519", "p=", f"p={RSA_P}", f"p={ED_P}", "t=y:s", "h=", "s=*", ";", "; "])
    | st.text(max_size=5),
    max_size=10,
).map("".join)


@given(record_text | st.binary().map(lambda octets: octets.decode("latin-1")))
@settings(max_examples=400, deadline=None)
def test_any_text_as_a_key_record(text):
    try:
        record = parse_record(text.encode())
    except KeyRecordProblem as problem:
        assert str(problem)
    else:
        assert record.bits >= 0 and record.key_type in ("rsa", "ed25519")


@given(octets=st.binary(max_size=600))
@settings(max_examples=60, deadline=None)
def test_any_octets_published_as_a_key(octets):
    with serving(zone(sel=[octets])) as net:
        key = dkim.key(DOMAIN, "sel", net=net)
        assert key.reason and key.verdict in set(Verdict)
        assert only(dkim.verify(signed(), net=net)).result == "permerror"


@given(body=st.binary(max_size=300), subject=st.text(alphabet=st.characters(codec="utf-8"), max_size=40))
@settings(max_examples=150, deadline=None)
@pytest.mark.parametrize("canonicalization", ["relaxed/relaxed", "simple/simple"])
def test_what_is_signed_here_verifies_here(net, canonicalization, body, subject):
    line = subject.encode().replace(b"\r", b"").replace(b"\n", b"")
    message = b"From: a@b\r\nSubject: " + line + b"\r\n\r\n" + body
    assert only(dkim.verify(signed(message, canonicalization=canonicalization), net=net)).result == "pass"
