"""Lesson 06 in the practice internet: the week of mail, what a report says, the tables and the figures."""

from __future__ import annotations

import base64
import io
import warnings
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from mailkit import datasets, dmarc, op25b, report
from mailkit.dmarc import Missed, Policy
from mailkit.figures import dmarc as figures
from mailkit.figures import dmarc_reports
from mailkit.lab import Lab, traffic
from mailkit.lab.attacks import spoofing
from mailkit.network import Network
from mailkit.network.names import same_name
from mailkit.results import Rows, Verdict

OURS, REPORTS = "kaisha.example", "dmarc-reports@kaisha.example"


@pytest.fixture
def net(lab: Lab) -> Network:
    return replace(lab.network("office"), timeout=60.0)


def ask_for(lab: Lab, policy: str) -> None:
    lab.publish(f"_dmarc.{OURS}", "TXT", f"v=DMARC1; p={policy}; rua=mailto:{REPORTS}")


def reports(lab: Lab) -> pd.DataFrame:
    return dmarc.read_reports([mail.message for mail in lab.inbox(REPORTS)])


# The week.


def test_a_week_shows_the_forgotten_senders_in_the_reports(lab: Lab) -> None:
    ask_for(lab, "none")
    assert str(traffic.week(lab)) == ("Seven days later: 55 messages in the name of kaisha.example, 0 of them refused.")
    read = reports(lab)
    by_source = read.groupby("source_ip", observed=True)["aligned"].agg(["min", "max"])
    assert by_source["min"].equals(by_source["max"]), "no sender passes now and then"
    assert {str(ip): bool(passed) for ip, passed in by_source["min"].items()} == {
        "192.0.2.20": False,  # the scanner
        "192.0.2.58": True,  # the staff
        "203.0.113.40": False,  # the newsletter
        "203.0.113.140": True,  # a forwarder
        "203.0.113.150": False,  # the spoofer
    }
    assert set(read["disposition"]) == {"none"} and set(read["org_name"]) == {"bigmail.example", OURS}
    assert int(read["count"].sum()) == 55 and read["begin"].nunique() == 7
    assert lab.errors == []


@pytest.mark.parametrize(
    ("policy", "fate", "refused"), [("none", "none", 0), ("quarantine", "quarantine", 0), ("reject", "reject", 13)]
)
def test_once_mended_only_forgeries_fail(lab: Lab, policy: str, fate: str, refused: int) -> None:
    ask_for(lab, policy)
    lab.publish("news.kaisha.example", "TXT", "v=spf1 include:_spf.sender.example -all")
    assert f"{refused} of them refused" in str(traffic.week(lab, mended=True))
    read = reports(lab)
    failing = read[~read["aligned"]]
    assert set(failing["source_ip"]) == {"203.0.113.150"}
    assert set(failing["disposition"]) == {fate}
    assert len(lab.inbox("alice@bigmail.example", "Junk")) == (13 if policy == "quarantine" else 0)


def test_enforced_before_it_is_mended_it_hits_the_companys_own(lab: Lab) -> None:
    """What the lesson says of raising the policy a week earlier."""
    ask_for(lab, "reject")
    traffic.week(lab)
    read = reports(lab)
    hit = read[read["disposition"] != "none"]
    hit = hit[~hit["aligned"]]
    assert {"192.0.2.20", "203.0.113.40"} <= set(hit["source_ip"])


def test_the_return_path_is_a_name_of_the_company() -> None:
    domain = traffic.RETURN_PATH.rpartition("@")[2]
    assert not same_name(domain, OURS) and domain.endswith(f".{OURS}")


# The report.


def test_the_report_has_this_lesson(net: Network) -> None:
    found = report.audit(OURS, net=net, lessons=["06_dmarc"], progress=False)
    assert {finding.lesson for finding in found} == {"06_dmarc"}
    assert {finding.verdict for finding in found} == {Verdict.PASS}


