"""What stands at a name before a plan puts a record there, and what a plan says beside its records."""

from __future__ import annotations

import pytest
from support_dns import dns_parts, dns_world
from support_services import PANEL

from mailkit import services, spf
from mailkit.lab import Lab
from mailkit.network import parse_paste
from mailkit.results import Verdict
from mailkit.services import Action

Records = dict[str, dict[str, list[str]]]

OFFERED = {"v=spf1 ip4:192.0.2.32/28 ~all"}
ENDS: Records = {name: {"TXT": list(OFFERED)} for name in ("_spf.elasticemail.com", "amazonses.com", "mailgun.org")}


def planned(name: str, records: Records, domain: str = "d.org", *zones: str) -> services.ServicePlan:
    with dns_world({**ENDS, **records}, timeout=20.0, zones=zones) as net:
        return services.plan(name, domain, net=net, panel=PANEL[name])


def actions(plan: services.ServicePlan) -> dict[str, Action]:
    return {change.part: change.action for change in plan.changes}


# --- wildcards: they answer for every name, and are in nobody's way ----------------------------------------------

WILD: dict[str, Records] = {
    "addresses": {"*.d.org": {"A": ["192.0.2.1"], "AAAA": ["2001:db8::1"]}},
    "texts and MX": {"*.d.org": {"TXT": ["v=spf1 -all", "other"], "MX": ["10 mx.d.org.", "20 mx2.d.org."]}},
    "an alias": {"*.d.org": {"CNAME": ["d.org."]}},
    "revoked keys": {"*._domainkey.d.org": {"TXT": ["v=DKIM1; p="]}},
    "two records of SPF": {"*.d.org": {"TXT": ["v=spf1 -all", "v=spf1 mx -all"]}},
}


@pytest.mark.parametrize("wild", WILD)
@pytest.mark.parametrize("name", PANEL)
def test_a_wildcard_is_in_nobody_s_way(name: str, wild: str) -> None:
    records: Records = {"d.org": {"A": ["192.0.2.1"], "TXT": ["v=spf1 mx -all"], "MX": ["10 mx.d.org."]}, **WILD[wild]}
    plain = actions(planned(name, {"d.org": records["d.org"]}))
    assert actions(planned(name, records)) == plain
    assert set(plain.values()) <= {Action.ADD, Action.REPLACE, Action.OPTIONAL}


def test_what_a_wildcard_answered_is_said_beside_the_record() -> None:
    plan = planned("Postmark", {"d.org": {"A": ["192.0.2.1"]}, **WILD["addresses"]})
    assert all("wildcard" in change.note for change in plan.changes if change.rdtype == "CNAME")
    assert "wildcard" in plan.ticket


@pytest.mark.parametrize("own", [{"A": ["192.0.2.9"]}, {"CNAME": ["other.org."]}, {"TXT": ["x"]}])
def test_a_record_of_the_name_s_own_beside_a_wildcard_is_in_the_way(own: dict[str, list[str]]) -> None:
    plan = planned("Postmark", {**WILD["addresses"], "pm-bounces.d.org": own})
    assert actions(plan)["return path"] is Action.CONFLICT


def test_the_record_that_is_wanted_is_there_by_a_wildcard_too() -> None:
    plan = planned("Mailchimp Transactional", {"*._domainkey.d.org": {"CNAME": ["dkim1.mandrillapp.com."]}})
    assert (actions(plan)["dkim 1"], actions(plan)["dkim 2"]) == (Action.THERE, Action.ADD)


@pytest.mark.parametrize("name", PANEL)
def test_a_domain_that_only_a_wildcard_answers_for_is_warned_that_it_goes(name: str) -> None:
    """RFC 4592 section 2.2: a name below it makes the domain exist, and the wildcard speaks for it no more."""
    wild: Records = {"*.d.org": {"A": ["192.0.2.1"], "MX": ["10 mx.d.org."]}, "d.org": {"A": ["192.0.2.1"]}}
    plan = planned(name, wild, "n.d.org", "d.org")
    assert any("(A, MX), and no longer does" in note for note in plan.notes)
    own: Records = {"n.d.org": {"A": ["192.0.2.1"], "MX": ["10 mx.d.org."], "TXT": ["x"]}}
    for records, domain in (({**wild, **own}, "m.n.d.org"), (wild, "d.org")):
        assert not any("no longer does" in note for note in planned(name, records, domain, "d.org").notes)


