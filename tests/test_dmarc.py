"""dmarc.policy and dmarc.align: table by table after RFC 9989, over real DNS on loopback."""

from __future__ import annotations

from typing import Any

import pytest
from dns import rcode
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support_spf_dns import SERVFAIL, SILENCE, DnsServer

from mailkit import dmarc
from mailkit.dmarc.records import is_policy_record, parse_record
from mailkit.dmarc.spoilt import looks_like_one, meant, spoiler
from mailkit.dmarc.tree_walk import MAX_QUERIES, targets

NONE, QUARANTINE, REJECT = dmarc.Policy.NONE, dmarc.Policy.QUARANTINE, dmarc.Policy.REJECT
P_NONE, P_QUARANTINE, P_REJECT = "v=DMARC1; p=none", "v=DMARC1; p=quarantine", "v=DMARC1; p=reject"
LONG = "a.b.c.d.e.f.g.h.i.j.mail.example.com"


@pytest.fixture
def dns(dns_server: DnsServer) -> DnsServer:
    """A server with nothing but a root, as every resolver knows one."""
    dns_server.clear()
    dns_server.publish("root.test", "A", "192.0.2.1")
    return dns_server


def publish(dns: DnsServer, records: dict[str, Any]) -> None:
    """Publish *records*: name -> TXT below ``_dmarc.``, a list of them, or a failure; "A name" makes the name exist."""
    for name, value in records.items():
        if name.startswith("A "):
            dns.publish(name.removeprefix("A "), "A", "192.0.2.1")
        elif value in (SERVFAIL, SILENCE):
            dns.fail(f"_dmarc.{name}", value)
        else:
            dns.publish(f"_dmarc.{name}", "TXT", *(value if isinstance(value, list) else [value]))