def test_a_parked_domain_is_not_told_to_sign(net: Network) -> None:
    policy = next(f for f in dmarc.lint("example.com", net=net) if f.check == "DMARC policy")
    assert (policy.verdict, policy.advice) == (Verdict.PASS, "") and "sign" not in policy.evidence


# The tables.


def test_the_receivers_of_the_lesson_are_in_the_table() -> None:
    rows = datasets.load("bulk_senders")
    for name in ("Gmail", "Yahoo", "Microsoft", "iCloud", "docomo", "au (KDDI)", "SoftBank"):
        assert rows["receiver"].str.contains(name, regex=False).any(), name
    by_name = rows.set_index("receiver")
    assert by_name.loc["Microsoft (outlook.com, hotmail.com, live.com)", "since"] == "2025-05-05"
    assert "5.7.515" in by_name.loc["Microsoft (outlook.com, hotmail.com, live.com)", "else"]
    assert "not Yahoo Japan" in " ".join(by_name.index)
    assert "RFC 7208 does not know" in by_name.loc["NTT docomo", "asks_for"]


def test_the_tags_are_those_that_the_reader_of_records_knows() -> None:
    rows = datasets.load("dmarc_tags").set_index("tag")
    removed = set(rows.index[rows["default"] == "removed"])
    assert removed == {"pct", "rf", "ri"}
    text = "v=DMARC1; " + "; ".join(f"{tag}=x" for tag in rows.index if tag != "v")
    record = dmarc.records.parse_record(text)
    assert record.unknown == () and {tag.partition("=")[0] for tag in record.removed} == removed
    default = dmarc.records.parse_record("v=DMARC1; p=none")
    assert (default.adkim, default.aspf, default.psd) == tuple(rows.loc[["adkim", "aspf", "psd"], "default"])


# The figures.


def texts(picture: figures.Picture) -> list[str]:
    return [text.get_text() for text in picture.figure.axes[0].texts]