def test_the_warning_about_a_wildcard_is_true(lab: Lab) -> None:
    lab.publish("*.kaisha.example", "A", "192.0.2.80")
    net = lab.network()
    assert net.lookup("n.kaisha.example", "A").records == ("192.0.2.80",)
    lab.paste(services.plan("sender.example", "n.kaisha.example", net=net).zone_text)
    lab.advance(3600)
    assert net.lookup("n.kaisha.example", "A").records == ()


# --- aliases and MX: nothing is offered that a zone cannot hold --------------------------------------------------


@pytest.mark.parametrize("name", PANEL)
def test_no_record_is_offered_at_a_name_that_is_an_alias(name: str) -> None:
    free = planned(name, {"n.d.org": {"A": ["192.0.2.1"]}}, "n.d.org")
    names = {change.name for change in free.changes if change.part != "dmarc"}
    aliased: Records = {each: {"CNAME": ["elsewhere.org."]} for each in names}
    plan = planned(name, {**aliased, "elsewhere.org": {"TXT": ["v=spf1 -all"], "A": ["192.0.2.7"]}}, "n.d.org")
    assert {change.action for change in plan.changes if change.name in names} == {Action.CONFLICT}
    assert not {record.name for record in plan.records} & names


@pytest.mark.parametrize("name", ["Amazon SES", "Resend"])
def test_a_return_path_at_amazon_has_exactly_one_mx(name: str) -> None:
    free = planned(name, {"d.org": {"A": ["192.0.2.1"]}})
    (path,) = [change.name for change in free.changes if change.rdtype == "MX"]
    plan = planned(name, {path: {"MX": ["10 feedback-smtp.us-east-1.amazonses.com."]}})
    (change,) = [change for change in plan.changes if change.rdtype == "MX"]
    assert change.action is Action.CONFLICT and "us-east-1" in change.note


def test_one_of_two_mx_leaves_room_for_the_other() -> None:
    plan = planned("Mailgun", {"mg.d.org": {"MX": ["10 MXA.mailgun.org."]}})
    assert (actions(plan)["inbound 1"], actions(plan)["inbound 2"]) == (Action.THERE, Action.OPTIONAL)


def test_an_optional_record_that_cannot_stand_there_is_no_failure() -> None:
    plan = planned("SMTP2GO", {"link.d.org": {"A": ["192.0.2.1"]}, "em588925.d.org": {"A": ["192.0.2.1"]}})
    found = {finding.subject: finding.verdict for finding in plan.findings}
    assert found["link.d.org"] is Verdict.INFO and found["em588925.d.org"] is Verdict.FAIL


# --- the first SPF record ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "terms"),
    [({"MX": ["10 mx.d.org."]}, "mx include"), ({"A": ["192.0.2.1"]}, "a include"), ({"MX": ["0 ."]}, "include")],
)
def test_the_first_spf_record_names_the_domain_s_own_servers_by_the_term_that_finds_them(
    records: dict[str, list[str]], terms: str
) -> None:
    plan = planned("Elastic Email", {"d.org": records, "mx.d.org": {"A": ["192.0.2.1"]}})
    (change,) = [change for change in plan.changes if change.part == "spf"]
    assert change.value == f"v=spf1 {terms}:_spf.elasticemail.com ~all"
    assert "first SPF record" in change.note


SPLIT: Records = {
    "d.org": {"TXT": ["v=spf1 mx include:_spf.x.org -all"], "MX": ["10 mx.d.org."]},
    "mx.d.org": {"A": ["192.0.2.1"]},
    "_spf.x.org": {"TXT": ["v=spf1 ip4:192.0.2.5 -all"]},
}


@pytest.mark.parametrize("dead", ["_spf.elasticemail.com", "_spf.x.org"])
def test_an_spf_record_that_cannot_be_counted_to_its_end_is_not_offered(dead: str) -> None:
    with dns_parts(ENDS | SPLIT, timeout=20.0) as world:
        world.resolver.fault(dead, "servfail", subtree=True)
        plan = services.plan("Elastic Email", "d.org", net=world.net, panel=PANEL["Elastic Email"])
    (change,) = [change for change in plan.changes if change.part == "spf"]
    assert change.action is Action.UNKNOWN and dead in change.note
    assert change.zone_line.startswith("; unknown") and "d.org" not in {record.name for record in plan.records}