# The record itself: sections 4.7 and 4.8.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (P_REJECT, {"p": REJECT, "usable": True, "faults": ()}),
        ("v=DMARC1;p=reject;", {"p": REJECT, "faults": ()}),
        ("v = DMARC1 ; p = none ; ", {"p": NONE, "faults": ()}),
        ("V=DMARC1; P=None", {"p": NONE}),
        ("v=DMARC1; p=ReJeCt", {"p": REJECT, "faults": ()}),
        ("v=DMARC1; rua=mailto:a@b.test; p=none", {"p": NONE, "faults": ()}),
        ("v=DMARC1", {"p": None, "usable": False}),
        ("v=DMARC1; rua=mailto:a@b.test", {"p": None, "usable": True, "invalid_policy": True}),
        ("v=DMARC1; p=rejct", {"p": None, "usable": False}),
        ("v=DMARC1; p=rejct; rua=mailto:a@b.test", {"p": None, "usable": True}),
        ("v=DMARC1; p=rejct; rua=a@b.test", {"usable": False}),
        ("v=DMARC1; p=reject; sp=some", {"usable": False}),
        ("v=DMARC1; p=reject; sp=some; rua=mailto:a@b.test", {"usable": True, "invalid_policy": True}),
        ("v=DMARC1; p=reject; np=some", {"usable": False}),
        ("v=DMARC1; p=none; sp=reject; np=quarantine", {"sp": REJECT, "np": QUARANTINE}),
        ("v=DMARC1; p=none; psd=y", {"psd": "y"}),
        ("v=DMARC1; p=none; psd=n", {"psd": "n"}),
        ("v=DMARC1; p=none; psd=maybe", {"psd": "u"}),
        ("v=DMARC1; p=none; t=y", {"testing": True}),
        ("v=DMARC1; p=none; t=yes", {"testing": False}),
        ("v=DMARC1; p=none; adkim=s; aspf=S", {"adkim": "s", "aspf": "s", "faults": ()}),
        ("v=DMARC1; p=none; adkim=strict", {"adkim": "r"}),
        ("v=DMARC1; p=none; ruf=mailto:a@b.test; fo=1:d:s", {"fo": ("1", "d", "s")}),
        ("v=DMARC1; p=none; fo=1", {"fo": ("0",), "faults": ()}),
        ("v=DMARC1; p=none; ruf=mailto:a@b.test; fo=0:1", {"fo": ("0",)}),
        ("v=DMARC1; p=none; ruf=mailto:a@b.test; fo=d:d", {"fo": ("0",)}),
        ("v=DMARC1; p=none; pct=50; rf=afrf; ri=86400", {"removed": ("pct=50", "rf=afrf", "ri=86400"), "faults": ()}),
        ("v=DMARC1; p=none; x=1; zz=2", {"unknown": ("x", "zz"), "faults": ()}),
        ("v=DMARC1; p=none; p=reject", {"p": NONE}),
        ("v=DMARC1; p=none; ; aspf=s", {"p": NONE, "aspf": "s"}),
        ("v=DMARC1; p=none; nonsense; aspf=s", {"p": NONE, "aspf": "s"}),
        ("v=DMARC1; p=none, sp=none", {"p": None}),
    ],
)
def test_record(text: str, expected: dict[str, Any]) -> None:
    record = parse_record(text)
    assert {name: getattr(record, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("rua", "addresses"),
    [
        ("mailto:a@b.test", ["a@b.test"]),
        ("mailto:a@b.test,mailto:c@d.test", ["a@b.test", "c@d.test"]),
        ("mailto:a@b.test!10m , mailto:c@d.test!5", ["a@b.test", "c@d.test"]),
        ("mailto:a@b.test,nonsense", ["a@b.test"]),
        ("mailto:a%2Cb@b.test", ["a%2Cb@b.test"]),
        ("mailto:a@b.test?subject=x", ["a@b.test"]),
        ("https://r.test/in", [""]),
        ("mailto:a@b", []),
        ("mailto:@b.test", []),
        ("mailto: a@b.test", []),
        ("a@b.test", []),
        ("mailto:a@b.test;", ["a@b.test"]),
    ],
)
def test_report_addresses(rua: str, addresses: list[str]) -> None:
    assert [uri.address for uri in parse_record(f"v=DMARC1; p=none; rua={rua}").rua] == addresses


@pytest.mark.parametrize(
    "text",
    ["", "v=DMARC2; p=none", "v=dmarc1; p=none", " v=DMARC1; p=none", "p=none; v=DMARC1", "v=DMARC1 p=none", "DMARC1"],
)
def test_what_is_no_record(text: str) -> None:
    assert not is_policy_record(text)
    with pytest.raises(ValueError, match="begins with v=DMARC1"):
        parse_record(text)


MEANT = "v=DMARC1; p=none; rua=mailto:d@b.test"


@pytest.mark.parametrize(
    ("text", "spoilt_by"),
    [
        ("v=dmarc1; p=none; rua=mailto:d@b.test", "capitals"),
        (" v=DMARC1; p=none; rua=mailto:d@b.test", "a space stands before"),
        ("\ufeffv=DMARC1; p=none; rua=mailto:d@b.test", "byte-order mark"),
        ("\u00a0v=DMARC1; p=none; rua=mailto:d@b.test", "no-break space"),
        ('"v=DMARC1; p=none; rua=mailto:d@b.test"', "a quotation mark stands before"),
        ("“v=DMARC1; p=none; rua=mailto:d@b.test”", "left double quotation mark"),
        ("v=DMARC1\\; p=none\\; rua=mailto:d@b.test", "stands “\\”, not a semicolon"),
        ("v=DMARC1, p=none, rua=mailto:d@b.test", "stands a comma, not a semicolon"),
        ("v=DMARC1 p=none rua=mailto:d@b.test", "stands “p”, not a semicolon"),
        ("v=DMARC1: p=none; rua=mailto:d@b.test", "stands a colon, not a semicolon"),
        ("v=DMARC1.; p=none; rua=mailto:d@b.test", "stands a dot, not a semicolon"),
        ("ｖ＝ＤＭＡＲＣ１；ｐ＝ｎｏｎｅ；rua=mailto:d@b.test", "does not begin with"),
        ("p=none; v=DMARC1; rua=mailto:d@b.test", "“p=none; ” stands before"),
        ("_dmarc.b.test. IN TXT v=DMARC1; p=none; rua=mailto:d@b.test", "IN TXT ” stands before"),
        ("DMARC1; p=none; rua=mailto:d@b.test", "does not begin with"),
        ("v=DMARCv1; p=none; rua=d@b.test", "does not begin with"),
    ],
)
def test_what_only_looks_like_one(text: str, spoilt_by: str) -> None:
    assert looks_like_one(text) and not is_policy_record(text)
    assert spoilt_by in spoiler(text)
    assert meant(text) == MEANT


def test_what_does_not_even_look_like_one() -> None:
    assert not any(map(looks_like_one, ["v=spf1 -all", "", "google-site-verification=dmarc", "v=DKIM1; p=x"]))
    assert not looks_like_one("v=spf1 include:_dmarc.b.test -all")


@pytest.mark.parametrize(
    "rua",
    [
        "d@b.test",
        "mailto: d@b.test",
        "mailto://d@b.test",
        "mailto:<d@b.test>",
        "MAILTO:d@b.test",
        "“mailto:d@b.test”",
        "'mailto:d@b.test'",
        "mailto:d@b.test,",
    ],
)
def test_an_address_as_it_was_meant(rua: str) -> None:
    assert meant(f"v=DMARC1; p=none; rua={rua}") == MEANT


@pytest.mark.parametrize("between", [",", " ", ", ", ";", "; ", " mailto:", ";mailto:"])
def test_several_addresses_as_they_were_meant(between: str) -> None:
    text = f"v=DMARC1; p=none; rua=mailto:d@b.test{between}e@b.test; fo=1"
    assert meant(text) == f"{MEANT},mailto:e@b.test; fo=1"


@pytest.mark.parametrize(
    "text",
    [
        P_REJECT,
        "v=DMARC1; p=reject; sp=none; np=reject; adkim=s; aspf=s; t=y; psd=n; fo=1:d:s; ri=86400; rf=afrf; pct=50",
        "v=DMARC1; p=none; rua=mailto:d@b.test!10m,https://b.test/in?a=b; ruf=mailto:a%2Cb@b.test?subject=x",
        "v=DMARC1; p=none; x=an unknown tag, p of which nobody knows",
    ],
)
def test_what_was_meant_by_a_good_record_is_that_record(text: str) -> None:
    assert meant(text) == text


@given(st.text(max_size=300))
@settings(deadline=None)
@example("v=DMARC1;" + "p=none;" * 200)
@example("v=DMARC1; rua=" + "mailto:a@b.test," * 200)
@example("v=DMARC1; rua=mailto:" + "a" * 60_000)
@example("v=DMARC1;" + " " * 60_000 + "x")
@example("rua=" + " ," * 30_000 + "x")
@example("rua=" + "a" * 60_000)
@example("rua=mailto:" + "<a@b " * 10_000)
def test_whatever_a_record_says_is_parsed(text: str) -> None:
    record = parse_record("v=DMARC1;" + text)
    assert record.psd in "ynu" and record.adkim in "rs" and len(record.rua) <= 50
    assert parse_record(meant(text)) and spoiler(text) and looks_like_one(f"dmarc1 {text}")


# The tree walk: section 4.10.


@pytest.mark.parametrize(
    ("domain", "names"),
    [
        ("com", ["com"]),
        ("example.com", ["example.com", "com"]),
        ("a.mail.example.com", ["a.mail.example.com", "mail.example.com", "example.com", "com"]),
        ("1.2.3.4.5.6.7", ["1.2.3.4.5.6.7", "2.3.4.5.6.7", "3.4.5.6.7", "4.5.6.7", "5.6.7", "6.7", "7"]),
        (
            "1.2.3.4.5.6.7.8",
            ["1.2.3.4.5.6.7.8", "2.3.4.5.6.7.8", "3.4.5.6.7.8", "4.5.6.7.8", "5.6.7.8", "6.7.8", "7.8", "8"],
        ),
        (
            "0.1.2.3.4.5.6.7.8",
            ["0.1.2.3.4.5.6.7.8", "2.3.4.5.6.7.8", "3.4.5.6.7.8", "4.5.6.7.8", "5.6.7.8", "6.7.8", "7.8", "8"],
        ),
        (
            LONG,
            [
                LONG,
                "g.h.i.j.mail.example.com",
                "h.i.j.mail.example.com",
                "i.j.mail.example.com",
                "j.mail.example.com",
                "mail.example.com",
                "example.com",
                "com",
            ],
        ),
    ],
)
def test_names_of_a_walk(domain: str, names: list[str]) -> None:
    assert list(targets(domain)) == names


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=60))
@settings(deadline=None)
def test_a_walk_never_takes_more_than_eight(labels: list[str]) -> None:
    domain = ".".join(labels)
    names = targets(domain)
    assert len(names) <= MAX_QUERIES
    assert names[0] == domain and names[-1] == labels[-1]
    assert all(f".{domain}".endswith(f".{name}") for name in names)


