"""What lesson 07 rests on: its exercise agrees with the library, and its stories happen in the practice internet."""

from __future__ import annotations

import pytest
from support_worlds import OTHER_WORLD

from mailkit import transport_policy
from mailkit.exercises.transport_policy import solution_q3
from mailkit.lab import Lab
from mailkit.lab.attacks.senders import SENDERS, post
from mailkit.results import Verdict
from mailkit.transport_policy import MtaSts, plan

HANAKO = "hanako@kaisha.example"


@pytest.mark.parametrize("pattern", ["mx.kaisha.example", "*.kaisha.example", "kaisha.example"])
@pytest.mark.parametrize(
    "host", ["mx.kaisha.example", "MX.Kaisha.example", "a.mx.kaisha.example", "kaisha.example", "mx.notkaisha.example"]
)
def test_the_solution_names_the_hosts_that_the_library_names(pattern: str, host: str) -> None:
    policy = MtaSts("kaisha.example", True, True, "enforce", (pattern,))
    assert solution_q3(pattern, host) is policy.matches(host)


def test_a_new_certificate_before_its_record_stops_dane_alone_until_the_plan_is_published(lab: Lab) -> None:
    known, dane = SENDERS[2], SENDERS[3]
    lab.renew_certificate("mx.kaisha.example")
    assert "status=sent" in post(lab, known, HANAKO)
    assert "status=deferred" in post(lab, dane, HANAKO)
    lab.paste(plan("kaisha.example", net=lab.network()).zone)
    assert "status=sent" in post(lab, dane, HANAKO)


def test_a_mail_server_that_the_known_policy_does_not_name_gets_no_mail(lab: Lab) -> None:
    known = SENDERS[2]
    assert "status=sent" in post(lab, known, HANAKO)
    lab.publish("mx2.kaisha.example", "A", "192.0.2.25")
    lab.publish("kaisha.example", "MX", "10 mx2.kaisha.example.")
    assert "the policy does not name mx2.kaisha.example" in post(lab, known, HANAKO)


def test_the_other_world_has_policies_too() -> None:
    """So that rerunning the lesson there is a proof."""
    with Lab(OTHER_WORLD) as lab:
        net = lab.network("desk")
        sts = transport_policy.mta_sts("firma.example", net=net)
        assert (sts.valid, sts.mode) == (True, "testing") and sts.matches("mx1.firma.example")
        assert transport_policy.tls_rpt("firma.example", net=net).valid
        found = transport_policy.findings("firma.example", net=net)
        assert {f.check for f in found if f.verdict is Verdict.PASS} >= {"TLS-RPT", "DANE"}
        assert [f for f in found if f.verdict in (Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN)] == []
        assert lab.errors == []
