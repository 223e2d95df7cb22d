"""The report as a page, a ticket, a scorecard, and what changed since the last one."""

from __future__ import annotations

import html.parser
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mailkit import report, spf
from mailkit.figures import report as figures
from mailkit.lab import Lab
from mailkit.network import Network
from mailkit.network.records import parse_paste
from mailkit.report.comparing import ChangeKind, compare
from mailkit.results import Finding, Rows, Verdict


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    with Lab() as lab:
        yield lab.network()


@pytest.fixture(scope="module")
def found(net: Network) -> Rows[Finding]:
    names = ["mistakes.example", "kaisha.example", "example.com"]
    return report.audit(names, net=net, dns_only=True, progress=False)


def made(verdict: Verdict, check: str = "SPF all", domain: str = "kaisha.example", **more: str) -> Finding:
    cells = {"evidence": "seen", "lesson": "04_spf", **more}
    return Finding(check, domain, verdict, domain=domain, **cells)


# The page.


class Tags(html.parser.HTMLParser):
    """Collects the tags and attributes, and complains of what is not closed."""

    VOID = ("meta", "br")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def tags(page: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Tags()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser.found


def test_the_page_holds_every_finding_and_fetches_and_runs_nothing(found: Rows[Finding]) -> None:
    page = report.to_html(found)
    names = {tag for tag, _ in tags(page)}
    assert not names & {"script", "link", "img", "iframe", "object", "form", "base", "svg"}
    for _, attributes in tags(page):
        assert not [name for name in attributes if name.startswith("on") or name == "src"]
        assert (attributes.get("href") or "#").startswith("#")
    assert "url(" not in page and "@import" not in page and "default-src 'none'" in page
    for finding in found:
        assert html.escape(finding.evidence)[:60] in page
        for line in finding.fix.splitlines():
            assert html.escape(line) in page
    assert page.count("<section") == 3 and "prefers-color-scheme: dark" in page and "@media print" in page


HOSTILE = "<script>alert(1)</script> \x1b[31m \u202egnp.exe & \"'></pre><img src=x onerror=alert(1)>"


def test_what_a_stranger_says_is_text_on_the_page() -> None:
    cells = dict.fromkeys(("evidence", "advice", "fix", "reference", "lesson"), HOSTILE)
    findings = [Finding(check, HOSTILE, Verdict.FAIL, domain=HOSTILE, **cells) for check in (HOSTILE, "SPF record")]
    page = report.to_html(Rows(Finding, findings, caption=HOSTILE), title=HOSTILE)
    assert "What large receivers demand" in page
    assert not {tag for tag, _ in tags(page)} & {"script", "img"}
    assert "\x1b" not in page and "\u202e" not in page


# What is found of a domain, and what its part of the page says of the demand for SPF; None where there is no such part.
DEMANDS: dict[str, tuple[list[Finding], str | None]] = {
    "it meets them": ([made(Verdict.PASS, "SPF record", "a.example")], "✓ pass"),
    "it does not": ([made(Verdict.FAIL, "SPF record", "a.example")], "✗ fail"),
    "it sends nothing": ([made(Verdict.PASS, "SPF all", "a.example", evidence=f"-all: {spf.NO_MAIL}")], None),
    "nothing is known": ([made(Verdict.UNKNOWN, "SPF record", "a.example")], None),
    "nothing was asked": ([made(Verdict.PASS, "STARTTLS", "a.example")], None),
}


@pytest.mark.parametrize("name", DEMANDS)
def test_the_page_says_which_demands_of_large_receivers_are_met(name: str) -> None:
    findings, badge = DEMANDS[name]
    rows = re.findall(r"<tr>(.+?)</tr>", report.to_html(Rows(Finding, findings)))
    demands = [re.sub("<[^>]+>", "|", row) for row in rows if row.startswith("<td>SPF</td>")]
    assert len(demands) == (badge is not None)
    for demand in demands:
        assert f"|{badge}|" in demand and "|Gmail, Yahoo, Microsoft, iCloud of bulk senders, docomo of all|" in demand


def test_a_page_of_nothing_is_a_page() -> None:
    assert [tag for tag, _ in tags(report.to_html(Rows(Finding, [], caption="nowhere")))][:2] == ["html", "head"]


def test_a_name_in_other_letters_is_headed_by_both_spellings() -> None:
    names = ["xn--bcher-kva.example", "xn--wgv71a119e.example", "kaisha.example", "xn--.example"]
    rows = Rows(Finding, [made(Verdict.WARN, domain=name, fix=f"{name}. 300 IN MX 0 .") for name in names])
    page, text, asked = report.to_html(rows), report.summary(rows), report.ticket(rows)
    for said in ("bücher.example (xn--bcher-kva.example)", "日本語.example (xn--wgv71a119e.example)", "kaisha.example"):
        assert f"<h2>{said}</h2>" in page and f">{said}</a>" in page
        assert f"== {said}: 1 warn" in text and f"Domain {said}\n" in asked
    assert "<h2>xn--.example</h2>" in page, "what is no such name stays as it is"


def shade(png: bytes) -> float:
    """How light the middle of a picture's left edge is, from 0 to 1."""
    import io

    from PIL import Image

    picture = Image.open(io.BytesIO(png)).convert("L")
    pixel = picture.getpixel((3, 3))
    assert isinstance(pixel, int)
    return pixel / 255


def test_a_browser_shows_it_light_dark_and_on_paper(found: Rows[Finding], tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is missing: apt-get install chromium")
    (tmp_path / "report.html").write_text(report.to_html(found), encoding="utf-8")
    asked: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        shades = {}
        for scheme in ("light", "dark"):
            page = browser.new_page(color_scheme=scheme, viewport={"width": 1024, "height": 768})
            page.on("request", lambda request: asked.append(request.url))
            page.on("console", lambda message: pytest.fail(message.text))
            page.goto((tmp_path / "report.html").as_uri())
            shades[scheme] = shade(page.screenshot())
            wide: Any = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert wide <= 0, "it has to be scrolled sideways"
        page.emulate_media(media="print", color_scheme="dark")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        pdf = page.pdf()
        browser.close()
    assert shades["light"] > 0.95 and shades["dark"] < 0.2
    assert pdf.startswith(b"%PDF")
    assert {url.partition(":")[0] for url in asked} == {"file"}


# The ticket.


def test_the_ticket_asks_for_each_record_once_and_what_it_asks_for_can_be_read_back(found: Rows[Finding]) -> None:
    text = report.ticket(found)
    lines = re.findall(r"(?m)^\d+\. (.*)$", text)
    wanted = {}
    for finding in found:
        if finding.verdict in (Verdict.FAIL, Verdict.WARN):
            try:
                wanted |= dict.fromkeys(parse_paste(finding.fix))
            except ValueError:
                continue
    assert wanted and {record for line in lines for record in parse_paste(line)} == wanted.keys()
    assert len(lines) == len(wanted) and "why: SPF" in text and "see: RFC" in text
    assert "Domain kaisha.example" not in text


def test_the_ticket_says_on_what_condition_a_record_is_right() -> None:
    """Who only reads the ticket must not take the mail of a domain away that merely lacks an MX record."""
    fix = "kaisha.example. 3600 IN MX 0 ."
    finding = made(Verdict.WARN, "MX", fix=fix, advice="Name the mail server, or say that it takes none.")
    assert "   note: Name the mail server, or say that it takes none.\n" in report.ticket([finding])


def test_where_nothing_is_to_be_published_there_is_no_ticket(found: Rows[Finding]) -> None:
    assert report.ticket(found.where(domain="kaisha.example")) == ""


# Many domains.


def test_what_is_said_of_many_domains_is_said_once_on_page_and_terminal() -> None:
    names = [f"d{number}.example" for number in range(40)]
    dead = [made(Verdict.UNKNOWN, "name servers", name, evidence="no answer", lesson="00_start_here") for name in names]
    rows = Rows(Finding, [*dead, made(Verdict.FAIL, domain="other.example", evidence="no answer")])
    page, text = report.to_html(rows), report.summary(rows)
    assert page.count("<section") == 2 and page.count('href="#d0"') == 40 and page.count("<p>no answer</p>") == 2
    assert "name servers: 40 domains" in page and "name servers: 40 domains" in text
    assert all(name in page and name in text for name in names)


def test_the_same_words_about_different_hosts_are_not_put_together() -> None:
    hosts = [made(Verdict.WARN, domain=f"d{number}.example") for number in range(3)]
    rows = Rows(Finding, [replace(finding, subject=f"192.0.2.{n}") for n, finding in enumerate(hosts)])
    text = report.summary(rows)
    assert report.to_html(rows).count("<section") == 3
    assert all(f"192.0.2.{number}" in text for number in range(3))


class Compared(str):
    """A text that counts how often it is compared with another."""

    count = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Compared.count += 1
        return str.__eq__(self, other)


READERS = [
    report.to_html,
    report.summary,
    report.ticket,
    report.readiness,
    report.survey,
    report.scores,
    figures.scorecard,
]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_a_thousand_domains_take_a_thousand_times_what_one_takes(reader: Callable[[Rows[Finding]], object]) -> None:
    """Whoever looks through all findings for each domain compares a domain's name a thousand times as often."""
    names = [Compared(f"d{number}.example") for number in range(300)]
    made_up = [made(Verdict.WARN, f"check {number}", name) for name in names for number in range(5)]
    rows = Rows(Finding, made_up)
    Compared.count = 0
    reader(rows)
    assert Compared.count <= 30 * len(rows)


# Marks.


def test_only_what_can_fail_counts() -> None:
    rows = [made(v) for v in (Verdict.PASS, Verdict.PASS, Verdict.WARN, Verdict.INFO, Verdict.UNKNOWN)]
    (score,) = report.scores(rows)
    assert (score.marks, score.judged, score.unknown, score.noted) == ("2 of 3", Verdict.WARN, 1, 1)


@pytest.mark.parametrize(
    ("verdicts", "judged", "marks"),
    [
        ([Verdict.PASS, Verdict.UNKNOWN], Verdict.PASS, "1 of 1"),
        ([Verdict.UNKNOWN, Verdict.INFO], Verdict.UNKNOWN, ""),
        ([Verdict.INFO], Verdict.INFO, ""),
        ([Verdict.FAIL, Verdict.WARN], Verdict.FAIL, "0 of 2"),
    ],
)
def test_the_worst_is_what_the_cell_says(verdicts: list[Verdict], judged: Verdict, marks: str) -> None:
    (score,) = report.scores([made(verdict) for verdict in verdicts])
    assert (score.judged, score.marks) == (judged, marks)


def test_the_scorecard_says_the_same_as_the_table(found: Rows[Finding]) -> None:
    picture = figures.scorecard(found, title="Marks")
    text = repr(picture)
    for score in report.scores(found):
        line = next(line for line in text.splitlines() if line.startswith(f"{score.domain}:"))
        assert f"{score.lesson} {score.judged} {score.marks}".strip() in line
    assert "kaisha.example" in text


@pytest.mark.parametrize(("wide", "in_one_line"), [(1, True), (2, True), (6, False)])
def test_long_marks_stay_on_one_line_as_long_as_there_is_room(wide: int, in_one_line: bool) -> None:
    rows = [
        made(Verdict.PASS, lesson=lesson)
        for number, lesson in enumerate(report.CHECKS)
        for _ in range(15 if number < wide else 4)
    ]
    drawn = [text.get_text() for text in figures.scorecard(rows).figure.axes[0].texts]
    assert "✓ 4/4" in drawn
    assert ("✓ 15/15" in drawn, "15/15" in drawn) == (in_one_line, not in_one_line)


def test_a_scorecard_of_nothing_and_of_too_many_says_so() -> None:
    assert "nothing to judge" in repr(figures.scorecard([]))
    many = [made(Verdict.PASS, domain=f"d{n}.example") for n in range(30)]
    assert "10 domains" in repr(figures.scorecard(many))


# What changed.


def test_each_kind_of_change_is_told() -> None:
    before = [made(Verdict.PASS, "a"), made(Verdict.FAIL, "b"), made(Verdict.PASS, "c"), made(Verdict.INFO, "d"),
              made(Verdict.PASS, "e"), made(Verdict.PASS, "f", "gone.example"), made(Verdict.FAIL, "g")]  # fmt: skip
    after = [made(Verdict.WARN, "a"), made(Verdict.PASS, "b"), made(Verdict.PASS, "c", evidence="else"),
             made(Verdict.PASS, "e"), made(Verdict.WARN, "new"), made(Verdict.PASS, "x", "other.example"),
             made(Verdict.UNKNOWN, "g")]  # fmt: skip
    told = {change.check: change.change for change in compare(before, after)}
    assert told == {
        "a": ChangeKind.WORSE,
        "b": ChangeKind.BETTER,
        "c": ChangeKind.OTHER,
        "d": ChangeKind.GONE,
        "new": ChangeKind.NEW,
        "g": ChangeKind.OTHER,
    }


def test_that_something_cannot_be_seen_any_more_is_no_improvement() -> None:
    (change,) = compare([made(Verdict.FAIL)], [made(Verdict.UNKNOWN)])
    assert change.change is ChangeKind.OTHER and (change.before, change.after) == ("fail", "unknown")


def lesson(name: str, *verdicts: Verdict) -> list[Finding]:
    return [made(verdict, f"check {number}", lesson=name) for number, verdict in enumerate(verdicts)]


BLIND = [made(Verdict.UNKNOWN, "name servers", lesson="00_start_here")]
BROKEN = [made(Verdict.UNKNOWN, "report", lesson="04_spf")]


@pytest.mark.parametrize(
    "seen_less", [BLIND, BROKEN, lesson("06_dmarc", Verdict.PASS)], ids=["blind", "broken", "fewer"]
)
def test_what_was_not_asked_this_time_is_neither_gone_nor_back_again(seen_less: list[Finding]) -> None:
    """Where the resolver is silent, a check breaks, or fewer lessons are asked, the findings are not lost."""
    whole = lesson("04_spf", Verdict.PASS, Verdict.FAIL, Verdict.INFO)
    trouble = [finding.check for finding in seen_less if finding.verdict is Verdict.UNKNOWN]
    told = [(change.check, change.change) for change in compare(whole, seen_less)]
    assert told == [(check, ChangeKind.NEW) for check in trouble]
    told = [(change.check, change.change) for change in compare(seen_less, whole)]
    fails = [("check 1", ChangeKind.NEW)]  # after a blind day it has to be told all the same
    assert told == fails + [(check, ChangeKind.GONE) for check in trouble]


def test_a_finding_that_a_lesson_has_no_more_is_gone() -> None:
    told = compare(lesson("04_spf", Verdict.PASS, Verdict.PASS), lesson("04_spf", Verdict.PASS))
    assert [(change.check, change.change) for change in told] == [("check 1", ChangeKind.GONE)]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "mailkit.report", *arguments]
    return subprocess.run(line, capture_output=True, text=True, encoding="utf-8", stdin=subprocess.DEVNULL, timeout=300)


def test_the_command_writes_page_and_ticket_and_tells_what_changed_since(tmp_path: Path) -> None:
    last, page, ask = tmp_path / "last.json", tmp_path / "report.html", tmp_path / "ticket.txt"
    first = run("mistakes.example", "--dns-only", "--json", str(last), "--html", str(page), "--ticket", str(ask))
    assert first.returncode == 1 and "</html>" in page.read_text("utf-8") and "Please publish" in ask.read_text("utf-8")
    again = run("mistakes.example", "--dns-only", "--since", str(last))
    assert (again.returncode, again.stdout) == (1, "nothing changed\n"), "no line of progress either"
    rows = json.loads(last.read_text(encoding="utf-8"))
    (spf,) = [row for row in rows if row["check"] == "SPF record"]
    spf["verdict"], spf["evidence"] = "pass", "it was well"
    last.write_text(json.dumps(rows), encoding="utf-8")
    since = run("mistakes.example", "--dns-only", "--since", str(last), "--json", str(last))
    assert "mistakes.example: SPF record" in since.stdout and "(before: it was well)" in since.stdout
    assert "DKIM" not in since.stdout
    assert "it was well" not in last.read_text("utf-8"), "the same file takes the new report"


@pytest.mark.parametrize("text", ["", "{}", "5", "[1]", '[{"check": "x"}]', "[" * 100_000, '[{"check": 5}]'])
def test_what_is_no_earlier_report_is_told_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "last.json").write_text(text, encoding="utf-8")
    refused = run("example.com", "--since", str(tmp_path / "last.json"))
    assert refused.returncode == 2 and "is no report that --json wrote" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_portfolio_is_audited_by_the_command(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("domain,role\nexample.com,parked\nexample.net,sends\n", encoding="utf-8")
    done = run("--portfolio", str(tmp_path / "mine.csv"), "--dns-only", "--store", str(tmp_path / "x.sqlite"))
    assert "== example.com" in done.stdout and "parked, as the portfolio says" in done.stdout, done.stderr
    assert len(report.runs(tmp_path / "x.sqlite")) == 1
    assert run().returncode == 2 and "name a domain" in run().stderr
    assert run("--portfolio", str(tmp_path / "none.csv")).returncode == 2