@pytest.mark.parametrize("terms", ["mx +all", "mx all", "mx ALL"])
def test_that_nobody_but_those_named_may_send_any_more_is_said(terms: str) -> None:
    plan = planned("Elastic Email", {**SPLIT, "d.org": {"TXT": [f"v=spf1 {terms}"]}})
    (change,) = [change for change in plan.changes if change.part == "spf"]
    assert change.action is Action.REPLACE and change.value.endswith("?all") and "lets everybody send" in change.note


@pytest.mark.parametrize("terms", ["mx -all", "mx ~all", "mx ?all", "mx", "exists:%{i}._s.x.org mx -all exp=e.x.org"])
def test_what_the_record_says_of_everybody_else_stays(terms: str) -> None:
    plan = planned("Elastic Email", {**SPLIT, "d.org": {"TXT": [f"v=spf1 {terms}"], "MX": ["10 mx.d.org."]}})
    (change,) = [change for change in plan.changes if change.part == "spf"]
    assert change.action is Action.REPLACE and not change.note
    assert [
        term for term in change.value.split() if term != "include:_spf.elasticemail.com"
    ] == f"v=spf1 {terms}".split()


# --- DMARC -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Brevo", "Mailchimp Transactional"])
@pytest.mark.parametrize("texts", [["v=DMARC1; p=reject", "v=DMARC1; p=none"], ["v=DMARC1; p=nonsense"]])
def test_no_second_dmarc_record_is_offered_beside_one_that_does_not_count(name: str, texts: list[str]) -> None:
    plan = planned(name, {"d.org": {"A": ["192.0.2.1"]}, "_dmarc.d.org": {"TXT": texts}})
    (change,) = [change for change in plan.changes if change.part == "dmarc"]
    assert change.action is Action.CONFLICT and "lesson 06" in change.note
    assert "_dmarc.d.org" not in {record.name for record in plan.records}


@pytest.mark.parametrize("domain", ["d.org", "n.d.org"])
def test_a_dmarc_record_that_serves_is_shown_as_it_stands_and_where(domain: str) -> None:
    text = "v=DMARC1; p=reject; rua=mailto:r@d.org"
    plan = planned("Brevo", {"_dmarc.d.org": {"TXT": [text]}, "n.d.org": {"A": ["192.0.2.1"]}}, domain)
    (change,) = [change for change in plan.changes if change.part == "dmarc"]
    assert (change.action, change.name, change.value) == (Action.THERE, "_dmarc.d.org", text)
    assert "Already there: TXT at _dmarc.d.org" in plan.ticket


def noted(name: str, dmarc: str, **more: dict[str, list[str]]) -> str:
    return " ".join(planned(name, {"d.org": {"A": ["192.0.2.1"]}, "_dmarc.d.org": {"TXT": [dmarc]}, **more}).notes)


@pytest.mark.parametrize(
    "name", ["SMTP2GO", "Elastic Email", "Amazon SES", "SendGrid", "Postmark", "Resend", "Mailgun"]
)
def test_strict_spf_alignment_fails_with_a_return_path_below_the_domain(name: str) -> None:
    assert "aspf=s" in noted(name, "v=DMARC1; p=none; aspf=s")
    assert "aspf=s" not in noted(name, "v=DMARC1; p=none; aspf=r")


@pytest.mark.parametrize("name", PANEL)
def test_strict_dkim_alignment_fails_where_a_name_below_the_domain_signs(name: str) -> None:
    assert ("adkim=s" in noted(name, "v=DMARC1; p=none; adkim=s")) == (name == "Mailgun")


@pytest.mark.parametrize(("policy", "said"), [("none", False), ("quarantine", True), ("reject", True)])
def test_a_policy_with_teeth_wants_the_records_first(policy: str, said: bool) -> None:
    assert (f"DMARC says {policy}" in noted("Brevo", f"v=DMARC1; p={policy}")) is said


