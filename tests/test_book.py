"""The edition to read: answers folded, indexes complete, every link good, and nothing fetched from outside."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import copy
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup, Tag
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from support_notebooks import code_cells, each_lesson

from mailkit import datasets, dmarc, spf, training, transport_policy, workbook
from mailkit.lab import Lab
from mailkit.results import Verdict

for package in ("sphinx", "myst_nb", "sphinx_book_theme"):
    pytest.importorskip(package, reason=f"{package} is missing: make book installs it")

from blocks import blocks, places  # noqa: E402
from folding import folded  # noqa: E402
from folds import BEGIN, END  # noqa: E402
from indexes import cited, introduced  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
WIDE, NARROW = 1280, 390
SCHEMES = ("light", "dark")
LINKS = {"a": "href", "link": "href", "img": "src", "script": "src"}


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The book, built as ``make book`` builds it; a warning of Sphinx fails."""
    folder = tmp_path_factory.mktemp("shelf") / "book"
    built = subprocess.run(
        [sys.executable, str(ROOT / "book" / "edition.py"), str(folder)], capture_output=True, text=True, cwd=ROOT
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


@pytest.fixture(scope="module")
def pages(book: Path) -> dict[Path, BeautifulSoup]:
    """Every page of the book, parsed."""
    return {path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in paths(book)}


def paths(book: Path) -> list[Path]:
    """The pages; among the theme's own files are templates."""
    return [path for path in sorted(book.rglob("*.html")) if "_static" not in path.parts]


def page_of(lesson: Path, book: Path) -> Path:
    return book / "lessons" / f"{lesson.stem}.html"


def words(tag: Tag) -> str:
    return re.sub(r"\s+", " ", tag.get_text())


def letters(text: str) -> str:
    """*text* without blanks and without the signs that Markdown and typography change."""
    return re.sub(r"[^\w.:;,()<>*\[\]]+|_", "", text)


# Answers are folded.


@each_lesson
def test_answers_are_folded(lesson: Path, book: Path, pages: dict[Path, BeautifulSoup]) -> None:
    page = copy(pages[page_of(lesson, book)])
    folds = page.find_all("details", class_="fold")
    assert not any(fold.has_attr("open") for fold in folds)
    notebook = workbook.read(lesson)

    revealing = [cell for cell in code_cells(notebook) if ".reveal(" in cell.source]
    answers = [words(fold) for fold in folds if fold.summary.get_text() == "What came of it"]
    assert len(answers) == len(revealing) > 0
    came_out = [word for word in training.observed(notebook).values() if word]
    assert [word for answer in answers for word in re.findall(r"It was (.*?) ?\. ", answer + " ")] == came_out

    for name, question in training.questions(lesson).items():
        (solution,) = [fold for fold in folds if fold.summary.get_text() == f"{name}: solution"]
        hints = [fold for fold in folds if fold.summary.get_text() == f"{name}: hints"]
        assert letters(question.explanation) in letters(solution.get_text())
        assert len(hints) == bool(question.hints)

    for fold in folds:
        fold.extract()
    left = words(page.article)
    assert "not attempted" not in left and "You made no guess" not in left


@each_lesson
def test_pages_show_what_is_stored(lesson: Path, book: Path, pages: dict[Path, BeautifulSoup]) -> None:
    """Each cell's code, each picture with its facts for who cannot see it, each table."""
    page = pages[page_of(lesson, book)].article
    cells = [cell for cell in code_cells(workbook.read(lesson)) if "remove-cell" not in cell.metadata.get("tags", [])]
    shown = [pre.get_text().strip() for pre in page.select(".cell_input pre")]
    assert shown == [cell.source.strip() for cell in cells if "hide-input" not in cell.metadata.get("tags", [])]
    outputs = [output for cell in cells for output in cell.outputs if "data" in output]
    pictures = [output.data["text/plain"] for output in outputs if "image/png" in output.data]
    assert [words_of(image["alt"]) for image in page.select(".cell_output img")] == list(map(words_of, pictures))
    tables = [o for o in outputs if "image/png" not in o.data and "<table" in o.data.get("text/html", "")]
    assert len(page.select(".cell_output .text_html > table, .cell_output .text_html > div table")) >= len(tables)


def words_of(text: str) -> list[str]:
    return text.split()


def lesson_of(tmp_path: Path, *cells: NotebookNode) -> Path:
    """A made-up lesson 01, whose exercises are those of the true one."""
    path = tmp_path / "01_op25b.ipynb"
    notebook = new_notebook(cells=list(cells))
    path.write_text(workbook.as_text(notebook), encoding="utf-8")
    return path


def answer(source: str = "display(p1.reveal(x))") -> NotebookNode:
    text = {"text/plain": "… not attempted: You made no guess; it was `open`.", "text/html": "<div></div>"}
    return new_code_cell(source, outputs=[new_output("display_data", data=text)])


def told(notebook: NotebookNode) -> list[str]:
    """The notebook's cells in short: text as it is, code as its outputs."""
    return [
        cell.source if cell.cell_type == "markdown" else f"<{''.join(o.data['text/plain'] for o in cell.outputs)}>"
        for cell in notebook.cells
    ]


def test_what_explains_an_answer_is_folded_with_it(tmp_path: Path) -> None:
    lesson = lesson_of(tmp_path, answer(), new_markdown_cell("It is so.\n\n* one\n* two\n\n## 2 · Next\n\nMore."))
    begin, end = f"% {BEGIN}What came of it", f"% {END}"
    after = ["(01-op25b-1)=", "## 2 · Next", "More."]
    assert told(folded(lesson)) == ["<>", begin, "<It was open.>", "It is so.", "* one\n* two", end, *after]


@pytest.mark.parametrize(
    ("behind", "inside"),
    [
        (["It is so.", "Now type it.", "**Predict.** What next?"], ["It is so."]),  # the second leads on
        (["It is so.", "**Predict.** What next?"], ["It is so."]),
        (["It is so.", "* a list"], ["It is so.", "* a list"]),
        (["**Predict.** What next?"], []),
    ],
)
def test_what_leads_on_stays_outside(behind: list[str], inside: list[str], tmp_path: Path) -> None:
    lesson = lesson_of(tmp_path, answer(), new_markdown_cell("\n\n".join(behind)), new_code_cell("p2.guess(...)"))
    shown = told(folded(lesson))
    assert shown[3 : shown.index(f"% {END}")] == inside


def test_two_pictures_have_a_text_each(tmp_path: Path) -> None:
    drawn = [new_output("display_data", data={"image/png": "", "text/plain": text}) for text in ("one", "two")]
    lesson = lesson_of(tmp_path, new_code_cell("display(p1.reveal(x))", outputs=drawn))
    alts = [c.metadata["mystnb"]["image"]["alt"] for c in folded(lesson).cells if "mystnb" in c.metadata]
    assert alts == ["one", "two"]


def test_what_is_for_jupyterlab_alone_is_left_out(tmp_path: Path) -> None:
    menu = new_markdown_cell("[1](#cell-id=0)\n\n## 1 · Menu", metadata={"tags": ["menu", "remove-cell"]})
    lesson = lesson_of(tmp_path, menu, new_markdown_cell("Text."))
    assert told(folded(lesson)) == ["Text."]
    assert [place.text for place in places(lesson)] == ["Text.\n\n"]


def test_links_that_lead_out_of_the_book_are_text(tmp_path: Path) -> None:
    (tmp_path / "quiz.ipynb").touch()  # beside the lessons, and none of them
    text = "[a](01_op25b.ipynb#x) [b](../README.md) [c](../TRAINING.md) [d](https://x.example) ![e](f.png)"
    text += " [f](#here) [g](quiz.ipynb)"
    (cell,) = folded(lesson_of(tmp_path, new_markdown_cell(text))).cells
    assert cell.source == "[a](01_op25b.ipynb) [b](../index.md) c [d](https://x.example) ![e](f.png) f g"


# The indexes.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(RFC 5321 section 4.2.1):", {5321: ["4.2.1"]}),
        ("RFC 9989 sections 4.7 and 4.10.1, RFC 7208", {9989: ["4.7", "4.10.1"], 7208: []}),
        ("RFC 6409, RFC 8314 section 3.3. RFC 8314 section 7.3", {6409: [], 8314: ["3.3", "7.3"]}),
        ("RFCs 2034 and 3463 say it; RFC 1939 (1996)", {2034: [], 3463: [], 1939: []}),
        ("RFC 5068 (BCP 134). Section 2 of this lesson", {5068: []}),
        ("no RFC, and RFC 21", {}),
    ],
)
def test_citations_are_found(text: str, expected: dict[int, list[str]]) -> None:
    assert cited(text) == expected


