"""TLS-RPT: the record that says where reports go (RFC 8460 section 3)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support_dns import dns_world

from mailkit.network import Network
from mailkit.transport_policy.tls_rpt import mail_addresses, read_record, tls_rpt


@pytest.mark.parametrize(
    ("texts", "rua"),
    [
        (["v=TLSRPTv1; rua=mailto:tls@kaisha.example"], ("mailto:tls@kaisha.example",)),
        (["v=TLSRPTv1;rua=mailto:tls@kaisha.example;"], ("mailto:tls@kaisha.example",)),
        (
            ["v=TLSRPTv1; rua=https://reports.example/tls , mailto:a@kaisha.example"],
            ("https://reports.example/tls", "mailto:a@kaisha.example"),
        ),
        (["v=spf1 -all", "v=TLSRPTv1; x=y; rua=mailto:a@b.example"], ("mailto:a@b.example",)),
        (["v=TLSRPTv1; rua=mailto:a@b.example,ftp://b.example"], ("mailto:a@b.example", "ftp://b.example")),
    ],
)
def test_records_that_senders_can_use(texts, rua):
    found = read_record("kaisha.example", [text.encode() for text in texts])
    assert (found.valid, found.rua) == (True, rua), found.reason


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ([], "no TLS-RPT record"),
        (["v=spf1 -all"], "no TLS-RPT record"),
        (["v=TLSRPTv1; rua=mailto:a@b.example"] * 2, "2 records begin with v=TLSRPTv1"),
        (["v=TLSRPTv2; rua=mailto:a@b.example"], "does not begin with v=TLSRPTv1"),
        (["v=tlsrptv1; rua=mailto:a@b.example"], "does not begin with v=TLSRPTv1"),
        (["v=TLSRPT1; rua=mailto:a@b.example"], "does not begin with v=TLSRPTv1"),
        (["v=TLSRPTv1"], "has no rua="),
        (["v=TLSRPTv1; rua="], "rua= is not a URI"),
        (["v=TLSRPTv1; ruf=mailto:a@b.example"], "has no rua="),
        (["v=TLSRPTv1; rua=a@b.example"], "rua=a@b.example is not a URI such as mailto:"),
        (["v=TLSRPTv1; rua=mailto:"], "has no mail address"),
        (["v=TLSRPTv1; rua=mailto:nobody"], "has no mail address"),
        (["v=TLSRPTv1; rua=https:///x"], "names no host"),
        (["v=TLSRPTv1; rua=http://b.example/"], "begins with mailto: or https:"),
        (["v=TLSRPTv1; rua=mailto:a@b.example mailto:c@d.example"], "is not a URI"),
        (["v=TLSRPTv1; rua=mailto:a@b.example,"], "rua= is not a URI"),
        (["v=TLSRPTv1; rua"], "'rua' is not of the form name=value"),
        (["v=TLSRPTv1; rua=" + ",".join(["mailto:a@b.example"] * 21)], "more than 20 addresses"),
    ],
)
def test_records_that_senders_cannot_use(texts, reason):
    found = read_record("kaisha.example", [text.encode() for text in texts])
    assert (found.valid, found.rua) == (False, ()) and reason in found.reason, found.reason


def test_the_example_of_an_address_is_in_the_domain_that_was_asked_about():
    for record in (b"v=TLSRPTv1; rua=a@b.example", b"v=TLSRPTv1; rua=", b"v=TLSRPTv1; rua=mailto:a@c.example,"):
        assert "such as mailto:tls@firma.example" in read_record("firma.example", [record]).reason


def test_it_is_asked_for_below_the_domain():
    with dns_world({"_smtp._tls.kaisha.example": {"TXT": ["v=TLSRPTv1; rua=mailto:tls@kaisha.example"]}}) as net:
        assert tls_rpt("Kaisha.example.", net=net).valid is True
        assert tls_rpt("other.example", net=net).valid is False
    assert tls_rpt("kaisha.example", net=Network("internet", "here", (), timeout=0.1)).valid is None


def test_mail_addresses():
    rua = ("mailto:a%2Cb@kaisha.example", "mailto:tls@kaisha.example?subject=x", "https://x.example", "mailto:x")
    assert mail_addresses(rua) == ("tls@kaisha.example",)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_octets_raise(octets):
    read_record("kaisha.example", [octets, b"v=TLSRPTv1; rua=" + octets])