def test_a_domain_that_takes_no_mail_is_told_so() -> None:
    plan = planned("Brevo", {"d.org": {"MX": ["0 ."]}})
    assert any("RFC 7505" in note for note in plan.notes)
    assert not any("RFC 7505" in note for note in planned("Brevo", {"d.org": {"MX": ["10 mx.d.org."]}}).notes)


# --- zones, long names and other scripts -------------------------------------------------------------------------


@pytest.mark.parametrize("dead", ["d.org", "n.d.org"])
def test_where_the_dns_does_not_say_the_zone_no_relative_name_is_made_up(dead: str) -> None:
    with dns_parts(ENDS | {"d.org": {"A": ["192.0.2.1"]}}, zones=["d.org"], timeout=20.0) as world:
        world.resolver.fault(dead, "servfail", subtree=True)
        plan = services.plan("Mailgun", "n.d.org", net=world.net, panel=PANEL["Mailgun"])
    assert plan.zone == "" and "Zone: not known" in plan.ticket
    assert all(change.relative == change.name for change in plan.changes)
    assert {change.action for change in plan.changes} == {Action.UNKNOWN}


def test_a_domain_that_does_not_exist_is_named(lab: Lab) -> None:
    net = lab.network()
    assert any("check how it is spelled" in note for note in services.plan("Brevo", "kaisya.example", net=net).notes)
    for domain in ("kaisha.example", "new.kaisha.example"):
        assert not any("spelled" in note for note in services.plan("Brevo", domain, net=net).notes)


@pytest.mark.parametrize("domain", ["日本語.d.org", f"{'a' * 40}.{'b' * 40}.org"])
def test_a_target_that_nobody_can_tell_is_left_to_the_panel(domain: str) -> None:
    with dns_world(ENDS, timeout=20.0) as net:
        plan = services.plan("Brevo", domain, net=net, panel=PANEL["Brevo"])
        given = {**PANEL["Brevo"], "domain_with_dashes": "abc"}
        whole = services.plan("Brevo", domain, net=net, panel=given)
    assert {part: action for part, action in actions(plan).items() if "dkim" in part} == {
        "dkim 1": Action.WAITS,
        "dkim 2": Action.WAITS,
    }
    assert {c.value for c in whole.changes if c.rdtype == "CNAME"} == {f"b{n}.abc.dkim.brevo.com." for n in (1, 2)}


@pytest.mark.parametrize("name", PANEL)
def test_an_internationalised_domain_is_planned_in_a_labels(name: str) -> None:
    with dns_world(ENDS, timeout=20.0) as net:
        plan = services.plan(name, "日本語.d.org", net=net, panel=PANEL[name])
    assert plan.domain == "xn--wgv71a119e.d.org"
    assert all(change.name.endswith(plan.domain) and change.name.isascii() for change in plan.changes)
    assert set(parse_paste(plan.zone_text)) == set(plan.records)


@pytest.mark.parametrize("name", PANEL)
def test_a_name_with_no_room_below_it_is_refused_with_a_sentence(name: str, lab: Lab) -> None:
    domain = ".".join(["a" * 60] * 4)
    with pytest.raises(ValueError, match="could be published below it"):
        services.plan(name, domain, net=lab.network())
    with pytest.raises(ValueError, match="could be published below it"):
        services.detect(domain, net=lab.network())


# --- pasted ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PANEL)
def test_what_is_pasted_over_a_wildcard_is_found_there_afterwards(name: str, lab: Lab) -> None:
    for included, records in ENDS.items():
        lab.publish(included, "TXT", *records["TXT"])
    lab.withdraw("s1._domainkey.kaisha.example", "CNAME")
    lab.publish("*.kaisha.example", "A", "192.0.2.80")
    lab.publish("*.kaisha.example", "TXT", "v=spf1 -all")
    net = lab.network()
    lab.paste(services.plan(name, "kaisha.example", net=net, panel=PANEL[name]).zone_text)
    after = services.plan(name, "kaisha.example", net=net, panel=PANEL[name])
    assert {change.action for change in after.changes} <= {Action.THERE, Action.OPTIONAL}
    assert spf.check("192.0.2.58", "hanako@kaisha.example", "smtp.kaisha.example", net=net).result == "pass"