@pytest.mark.parametrize(
    ("term", "japanese", "text", "expected"),
    [
        ("relay", "中継", "Port 25 is for **relay** (中継).", True),
        ("relay", "中継", "They relay it.", False),
        ("mail client (MUA)", "メールソフト(MUA)", "A program (メールソフト, MUA) does.", True),
        ("authentication", "認証", "a word such as 送信ドメイン認証", False),
        ("MX record", "MXレコード", "**MX records** name hosts", True),
    ],
)
def test_introductions_are_found(term: str, japanese: str, text: str, expected: bool) -> None:
    assert introduced(term, japanese, text) is expected


def test_every_cited_rfc_is_in_the_index(book: Path, pages: dict[Path, BeautifulSoup]) -> None:
    """Each with a link to each lesson that names it."""
    entries = {dt.get_text(): dt.find_next_sibling("dd") for dt in pages[book / "rfcs.html"].article.find_all("dt")}
    named: dict[str, set[str]] = {}
    for lesson in workbook.lessons():
        for place in places(lesson):
            for number in re.findall(r"\bRFC (\d{3,5})\b", place.text):
                named.setdefault(f"RFC {number}", set()).add(f"lessons/{lesson.stem}.html")
    assert len(named) > 50 and named.keys() <= entries.keys()
    for rfc, lessons in named.items():
        assert {a["href"].partition("#")[0] for a in entries[rfc].find_all("a")} >= lessons, rfc