def drawn(picture: figures.Picture) -> figures.Picture:
    """Return *picture*, drawn once: a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture.figure.savefig(io.BytesIO(), format="png", dpi=40)
    return picture


def aligned(net: Network, spf: tuple[str, str] | None, dkim: list[tuple[str, str]]) -> dmarc.Aligned:
    return dmarc.align(OURS, spf, dkim, net=net)


def test_identifiers_say_in_words_what_the_colours_say(lab: Lab, net: Network) -> None:
    letter = spoofing.spoof(lab)
    found = dmarc.evaluate(letter.message, "203.0.113.150", "bounce@spoof.example", spoofing.HOST, net=net)
    picture = drawn(figures.identifiers(found))
    assert texts(picture).count("✗ passed, for somebody else") == 2
    assert "✗ DMARC: fail" in texts(picture) and "kaisha.example" in texts(picture)
    lines = picture.alt.splitlines()
    assert lines[1] == "From line: kaisha.example" and lines[2].startswith("SPF pass for spoof.example")
    assert picture.png() == picture.png() and picture.png()[:4] == b"\x89PNG"


def test_identifiers_of_none_of_many_and_of_no_author(net: Network) -> None:
    nothing = drawn(figures.identifiers(aligned(net, None, [])))
    assert "Neither SPF nor DKIM gave a domain to compare." in texts(nothing)
    many = drawn(figures.identifiers(aligned(net, None, [("pass", f"{n}.spoof.example") for n in range(9)])))
    assert "3 more are not shown" in many.alt
    nobody = dmarc.evaluate(b"Subject: x\r\n\r\nHello.\r\n", "192.0.2.1", "a@spoof.example", "h.example", net=net)
    assert "no author can be told" in texts(drawn(figures.identifiers(nobody)))


@pytest.mark.parametrize("missed", list(Missed))
def test_every_way_to_miss_has_words_in_both_figures(missed: Missed, net: Network) -> None:
    one = aligned(net, ("pass", OURS), [])
    row = replace(one.alignment[0], missed=missed)
    case = replace(one, alignment=Rows(dmarc.Identifier, [row]))
    assert figures._STANDING[missed][2] in drawn(figures.identifiers(case)).alt
    assert figures._IN_A_CELL[missed][1] in drawn(figures.truth_table([case], [case])).alt


def test_the_truth_table_tells_relaxed_from_strict(lab: Lab, net: Network) -> None:
    pairs = [(("pass", "news.kaisha.example"), [("pass", "sender.example")]), (("fail", OURS), [("pass", OURS)])]
    relaxed = [aligned(net, *pair) for pair in pairs]
    lab.publish(f"_dmarc.{OURS}", "TXT", "v=DMARC1; p=none; aspf=s; adkim=s")
    strict = [aligned(net, *pair) for pair in pairs]
    picture = drawn(figures.truth_table(relaxed, strict, names=["service", "forwarded"]))
    first, second = picture.alt.splitlines()[1:]
    assert first.startswith("service: SPF news.kaisha.example passed, counts if relaxed")
    assert first.endswith("relaxed pass, strict fail") and second.endswith("relaxed pass, strict pass")
    assert texts(picture).count("✗ fail") == 1
    assert "No cases." in texts(drawn(figures.truth_table([], [])))
    with pytest.raises(ValueError, match="as many"):
        figures.truth_table(relaxed, [])


def test_of_several_signatures_the_one_that_counts_is_shown(net: Network) -> None:
    case = aligned(net, None, [("fail", OURS), ("pass", OURS)])
    assert "DKIM kaisha.example passed, and counts" in figures.truth_table([case], [case]).alt


def test_the_tree_walk_shows_both_ways(lab: Lab, net: Network) -> None:
    lab.publish("_dmarc.tokyo.kaisha.example", "TXT", "v=DMARC1; p=reject")
    plain = drawn(figures.tree_walk(dmarc.policy("shop.tokyo.kaisha.example", net=net)))
    assert "a record, passed over" in texts(plain) and texts(plain).count("this record applies") == 2
    assert "Both come to the same." in texts(plain)
    lab.publish("_dmarc.tokyo.kaisha.example", "TXT", "v=DMARC1; p=reject; psd=n")
    own = drawn(figures.tree_walk(dmarc.policy("shop.tokyo.kaisha.example", net=net)))
    assert "tokyo.kaisha.example asks for reject" in texts(own) and "They differ: " in own.alt
    long = drawn(figures.tree_walk(dmarc.policy("a.b.c.d.e.f.g.h.mail.kaisha.example", net=net)))
    assert "8  _dmarc.example" in texts(long)


@pytest.mark.parametrize("fault", ["servfail", "silence"])
def test_the_tree_walk_calls_unknown_what_was_not_answered(lab: Lab, fault: str) -> None:
    lab.resolver.fault("_dmarc.sender.example", fault)
    found = dmarc.policy("sender.example", net=lab.network("office"))
    picture = drawn(figures.tree_walk(found))
    assert "not known: the DNS did not say" in texts(picture) and "no DMARC" not in texts(picture)
    lab.reset()


def test_no_record_is_no_dmarc(net: Network) -> None:
    picture = drawn(figures.tree_walk(dmarc.policy("sender.example", net=net)))
    assert texts(picture).count("no DMARC") == 2


def test_the_sources_of_a_week_have_their_names(lab: Lab, net: Network) -> None:
    ask_for(lab, "none")
    traffic.week(lab)
    week = reports(lab)
    found = dmarc.sources(week, net=net)
    assert {row.address for row in found} == set(week["source_ip"])
    assert sum(row.messages for row in found) == week["count"].sum()
    assert sum(row.passed for row in found) == week.loc[week["aligned"], "count"].sum()
    assert [row.messages for row in found] == sorted((row.messages for row in found), reverse=True)
    names = {row.address: row.name for row in op25b.reverse([row.address for row in found], net=net)}
    assert {row.address: row.name for row in found} == names and any(names.values())
    assert all(row.first <= row.last for row in found)


def test_sources_of_strange_reports(net: Network) -> None:
    """What is no address has no name; of many sources those with most mail are shown."""
    table = frame(*((0, number + 1, "none", number % 2 == 0) for number in range(60)))
    table = table.assign(source_ip=[f"<b>{n}" for n in range(60)], spf_domain="s.test", dkim_domain="")
    found = dmarc.sources(table, net=net)
    assert (len(found), found[0].messages, found[0].address) == (50, 60, "<b>59")
    assert (found[0].passed, found[1].passed, found[0].spf_domain, found[0].first) == (0, 59, "s.test", "2026-11-24")
    assert {(row.name, row.confirmed) for row in found} == {("", None)} and "10 more sources" in found.caption
    assert "<b>" not in found._repr_html_()
    assert len(dmarc.sources(table[:0], net=net)) == 0
    with pytest.raises(ValueError, match="this one has no source_ip"):
        dmarc.sources(frame((0, 1, "none", True)), net=net)


MORNING = datetime(2026, 11, 24, tzinfo=UTC)


def frame(*rows: tuple[int, int, str | None, bool]) -> pd.DataFrame:
    """Rows of (day, count, disposition, aligned) as read_reports gives them, as far as the figure needs them."""
    columns: dict[str, Any] = {
        "begin": pd.to_datetime([MORNING + timedelta(days=day) for day, *_ in rows], utc=True),
        "count": [count for _, count, *_ in rows],
        "disposition": pd.Categorical([word for *_, word, _ in rows]),
        "aligned": [passed for *_, passed in rows],
    }
    return pd.DataFrame(columns)


def test_days_count_messages_by_what_became_of_them() -> None:
    picture = drawn(
        dmarc_reports.days(
            frame((0, 5, "none", True), (0, 2, "quarantine", False), (1, 1, "reject", False), (1, 3, "none", False))
        )
    )
    assert picture.alt.splitlines()[1:] == [
        "2026-11-24: 5 passed DMARC, 2 failed: Junk",
        "2026-11-25: 3 failed, and was let through, 1 failed: refused",
    ]
    assert {"✓ 5", "▼ 2", "! 3", "✗ 1", "7", "4"} <= set(texts(picture))


def test_days_of_strange_words_of_many_days_and_of_none() -> None:
    strange = dmarc_reports.days(frame((0, 1, "<b>", False), (0, 2, None, False), (0, 1, "pass", True)))
    assert "3 failed: the report does not say" in drawn(strange).alt and "1 passed DMARC" in strange.alt
    many = drawn(dmarc_reports.days(frame(*((day, 1, "none", True) for day in range(40)))))
    assert "… 9 earlier days …" in texts(many) and len(many.alt.splitlines()) == 32
    assert "No reports." in texts(drawn(dmarc_reports.days(frame((0, 1, "none", True))[:0])))


def sent(*rows: tuple[str, int, int, bool]) -> pd.DataFrame:
    """Rows of (address, day, count, aligned) as read_reports gives them, as far as the senders' figure needs them."""
    table = frame(*((day, count, "none", passed) for _, day, count, passed in rows))
    return table.assign(source_ip=[address for address, *_ in rows], spf_domain="s.test", dkim_domain="")