# (records, domain, where the record is found, policy, organizational domain, number of queries, clause)
DISCOVERY: list[tuple[dict[str, Any], str, str, Any, str, int, str]] = [
    # No record anywhere.
    ({}, "example.com", "", None, "example.com", 2, "4.10.1"),
    ({}, "a.mail.example.com", "", None, "a.mail.example.com", 4, "4.10.2"),
    ({}, LONG, "", None, LONG, 8, "4.10"),
    # The author domain comes first.
    ({"example.com": P_REJECT}, "example.com", "example.com", REJECT, "example.com", 2, "4.10.1"),
    (
        {"a.example.com": P_NONE, "example.com": P_REJECT},
        "a.example.com",
        "a.example.com",
        NONE,
        "example.com",
        3,
        "4.10.1",
    ),
    ({"a.example.com": P_REJECT}, "a.example.com", "a.example.com", REJECT, "a.example.com", 3, "4.10.2"),
    ({LONG: P_REJECT, "example.com": P_NONE}, LONG, LONG, REJECT, "example.com", 8, "5.1.8"),
    # Then the organizational domain; records in between are passed over.
    ({"example.com": P_REJECT}, "a.example.com", "example.com", REJECT, "example.com", 3, "4.10.1"),
    ({"example.com": P_REJECT}, "a.b.c.example.com", "example.com", REJECT, "example.com", 5, "4.10.1"),
    (
        {"mail.example.com": P_NONE, "example.com": P_REJECT},
        "a.mail.example.com",
        "example.com",
        REJECT,
        "example.com",
        4,
        "4.10.2",
    ),
    ({"mail.example.com": P_NONE}, "a.mail.example.com", "mail.example.com", NONE, "mail.example.com", 4, "4.10.2"),
    ({"example.com": P_REJECT}, LONG, "example.com", REJECT, "example.com", 8, "4.10"),
    ({"f.g.h.i.j.mail.example.com": P_REJECT}, LONG, "", None, LONG, 8, "5.1.8"),
    (
        {"g.h.i.j.mail.example.com": P_REJECT},
        LONG,
        "g.h.i.j.mail.example.com",
        REJECT,
        "g.h.i.j.mail.example.com",
        8,
        "4.10",
    ),
    ({"com": P_REJECT, "example.com": P_NONE}, "example.com", "example.com", NONE, "com", 2, "11.8"),
    ({"com": P_REJECT}, "example.com", "com", REJECT, "com", 2, "4.10.2"),
    # psd=n: the organizational domain, and the walk ends.
    (
        {"mail.example.com": P_NONE + "; psd=n", "example.com": P_REJECT},
        "a.mail.example.com",
        "mail.example.com",
        NONE,
        "mail.example.com",
        2,
        "4.10.2",
    ),
    (
        {"example.com": P_NONE + "; psd=n", "com": P_REJECT},
        "example.com",
        "example.com",
        NONE,
        "example.com",
        1,
        "11.8",
    ),
    (
        {"a.example.com": P_NONE, "example.com": P_REJECT + "; psd=n", "com": P_NONE},
        "a.example.com",
        "a.example.com",
        NONE,
        "example.com",
        2,
        "4.10.2",
    ),
    # psd=y: the organizational domain is one label below it, and the walk ends.
    ({"com": P_REJECT + "; psd=y"}, "a.mail.example.com", "com", REJECT, "example.com", 4, "4.10.2"),
    (
        {"com": P_REJECT + "; psd=y", "example.com": P_NONE},
        "a.example.com",
        "example.com",
        NONE,
        "example.com",
        3,
        "4.10.1",
    ),
    (
        {"com": P_REJECT + "; psd=y", "mail.example.com": P_NONE},
        "a.mail.example.com",
        "com",
        REJECT,
        "example.com",
        4,
        "4.10.1",
    ),
    (
        {"example.com": P_REJECT + "; psd=y", "com": P_NONE},
        "a.mail.example.com",
        "example.com",
        REJECT,
        "mail.example.com",
        3,
        "4.10.2",
    ),
    (
        {"example.com": P_REJECT + "; psd=y", "com": P_NONE},
        LONG,
        "example.com",
        REJECT,
        "mail.example.com",
        7,
        "4.10.2",
    ),
    # psd=y where the walk starts does not make it a public suffix of itself.
    (
        {"example.com": P_REJECT + "; psd=y", "com": P_NONE},
        "example.com",
        "example.com",
        REJECT,
        "example.com",
        1,
        "4.10.2",
    ),
    ({"com": P_QUARANTINE + "; psd=y"}, "com", "com", QUARANTINE, "com", 1, "4.10.2"),
    # psd=u and nonsense are the default.
    (
        {"mail.example.com": P_NONE + "; psd=u", "example.com": P_REJECT},
        "mail.example.com",
        "mail.example.com",
        NONE,
        "example.com",
        3,
        "4.7",
    ),
    (
        {"mail.example.com": P_NONE + "; psd=x", "example.com": P_REJECT},
        "mail.example.com",
        "mail.example.com",
        NONE,
        "example.com",
        3,
        "4.8",
    ),
    # Several records at one name: all are discarded, and the walk goes on.
    ({"example.com": [P_REJECT, P_NONE]}, "example.com", "", None, "example.com", 2, "4.10"),
    (
        {"a.example.com": [P_REJECT, P_NONE], "example.com": P_QUARANTINE},
        "a.example.com",
        "example.com",
        QUARANTINE,
        "example.com",
        3,
        "4.10",
    ),
    ({"example.com": [P_REJECT, P_REJECT + "; psd=n"], "com": P_NONE}, "example.com", "com", NONE, "com", 2, "4.10"),
    (
        {"example.com": ["v=spf1 -all", P_REJECT, "other"]},
        "example.com",
        "example.com",
        REJECT,
        "example.com",
        2,
        "4.10",
    ),
    ({"example.com": ["v=DMARC2; p=none", P_REJECT]}, "example.com", "example.com", REJECT, "example.com", 2, "4.10"),
    # What does not begin with v=DMARC1 is no record.
    ({"example.com": "v=spf1 -all"}, "example.com", "", None, "example.com", 2, "4.7"),
    ({"example.com": "v=dmarc1; p=reject"}, "example.com", "", None, "example.com", 2, "4.7"),
    ({"example.com": "p=reject; v=DMARC1"}, "example.com", "", None, "example.com", 2, "4.7"),
    (
        {"a.example.com": "v=DMARC1 p=none", "example.com": P_REJECT},
        "a.example.com",
        "example.com",
        REJECT,
        "example.com",
        3,
        "4.7",
    ),
    # An invalid policy.
    (
        {"example.com": "v=DMARC1; p=rejekt; rua=mailto:d@example.com"},
        "example.com",
        "example.com",
        NONE,
        "example.com",
        2,
        "4.10.1",
    ),
    ({"example.com": "v=DMARC1; p=rejekt"}, "example.com", "example.com", None, "example.com", 2, "4.10.1"),
    ({"example.com": "v=DMARC1"}, "example.com", "example.com", None, "example.com", 2, "4.10.1"),
    (
        {"example.com": "v=DMARC1; rua=mailto:d@example.com"},
        "example.com",
        "example.com",
        NONE,
        "example.com",
        2,
        "4.7",
    ),
    (
        {"example.com": P_REJECT + "; sp=x; rua=mailto:d@example.com"},
        "example.com",
        "example.com",
        NONE,
        "example.com",
        2,
        "4.10.1",
    ),
    ({"example.com": P_REJECT + "; np=x"}, "example.com", "example.com", None, "example.com", 2, "4.10.1"),
    (
        {"a.example.com": "v=DMARC1; p=rejekt", "example.com": P_REJECT},
        "a.example.com",
        "a.example.com",
        None,
        "example.com",
        3,
        "4.10.1",
    ),
    # sp: for subdomains that exist.
    (
        {"example.com": P_REJECT + "; sp=none", "A a.example.com": 1},
        "a.example.com",
        "example.com",
        NONE,
        "example.com",
        3,
        "4.7",
    ),
    ({"example.com": P_NONE + "; sp=reject"}, "example.com", "example.com", NONE, "example.com", 2, "4.7"),
    (
        {"a.example.com": P_NONE + "; sp=reject", "example.com": P_NONE},
        "a.example.com",
        "a.example.com",
        NONE,
        "example.com",
        3,
        "4.7",
    ),
    ({"com": P_NONE + "; sp=reject; psd=y"}, "example.com", "com", REJECT, "example.com", 2, "4.10.1"),
    # np: for those that do not.
    ({"example.com": P_NONE + "; np=reject"}, "gone.example.com", "example.com", REJECT, "example.com", 3, "4.7"),
    (
        {"example.com": P_NONE + "; np=reject", "A a.example.com": 1},
        "a.example.com",
        "example.com",
        NONE,
        "example.com",
        3,
        "4.7",
    ),
    (
        {"example.com": P_NONE + "; sp=quarantine; np=reject"},
        "gone.example.com",
        "example.com",
        REJECT,
        "example.com",
        3,
        "4.7",
    ),
    (
        {"example.com": P_NONE + "; sp=quarantine; np=reject", "A a.example.com": 1},
        "a.example.com",
        "example.com",
        QUARANTINE,
        "example.com",
        3,
        "4.7",
    ),
    (
        {"example.com": P_NONE + "; sp=quarantine; np=reject"},
        "example.com",
        "example.com",
        NONE,
        "example.com",
        2,
        "4.7",
    ),
    (
        {"example.com": P_REJECT + "; np=none", "A x.a.example.com": 1},
        "a.example.com",
        "example.com",
        REJECT,
        "example.com",
        3,
        "3.2.13",
    ),
    ({"com": P_NONE + "; np=reject; psd=y"}, "gone.com", "com", REJECT, "gone.com", 2, "4.10.1"),
    # t=y: one level lower.
    ({"example.com": P_REJECT + "; t=y"}, "example.com", "example.com", QUARANTINE, "example.com", 2, "4.7"),
    ({"example.com": P_QUARANTINE + "; t=y"}, "example.com", "example.com", NONE, "example.com", 2, "4.7"),
    ({"example.com": P_NONE + "; t=y"}, "example.com", "example.com", NONE, "example.com", 2, "4.7"),
    ({"example.com": P_NONE + "; sp=reject; t=y"}, "a.example.com", "example.com", QUARANTINE, "example.com", 3, "4.7"),
    (
        {"example.com": P_NONE + "; np=reject; t=y"},
        "gone.example.com",
        "example.com",
        QUARANTINE,
        "example.com",
        3,
        "4.7",
    ),
    ({"example.com": P_REJECT + "; t=n"}, "example.com", "example.com", REJECT, "example.com", 2, "4.7"),
    # pct is history.
    ({"example.com": P_REJECT + "; pct=0"}, "example.com", "example.com", REJECT, "example.com", 2, "A.6"),
    # Strings are joined, names compared without case.
    ({"example.com": [["v=DMARC1; p=rej", "ect"]]}, "example.com", "example.com", REJECT, "example.com", 2, "4.5"),
    ({"example.com": P_REJECT}, "A.Example.COM.", "example.com", REJECT, "example.com", 3, "4.4"),
    (
        {"xn--mller-kva.example": P_REJECT},
        "müller.example",
        "xn--mller-kva.example",
        REJECT,
        "xn--mller-kva.example",
        2,
        "5.3.1",
    ),
]