def test_every_term_is_in_the_index(book: Path, pages: dict[Path, BeautifulSoup]) -> None:
    """In both directions, each with a place in the lessons (a lesson that is not written yet has none)."""
    article = pages[book / "terms.html"].article
    entries = {dt.get_text(): dt.find_next_sibling("dd") for dt in article.find_all("dt")}
    backwards = [words(li) for li in article.find("section", id="from-japanese").find_all("li")]
    written = {lesson.stem for lesson in workbook.lessons()}
    rows = datasets.load("glossary").to_dict("records")
    for row in rows:
        entry = entries[f"{row['term']} · {row['japanese']}"]
        addresses = set(re.findall(r"https?://[^\s;,]+", row["source"]))
        assert addresses <= {a["href"] for a in entry.find_all("a")}, row["term"]
        assert entry.find("a", href=re.compile("^lessons/")) or row["lesson"] not in written, row["term"]
        assert f"{row['japanese']}: {row['term']}" in backwards
    assert len(rows) == len(entries) == len(backwards)


def test_blocks_are_those_of_markdown() -> None:
    text = "## A\n\nB\nC\n\n```\n# no heading\n```\n\n| x |\n|---|\n| y |\n"
    assert [(b.kind, b.level) for b in blocks(text)] == [("heading", 2), ("paragraph", 0), ("fence", 0), ("table", 0)]


# The cheat sheet and the commands.


def test_cheat_sheet_says_what_the_tables_say() -> None:
    sheet = (ROOT / "book" / "cheat_sheet.md").read_text(encoding="utf-8")
    parts = dict(re.findall(r"(?ms)^## (\w+)\n(.*?)(?=^## |\Z)", sheet))
    ports = datasets.load("smtp_ports").set_index("port")
    for port, _, _, rfcs in re.findall(r"(?m)^\| (\d+) \| (.*?) \| (.*?) \| (.*?) \|$", parts["Ports"]):
        assert all(number in " ".join(ports.loc[port]) for number in re.findall(r"\d{4}", rfcs)), port
    known = datasets.load("smtp_replies")
    replies = re.findall(r"(?m)^\| (\d{3})(?:, (\d{3}))?(?: (\d\.\d+\.\d+))? \|", parts["Replies"])
    assert len(replies) > 12
    for first, second, enhanced in replies:
        for code in filter(None, (first, second)):
            assert ((known["code"] == code) & (known["enhanced"] == enhanced)).any(), (code, enhanced)


def test_records_of_the_cheat_sheet_hold() -> None:
    """Published in a practice internet, with the names that it has; cut ones (…) and those of other zones apart."""
    sheet = (ROOT / "book" / "cheat_sheet.md").read_text(encoding="utf-8").replace("\\_", "_")
    sheet = sheet.replace("your.domain", "kaisha.example").replace("service.example", "sender.example")
    rows = re.findall(r"(?m)^\| [^|]* \| (\S+) \| ([A-Z]+) \| `(.*?)` \| \d+ \|$", sheet)
    records = {(name, rdtype): value for name, rdtype, value in rows if "…" not in value and value != "0 ."}
    assert len(records) > 6
    with Lab() as lab:
        for (name, rdtype), value in records.items():
            if name.endswith("kaisha.example"):
                lab.publish(name, rdtype, value)
        net = lab.network("office")
        findings = [*spf.lint("kaisha.example", net=net), *dmarc.lint("kaisha.example", net=net)]
        assert len(findings) > 8
        assert [f for f in findings if f.verdict not in (Verdict.PASS, Verdict.INFO)] == []
        assert spf.check("192.0.2.25", "taro@kaisha.example", "mx.kaisha.example", net=net).result == "pass"
        assert transport_policy.mta_sts("kaisha.example", net=net).record == records["_mta-sts.kaisha.example", "TXT"]
        assert transport_policy.tls_rpt("kaisha.example", net=net).valid


