"""What a sender demands, and its memory of policies: the attacker hides the record, and the sender keeps to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support_dns import dns_parts
from support_policy import POLICY, RECORDS, response, site

from mailkit.clients import Sent
from mailkit.lab import world
from mailkit.results import Outcome, Stage
from mailkit.transport_policy import HONOURS, Level, PolicyCache, decide, result_type, waives_tls

WEEK = 604800


def test_a_policy_is_fetched_once_and_kept(tmp_path):
    cache = PolicyCache()
    with site(tmp_path) as (net, web):
        first = cache.policy("kaisha.example", net=net)
        second = cache.policy("Kaisha.example", net=net)
        assert (first.source, second.source, len(web.asked)) == ("fetched", "cache", 1)
        (row,) = cache.rows(net=net)
        assert (row.domain, row.id, row.mode, row.until - row.fetched) == (
            "kaisha.example", "20261124", "enforce", timedelta(seconds=WEEK),
        )  # fmt: skip


def test_a_sender_keeps_to_a_policy_when_the_record_is_hidden_until_max_age_has_passed(tmp_path):
    cache = PolicyCache()
    with site(tmp_path) as (net, web):
        clock = web.world.clock
        cache.policy("kaisha.example", net=net)
        web.world.authority.withdraw("_mta-sts.kaisha.example", "TXT")
        web.world.resolver.flush()
        clock.advance(WEEK - 1)
        known = cache.policy("kaisha.example", net=net)
        assert (known.source, known.policy.mode) == ("cache", "enforce")
        assert "no MTA-STS record" in known.reason
        assert decide("kaisha.example", "mx.kaisha.example", net=net, honours=["mta_sts"], cache=cache).level is (
            Level.VERIFY
        )
        clock.advance(1)
        assert cache.policy("kaisha.example", net=net).policy is None
        assert len(cache.rows(net=net)) == 0


@pytest.mark.parametrize("kind", ["servfail", "lie", "hide"])
def test_nor_does_a_failing_or_lying_resolver_undo_a_policy(tmp_path, kind):
    cache = PolicyCache()
    with site(tmp_path) as (net, web):
        web.world.resolver.fault("_mta-sts.kaisha.example", kind)
        assert cache.policy("kaisha.example", net=net).policy is None  # first contact
        web.world.resolver.heal("_mta-sts.kaisha.example")
        cache.policy("kaisha.example", net=net)
        web.world.resolver.fault("_mta-sts.kaisha.example", kind)
        assert cache.policy("kaisha.example", net=net).source == "cache"


def test_a_new_id_is_a_new_policy_and_one_that_cannot_be_fetched_leaves_the_old(tmp_path):
    cache = PolicyCache()
    with site(tmp_path) as (net, web):
        cache.policy("kaisha.example", net=net)
        web.says = response(POLICY.replace(b"enforce", b"testing"))
        assert cache.policy("kaisha.example", net=net).policy.mode == "enforce"  # the id is the same
        web.world.authority.publish("_mta-sts.kaisha.example", "TXT", "v=STSv1; id=2")
        web.world.resolver.flush()
        assert cache.policy("kaisha.example", net=net).policy.mode == "testing"
        web.says = response(status="404 Not Found")
        web.world.authority.publish("_mta-sts.kaisha.example", "TXT", "v=STSv1; id=3")
        web.world.resolver.flush()
        known = cache.policy("kaisha.example", net=net)
        assert (known.source, known.policy.mode) == ("cache", "testing") and "404" in known.reason


def test_a_policy_is_fetched_anew_before_it_ends(tmp_path):
    cache = PolicyCache()
    with site(tmp_path) as (net, web):
        cache.policy("kaisha.example", net=net)
        web.world.clock.advance(WEEK / 2 - 1)
        assert cache.policy("kaisha.example", net=net).source == "cache"
        web.world.clock.advance(1)
        assert cache.policy("kaisha.example", net=net).source == "fetched"
        web.world.clock.advance(WEEK - 1)
        web.says = response(status="503 Later")
        assert cache.policy("kaisha.example", net=net).source == "cache"


def test_the_mode_none_ends_a_policy(tmp_path):
    cache = PolicyCache()
    with site(tmp_path) as (net, web):
        cache.policy("kaisha.example", net=net)
        web.says = response(b"version: STSv1\r\nmode: none\r\nmax_age: 86400\r\n")
        web.world.authority.publish("_mta-sts.kaisha.example", "TXT", "v=STSv1; id=2")
        web.world.resolver.flush()
        found = decide("kaisha.example", "mx.kaisha.example", net=net, honours=["mta_sts"], cache=cache)
        assert (found.level, found.basis) == ("may", "no-policy-found")


def test_cached_policies_can_be_forgotten(tmp_path):
    cache = PolicyCache()
    with site(tmp_path) as (net, _):
        cache.policy("kaisha.example", net=net)
        cache.forget()
        assert len(cache.rows(net=net)) == 0


def test_a_host_that_the_policy_does_not_name(tmp_path):
    with site(tmp_path) as (net, web):
        found = decide("kaisha.example", "mx.spoof.example", net=net, honours=["mta_sts"])
        assert (found.level, found.basis, found.enforced, found.may_try) == ("not here", "sts", True, False)
        web.says = response(POLICY.replace(b"enforce", b"testing"))
        found = decide("kaisha.example", "mx.spoof.example", net=net, honours=["mta_sts"])
        assert (found.level, found.enforced) == ("not here", False)
        found = decide("kaisha.example", "mx.kaisha.example", net=net, honours=["mta_sts"])
        assert (found.level, found.enforced, found.policy_text[1]) == ("verify", False, "mode: testing")


def test_who_honours_nothing_asks_for_nothing(tmp_path):
    with site(tmp_path) as (net, web):
        found = decide("kaisha.example", "mx.kaisha.example", net=net, honours=[])
        assert (found.level, found.demand(net), web.asked) == ("may", None, [])
        with pytest.raises(ValueError, match="honours is a list of mta_sts, dane"):
            decide("kaisha.example", "mx.kaisha.example", net=net, honours=["dnssec"])
        with pytest.raises(ValueError, match="honours is a list"):
            decide("kaisha.example", "mx.kaisha.example", net=net, honours="dane")


TLSA = f"3 1 1 {'ab' * 32}"


def test_dane_comes_first_and_an_unsigned_mx_switches_it_off(tmp_path):
    records = {**RECORDS, "_25._tcp.mx.kaisha.example": {"TLSA": [TLSA]}, "isp.example": {"MX": ["1 mx.isp.example."]}}
    with site(tmp_path, records=records) as (net, web):
        found = decide("kaisha.example", "mx.kaisha.example", net=net)
        assert (found.level, found.basis, found.policy_text, web.asked) == ("dane", "tlsa", (TLSA,), [])
        web.world.authority.publish("_25._tcp.mx.kaisha.example", "TLSA", "1" + TLSA[1:])
        web.world.resolver.flush()
        assert decide("kaisha.example", "mx.kaisha.example", net=net).level is Level.ENCRYPT
        web.world.authority.withdraw("_25._tcp.mx.kaisha.example", "TLSA")
        web.world.resolver.flush()
        assert decide("kaisha.example", "mx.kaisha.example", net=net).basis == "sts"
        web.world.resolver.fault("_25._tcp.mx.kaisha.example", "lie")
        found = decide("kaisha.example", "mx.kaisha.example", net=net)
        assert (found.level, found.result_type) == ("not now", "dnssec-invalid")
        web.world.resolver.heal("_25._tcp.mx.kaisha.example")
        for kind in ("lie", "servfail"):
            web.world.resolver.fault("kaisha.example", kind)
            assert decide("kaisha.example", "mx.kaisha.example", net=net).level is Level.NOT_NOW
    with dns_parts(records, zones=["kaisha.example"], unsigned=["kaisha.example"], timeout=20.0) as parts:
        assert decide("kaisha.example", "mx.kaisha.example", net=parts.net, honours=["dane"]).level is Level.MAY


def test_the_lab_knows_the_same_policies():
    assert world.HONOURS == HONOURS


SENT = Sent(Outcome.TLS_FAILURE, Stage.STARTTLS, "", False)


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (Sent(Outcome.OPEN, Stage.DATA, "250 ok", True), ""),
        (Sent(Outcome.REJECTED, Stage.RCPT, "550 no", True), ""),
        (Sent(Outcome.OPEN, Stage.DATA, "250 ok", False), "starttls-not-supported"),
        (Sent(Outcome.OPEN, Stage.DATA, "250 ok", False, "in the clear, since TLS failed: x"), "validation-failure"),
        (replace(SENT, verify_code=10), "certificate-expired"),
        (replace(SENT, verify_code=62), "certificate-host-mismatch"),
        (replace(SENT, verify_code=18), "certificate-not-trusted"),
        (SENT, "validation-failure"),
        (replace(SENT, encrypted=True), "validation-failure"),
        (replace(SENT, outcome=Outcome.REJECTED), "starttls-not-supported"),
        (replace(SENT, outcome=Outcome.TIMEOUT), "validation-failure"),
    ],
)
def test_what_a_report_calls_it(sent, name):
    assert result_type(sent) == name


@pytest.mark.parametrize(
    ("message", "waived"),
    [
        (b"TLS-Required: No\r\n\r\nx", True),
        (b"From: a\r\ntls-required:no\r\n\r\nx", True),
        (b"From: a\r\n\r\nTLS-Required: No\r\n", False),
        (b"TLS-Required: Yes\r\n\r\nx", False),
        (b"X-TLS-Required: No\r\n\r\nx", False),
        (b"", False),
    ],
)
def test_an_author_may_waive_tls(message, waived):
    assert waives_tls(message) is waived