@pytest.mark.parametrize(
    ("records", "domain", "where", "policy", "organizational", "queries", "clause"),
    DISCOVERY,
    ids=[f"{case[6]}-{case[1][:20]}-{number}" for number, case in enumerate(DISCOVERY)],
)
def test_discovery(
    dns: DnsServer,
    records: dict[str, Any],
    domain: str,
    where: str,
    policy: Any,
    organizational: str,
    queries: int,
    clause: str,
) -> None:
    publish(dns, records)
    found = dmarc.policy(domain, net=dns.net())
    assert (found.where, found.policy, found.organizational_domain) == (where, policy, organizational), found.reason
    assert found.status == ("found" if policy is not None else "none")
    assert len(found.queries) == queries
    assert [q.name for q in found.queries] == [f"_dmarc.{name}" for name in targets(found.domain)][:queries]
    assert found.reason and bool(found.record) == bool(where)
    assert [name for name, rdtype in dns.asked if rdtype == "TXT"][:queries] == [q.name for q in found.queries]


@pytest.mark.parametrize("how", [SERVFAIL, SILENCE])
@pytest.mark.parametrize(
    ("failing", "others", "status", "organizational"),
    [
        ("a.example.com", {"example.com": P_REJECT}, "temperror", ""),
        ("example.com", {}, "temperror", ""),
        ("com", {"example.com": P_REJECT}, "temperror", ""),
        ("com", {"a.example.com": P_REJECT}, "found", ""),
        ("com", {"a.example.com": P_REJECT + "; psd=n"}, "found", "a.example.com"),
        ("com", {"example.com": P_REJECT + "; psd=n"}, "found", "example.com"),
    ],
)
def test_a_dns_that_fails_is_never_no_dmarc(
    dns: DnsServer, how: str, failing: str, others: dict[str, Any], status: str, organizational: str
) -> None:
    publish(dns, {failing: how, **others})
    found = dmarc.policy("a.example.com", net=dns.net(timeout=0.6))
    assert (found.status, found.organizational_domain) == (status, organizational)
    assert status == "found" or ("not known" in found.reason and found.policy is None)