def known(address: str, name: str = "", confirmed: bool | None = None) -> dmarc.Source:
    return dmarc.Source(address, name, confirmed, 1, 0, "", "", "", "")


def test_senders_by_day_aligned_or_not() -> None:
    table = sent(
        ("192.0.2.1", 0, 4, True), ("192.0.2.1", 1, 3, True), ("192.0.2.2", 0, 2, True), ("192.0.2.2", 0, 1, False),
        ("192.0.2.3", 1, 12_345, False),
    )  # fmt: skip
    found = [known("192.0.2.3", "spoof.example", False), known("192.0.2.1", "mx.a.example", True), known("192.0.2.2")]
    picture = drawn(dmarc_reports.senders(table, found))
    assert picture.alt.splitlines()[1:] == [
        "spoof.example, 192.0.2.3 (name not confirmed); in all 0 of 12345 aligned; 2026-11-25 0 of 12345 aligned",
        "mx.a.example, 192.0.2.1; in all 7 of 7 aligned; 2026-11-24 4 of 4 aligned; 2026-11-25 3 of 3 aligned",
        "no reverse name, 192.0.2.2; in all 2 of 3 aligned; 2026-11-24 2 of 3 aligned",
    ]
    assert {"✗ 12k", "✓ 7", "✓ 4", "! 2", "✗ 1", "11-24", "11-25", "all", "no reverse name"} <= set(texts(picture))
    assert not {"before", "others"} & set(texts(picture))