def test_commands_stand_with_their_docstrings(book: Path, pages: dict[Path, BeautifulSoup]) -> None:
    article = pages[book / "commands.html"].article
    described = {dt["id"]: words(dt.find_next_sibling("dd")) for dt in article.select("dt.sig[id]")}
    for name in (
        "spf.check",
        "dkim.verify",
        "dmarc.policy",
        "tls.scan",
        "op25b.scan",
        "report.audit",
        "lab.Lab.publish",
    ):
        assert len(described[f"mailkit.{name}"]) > 40
    assert not [name for name, text in described.items() if not text.strip()]


# Links and requests.


def test_every_internal_link_is_good(book: Path, pages: dict[Path, BeautifulSoup]) -> None:
    ids = {path: {tag["id"] for tag in page.find_all(id=True)} for path, page in pages.items()}
    broken, checked = [], 0
    for path, page in pages.items():
        for tag in page.find_all(list(LINKS)):
            target = urlsplit(tag.get(LINKS[tag.name]) or "")
            if target.scheme in ("http", "https") and tag.name == "a":
                continue
            checked += 1
            file = (path.parent / unquote(target.path)).resolve() if target.path else path
            fragment = unquote(target.fragment)
            good = file.is_file() and (not fragment or file.suffix != ".html" or fragment in ids[file])
            if target.scheme or target.netloc or not good:
                broken.append(f"{path.relative_to(book)}: {tag}"[:200])
    assert broken == []
    assert checked > 1000


@pytest.fixture(scope="module")
def browser(peer: Callable[[str, str], str]) -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is missing: it is in mailkit[test]")
    chromium = peer("chromium", "chromium")
    with sync_api.sync_playwright() as playwright:
        # Chromium's own sandbox does not start for root; the pages are ours, from this disk.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


# The narrow page must not scroll sideways; in a dark page the text of a result is light, on no ground of its own.
SEEN = """() => ({
  width: document.documentElement.scrollWidth,
  cells: [...document.querySelectorAll('.cell_output .text_html td')].slice(0, 20).map(cell => {
    const light = getComputedStyle(cell).color.match(/[\\d.]+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0) / 3;
    return [light, getComputedStyle(cell.closest('.text_html')).backgroundColor];
  }),
})"""


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_pages_ask_for_nothing_outside_and_fit(width: int, scheme: str, book: Path, browser: Any) -> None:
    page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    seen = {}
    for path in paths(book):
        page.goto(path.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
        seen[path.relative_to(book).as_posix()] = page.evaluate(SEEN)
    page.context.close()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert errors == [] and len(asked) > len(seen)
    assert {name: said["width"] for name, said in seen.items() if said["width"] > width} == {}
    cells = [cell for said in seen.values() for cell in said["cells"]]
    assert len(cells) > 50
    for light, ground in cells:
        assert ground == "rgba(0, 0, 0, 0)" and (light > 160 if scheme == "dark" else light < 100)


def pdf_pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def test_cheat_sheet_is_one_page_of_paper(book: Path, browser: Any) -> None:
    page = browser.new_page()
    page.goto((book / "cheat_sheet.html").as_uri())
    assert pdf_pages(page.pdf(prefer_css_page_size=True)) == 1
    page.close()


@each_lesson
def test_a_lesson_is_printed_with_its_answers(lesson: Path, book: Path, browser: Any) -> None:
    """Which are folded again afterwards."""
    page = browser.new_page()
    page.goto(page_of(lesson, book).as_uri())
    states = "[...document.querySelectorAll('details.fold')].map(fold => fold.open)"
    page.evaluate("document.querySelector('details.fold').open = true")
    before = page.evaluate(states)
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert all(page.evaluate(states))
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(states) == before and before.count(True) == 1
    page.click("button.open-all")
    assert all(page.evaluate(states))
    page.close()


def test_print_opens_the_answers(book: Path, browser: Any) -> None:
    """Chromium itself tells the page that it is printed: the paper is as long as with every fold opened by hand."""
    page = browser.new_page()
    page.goto((book / "lessons" / "00_start_here.html").as_uri())
    folded_away = page.pdf()
    page.click("button.open-all")
    assert pdf_pages(folded_away) == pdf_pages(page.pdf()) > 5
    page.close()