def test_a_resolver_that_lies_is_never_no_dmarc(dns: DnsServer) -> None:
    """It denies every name, the root and the largest mail domains among them."""
    dns.clear()
    found = dmarc.policy("a.example.com", net=dns.net())
    assert (found.status, found.policy) == ("temperror", None)
    assert "resolver" in found.reason
    assert dmarc.align("a.example.com", ("pass", "a.example.com"), [], net=dns.net()).result == "temperror"


def test_whether_a_name_exists_may_not_be_answered(dns: DnsServer) -> None:
    publish(dns, {"example.com": P_NONE + "; np=reject"})
    dns.fail("a.example.com")
    found = dmarc.policy("a.example.com", net=dns.net())
    assert (found.status, found.policy, found.exists) == ("temperror", None, None)
    passed = dmarc.align("a.example.com", ("pass", "example.com"), [], net=dns.net())
    assert passed.result == "pass"


class Compact(DnsServer):
    """Answers NOERROR without records for what is not there, as compact denial does (RFC 9824)."""

    def answer(self, query: Any, *, transport: str) -> Any:
        response = super().answer(query, transport=transport)
        if response is not None and response.rcode() == rcode.NXDOMAIN:
            response.set_rcode(rcode.NOERROR)
        return response


def test_where_every_name_exists_np_cannot_be_told() -> None:
    with Compact() as server:
        publish(server, {"example.com": P_NONE + "; sp=quarantine; np=reject"})
        found = dmarc.policy("gone.example.com", net=server.net())
    assert (found.exists, found.policy) == (None, QUARANTINE)
    assert "cannot be told" in found.reason