def test_many_senders_share_a_row_and_many_days_a_column() -> None:
    rows = [(f"192.0.2.{number}", day, 60 - number, number % 2 == 0) for number in range(50) for day in range(10)]
    picture = drawn(dmarc_reports.senders(sent(*rows), [known(f"192.0.2.{number}") for number in range(50)]))
    lines = picture.alt.splitlines()
    assert len(lines) == 1 + 12 + 1 and lines[1].startswith("no reverse name, 192.0.2.0; in all 600 of 600 aligned;")
    assert "before 240 of 240 aligned; 2026-11-28 60 of 60" in lines[1] and "2026-11-27 " not in lines[1]
    assert lines[-1].startswith("38 others, each with fewer; in all 5700 of 11210 aligned; before")
    assert {"38 others", "before", "4 days"} <= set(texts(picture))
    total = sum(int(line.partition("in all ")[2].split()[2]) for line in lines[1:])
    assert total == sum(count for _, _, count, _ in rows)  # nothing is lost


def test_senders_of_nothing_and_hostile_ones() -> None:
    assert "No reports." in texts(drawn(dmarc_reports.senders(sent(("192.0.2.1", 0, 1, True))[:0], [])))
    hostile = "$x^2$\u202e<b>" + "W" * 5000
    table = sent((hostile, 0, 10**15, False), ("", 0, 1, True), ("", 1, 1, False))
    picture = drawn(dmarc_reports.senders(table, [known(hostile, hostile, True), known("")], title=hostile))
    assert all(len(line) < 1000 for line in picture.alt.splitlines()) and "✗ 1000T" in texts(picture)


def test_the_week_of_the_lesson_in_the_figure_of_senders(lab: Lab) -> None:
    traffic.week(lab)
    week = dmarc.read_reports([mail.message for mail in lab.inbox(REPORTS)])
    found = dmarc.sources(week, net=lab.network("office"))
    picture = drawn(dmarc_reports.senders(week, found))
    assert [line.split(",")[0] for line in picture.alt.splitlines()[1:]] == [source.name for source in found]
    for source, line in zip(found, picture.alt.splitlines()[1:], strict=True):
        assert f"in all {source.passed} of {source.messages} aligned" in line


def test_hostile_names_do_not_break_the_figures(net: Network) -> None:
    hostile = "$x^2$\u202e" + "W" * 5000
    found = aligned(net, ("pass", "spoof.example"), [("pass", "spoof.example")])
    rows = [replace(row, domain=hostile, note=hostile) for row in found.alignment]
    case = replace(found, domain=hostile, reason=hostile, alignment=Rows(dmarc.Identifier, rows))
    drawn(figures.identifiers(case))
    drawn(figures.truth_table([case], [case], names=[hostile], title=hostile))
    walk = dmarc.policy("www.kaisha.example", net=net)
    queries = [replace(query, name=hostile, note=hostile, record=hostile) for query in walk.queries]
    drawn(figures.tree_walk(replace(walk, domain=hostile, queries=Rows(dmarc.Query, queries))))


def test_a_picture_in_the_notebook_is_a_png(net: Network) -> None:
    picture = figures.tree_walk(dmarc.policy(OURS, net=net))
    assert base64.b64encode(picture._repr_png_()[0])[:8] == b"iVBORw0K"
    assert dmarc.policy(OURS, net=net).policy is Policy.QUARANTINE