def test_existence_is_asked_only_where_it_matters(dns: DnsServer) -> None:
    publish(dns, {"example.com": P_REJECT + "; sp=none; np=none"})
    assert dmarc.policy("gone.example.com", net=dns.net()).policy is NONE
    assert {rdtype for _, rdtype in dns.asked} == {"TXT"}


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        ("", ValueError, "domain"),
        ("a b", ValueError, "domain"),
        ("a@b.test", ValueError, "e-mail"),
        (5, TypeError, "text"),
    ],
)
def test_bad_arguments(dns: DnsServer, value: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        dmarc.policy(value, net=dns.net())


# Alignment: section 4.4.  (records, From domain, spf, dkim, result, what each identifier missed, clause)
R = {"example.com": P_REJECT}
S = {"example.com": P_REJECT + "; adkim=s; aspf=s"}
OK, STRICT, RESULT, DOMAIN = dmarc.Missed.NOTHING, dmarc.Missed.STRICT, dmarc.Missed.RESULT, dmarc.Missed.DOMAIN
BOTH, UNKNOWN = dmarc.Missed.RESULT_AND_DOMAIN, dmarc.Missed.UNKNOWN
ALIGNMENT: list[tuple[dict[str, Any], str, Any, list[tuple[str, str]], str, list[str], str]] = [
    (R, "example.com", ("pass", "example.com"), [], "pass", [OK], "4.4.2"),
    (R, "example.com", None, [("pass", "example.com")], "pass", [OK], "4.4.1"),
    (R, "example.com", ("pass", "EXAMPLE.com."), [], "pass", [OK], "4.4"),
    (R, "example.com", ("pass", "bounce.example.com"), [], "pass", [OK], "4.4"),
    (R, "example.com", None, [("pass", "news.example.com")], "pass", [OK], "4.4"),
    (R, "news.example.com", ("pass", "example.com"), [], "pass", [OK], "4.4"),
    (R, "news.example.com", ("pass", "foo.example.com"), [], "pass", [OK], "4.4"),
    (R, "news.example.com", ("pass", "foo.example.net"), [], "fail", [DOMAIN], "4.4"),
    (R, "example.com", ("pass", "sender.test"), [("pass", "sender.test")], "fail", [DOMAIN, DOMAIN], "4.4"),
    (
        R,
        "example.com",
        ("pass", "sender.test"),
        [("pass", "sender.test"), ("pass", "example.com")],
        "pass",
        [DOMAIN, DOMAIN, OK],
        "4.4.1",
    ),
    (R, "example.com", ("fail", "example.com"), [("pass", "example.com")], "pass", [RESULT, OK], "5.3.5"),
    (R, "example.com", ("pass", "example.com"), [("fail", "example.com")], "pass", [OK, RESULT], "5.3.5"),
    (R, "example.com", ("fail", "example.com"), [("fail", "example.com")], "fail", [RESULT, RESULT], "5.3.5"),
    (R, "example.com", ("softfail", "example.com"), [], "fail", [RESULT], "4.4.2"),
    (R, "example.com", ("neutral", "example.com"), [], "fail", [RESULT], "4.4.2"),
    (R, "example.com", ("none", "example.com"), [], "fail", [RESULT], "4.4.2"),
    (R, "example.com", ("permerror", "example.com"), [], "fail", [RESULT], "4.4.2"),
    (R, "example.com", None, [("policy", "example.com")], "fail", [RESULT], "4.4.1"),
    (R, "example.com", ("fail", "sender.test"), [("fail", "sender.test")], "fail", [BOTH, BOTH], "4.4"),
    (R, "example.com", None, [], "fail", [], "5.3.5"),
    (R, "example.com", ("pass", "com"), [], "fail", [DOMAIN], "4.10.2"),
    (R, "example.com", ("pass", "notexample.com"), [], "fail", [DOMAIN], "4.4"),
    (R, "example.com", ("pass", "example.com.evil.test"), [], "fail", [DOMAIN], "4.4"),
    (R, "example.com", None, [("none", "")], "fail", [BOTH], "4.4.1"),
    (R, "example.com", ("pass", "bad name"), [], "fail", [DOMAIN], "4.4.2"),
    # Strict.
    (S, "example.com", ("pass", "example.com"), [], "pass", [OK], "4.4"),
    (S, "example.com", ("pass", "bounce.example.com"), [], "fail", [STRICT], "4.4"),
    (S, "example.com", None, [("pass", "news.example.com")], "fail", [STRICT], "4.4"),
    (S, "news.example.com", None, [("pass", "example.com")], "fail", [STRICT], "4.4"),
    (S, "news.example.com", None, [("pass", "news.example.com")], "pass", [OK], "4.4"),
    (S, "example.com", ("fail", "bounce.example.com"), [], "fail", [BOTH], "4.4"),
    (S, "example.com", ("pass", "sender.test"), [], "fail", [DOMAIN], "4.4"),
    (
        {"example.com": P_REJECT + "; aspf=s"},
        "example.com",
        ("pass", "b.example.com"),
        [("pass", "d.example.com")],
        "pass",
        [STRICT, OK],
        "4.7",
    ),
    (
        {"example.com": P_REJECT + "; adkim=s"},
        "example.com",
        ("pass", "b.example.com"),
        [("pass", "d.example.com")],
        "pass",
        [OK, STRICT],
        "4.7",
    ),
    # Where organizations begin.
    ({"example.com": P_NONE + "; psd=y"}, "a.example.com", ("pass", "b.example.com"), [], "fail", [DOMAIN], "4.10.2"),
    ({"example.com": P_NONE + "; psd=y"}, "x.a.example.com", ("pass", "y.a.example.com"), [], "pass", [OK], "4.10.2"),
    ({"com": P_NONE + "; psd=y"}, "a.example.com", ("pass", "b.example.com"), [], "pass", [OK], "4.10.2"),
    ({"com": P_NONE}, "example.com", ("pass", "other.com"), [], "pass", [OK], "11.8"),
    (
        {"com": P_NONE, "example.com": P_NONE + "; psd=n"},
        "example.com",
        ("pass", "other.com"),
        [],
        "fail",
        [DOMAIN],
        "11.8",
    ),
    (
        {"a.example.com": P_NONE + "; psd=n", "example.com": P_NONE},
        "a.example.com",
        ("pass", "example.com"),
        [],
        "fail",
        [DOMAIN],
        "4.10.2",
    ),
    (
        {"a.example.com": P_NONE + "; psd=n", "example.com": P_NONE},
        "x.a.example.com",
        ("pass", "y.a.example.com"),
        [],
        "pass",
        [OK],
        "4.10.2",
    ),
    (
        {"a.example.com": P_NONE, "example.com": P_NONE},
        "a.example.com",
        ("pass", "b.example.com"),
        [],
        "pass",
        [OK],
        "4.10.2",
    ),
    ({"a.example.com": P_NONE}, "a.example.com", ("pass", "example.com"), [], "fail", [DOMAIN], "4.10.2"),
    ({"a.example.com": P_NONE}, "a.example.com", ("pass", "a.example.com"), [], "pass", [OK], "4.10.2"),
    (
        {"mail.example.com": P_NONE, "example.com": P_NONE},
        "evil.example.com",
        ("pass", "mail.example.com"),
        [],
        "pass",
        [OK],
        "11.8",
    ),
    # No DMARC.
    ({}, "example.com", ("pass", "example.com"), [("pass", "example.com")], "none", [OK, OK], "5.3.2"),
    ({"example.com": [P_REJECT, P_NONE]}, "example.com", ("pass", "example.com"), [], "none", [OK], "4.10"),
    ({"example.com": "v=DMARC1; p=x"}, "example.com", ("fail", "example.com"), [], "none", [RESULT], "4.10.1"),
    (
        {"example.com": "v=DMARC1; p=x; rua=mailto:a@b.test"},
        "example.com",
        ("fail", "example.com"),
        [],
        "fail",
        [RESULT],
        "4.10.1",
    ),
    # What the DNS did not say.
    (R, "example.com", ("temperror", "example.com"), [], "temperror", [RESULT], "5.3.6"),
    (R, "example.com", ("temperror", "sender.test"), [], "fail", [BOTH], "5.3.6"),
    (R, "example.com", ("temperror", "example.com"), [("pass", "example.com")], "pass", [RESULT, OK], "5.3.6"),
    (R, "example.com", ("fail", "example.com"), [("temperror", "example.com")], "temperror", [RESULT, RESULT], "5.3.6"),
    ({**R, "sender.test": SERVFAIL}, "example.com", ("pass", "sender.test"), [], "temperror", [UNKNOWN], "5.3.6"),
    (
        {**R, "sender.test": SERVFAIL},
        "example.com",
        ("pass", "sender.test"),
        [("pass", "example.com")],
        "pass",
        [UNKNOWN, OK],
        "5.3.6",
    ),
    ({**R, "sender.test": SERVFAIL}, "example.com", ("fail", "sender.test"), [], "fail", [UNKNOWN], "5.3.6"),
    ({**S, "sender.test": SERVFAIL}, "example.com", ("pass", "sender.test"), [], "fail", [DOMAIN], "4.10.2"),
    ({"example.com": SERVFAIL}, "example.com", ("pass", "example.com"), [], "temperror", [OK], "5.3.6"),
    ({"example.com": P_REJECT, "com": SERVFAIL}, "example.com", ("pass", "example.com"), [], "pass", [OK], "4.10.2"),
    # International names are compared as A-labels.
    (
        {"xn--mller-kva.example": P_REJECT},
        "müller.example",
        ("pass", "XN--MLLER-KVA.example"),
        [],
        "pass",
        [OK],
        "5.3.1",
    ),
]


@pytest.mark.parametrize(
    ("records", "domain", "spf", "dkim", "result", "missed", "clause"),
    ALIGNMENT,
    ids=[f"{case[6]}-{case[4]}-{number}" for number, case in enumerate(ALIGNMENT)],
)
def test_alignment(
    dns: DnsServer,
    records: dict[str, Any],
    domain: str,
    spf: Any,
    dkim: list[tuple[str, str]],
    result: str,
    missed: list[str],
    clause: str,
) -> None:
    publish(dns, records)
    found = dmarc.align(domain, spf, dkim, net=dns.net())
    assert found.result == result, found.reason
    assert [row.missed for row in found.alignment] == missed
    assert all(row.note for row in found.alignment) and found.reason
    assert [row.counts for row in found.alignment] == [m == OK for m in missed]


def test_there_are_enough_cases() -> None:
    assert len(DISCOVERY) + len(ALIGNMENT) >= 120


def test_policy_of_an_alignment_is_the_one_that_applies(dns: DnsServer) -> None:
    publish(dns, {"example.com": P_NONE + "; sp=quarantine; np=reject; t=y", "A a.example.com": 1})
    policies = [
        dmarc.align(name, None, [], net=dns.net()).policy for name in ("example.com", "a.example.com", "b.example.com")
    ]
    assert policies == [NONE, NONE, QUARANTINE]


def test_many_signatures_cost_a_bounded_number_of_questions(dns: DnsServer) -> None:
    publish(dns, R)
    signatures = [("pass", f"d{number}.test") for number in range(500)]
    found = dmarc.align("example.com", ("pass", "s.test"), [*signatures, ("pass", "example.com")], net=dns.net())
    assert len(found.alignment) == 502 and len(dns.asked) < 40
    assert found.result == "pass"  # the author's own name needs no question


@pytest.mark.parametrize(
    ("spf", "dkim", "error"),
    [
        ("pass", [], TypeError),
        (("pass",), [], TypeError),
        (("passed", "a.test"), [], ValueError),
        (None, [("pass", "a.test", "sel")], TypeError),
        (None, ["pass"], TypeError),
        (None, [("ok", "a.test")], ValueError),
    ],
)
def test_bad_results(dns: DnsServer, spf: Any, dkim: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        dmarc.align("example.com", spf, dkim, net=dns.net())


# The old way, beside the new one.


@pytest.mark.parametrize(
    ("records", "domain", "old", "differs"),
    [
        ({"example.com": P_REJECT}, "a.b.example.com", ("found", "example.com", "example.com", REJECT, 2), ()),
        ({"example.com": P_REJECT}, "example.com", ("found", "example.com", "example.com", REJECT, 1), ()),
        ({}, "a.example.com", ("none", "", "example.com", None, 2), ("organizational",)),
        (
            {"mail.example.com": P_REJECT},
            "a.mail.example.com",
            ("none", "", "example.com", None, 2),
            ("old way no record", "organizational"),
        ),
        (
            {"co.uk": P_REJECT},
            "firm.co.uk",
            ("none", "", "firm.co.uk", None, 1),
            ("old way no record", "organizational"),
        ),
        (
            {"example.com": P_REJECT + "; pct=20"},
            "example.com",
            ("found", "example.com", "example.com", REJECT, 1),
            ("20 %",),
        ),
        (
            {"example.com": P_REJECT + "; t=y"},
            "example.com",
            ("found", "example.com", "example.com", REJECT, 1),
            ("policy",),
        ),
        (
            {"example.com": P_NONE + "; np=reject"},
            "gone.example.com",
            ("found", "example.com", "example.com", NONE, 2),
            ("policy",),
        ),
        (
            {"a.example.com": [P_NONE, P_REJECT], "example.com": P_REJECT},
            "a.example.com",
            ("none", "", "example.com", None, 1),
            ("old way no record",),
        ),
    ],
)
def test_old_way(dns: DnsServer, records: dict[str, Any], domain: str, old: Any, differs: tuple[str, ...]) -> None:
    publish(dns, records)
    found = dmarc.policy(domain, net=dns.net())
    was = found.old
    assert (was.status, was.where, was.organizational_domain, was.policy, len(was.queries)) == old
    assert len(found.differences) == len(differs)
    assert all(words in sentence for words, sentence in zip(differs, found.differences))
