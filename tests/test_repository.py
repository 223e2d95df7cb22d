"""The repository: imports run downwards only, the environments agree, and every file is fit to be published."""

from __future__ import annotations

import ast
import csv
import importlib
import inspect
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from support_neighbours import NEIGHBOURS

from mailkit.lab.daemons.packages import PACKAGES
from mailkit.workbook import lessons

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "mailkit").rglob("*.py"))
TABLES = sorted((ROOT / "data").glob("*.csv"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# What is not part of the repository though it may lie in the folder.
NOT_OURS = {".git", ".venv", "work", "build", "__pycache__", ".ipynb_checkpoints", ".hypothesis"}

# The part of mailkit that a module belongs to -> its floor.  A part is the first name below mailkit.
FLOORS = {
    **dict.fromkeys(["results", "datasets"], 0),
    **dict.fromkeys(["message", "network", "conversation", "clients"], 1),
    **dict.fromkeys(["lab", "report", "figures"], 3),
    **dict.fromkeys(
        ["exercises", "sections", "quiz", "catching_up", "workbook", "training", "lesson_document", "connect"], 4
    ),
}
# Floor 2, in the order of reading: a lesson may import an earlier one.  Lesson 00 looks around with the probes of
# lesson 01, so its room stands behind that.
LESSONS = [
    "op25b",
    "start_here",
    "smtp_auth",
    "tls",
    "spf",
    "dkim",
    "dmarc",
    "arc",
    "transport_policy",
    "mailboxes",
    "mta",
    "services",
]
FLOORS |= dict.fromkeys(LESSONS, 2)
MOST_LINES = 300  # of a module
# A command line chooses its network by name; mailkit.connect is what turns the name into a network.
EXCEPTIONS = {("report", "connect")}


def module_name(path: Path) -> str:
    """The dotted name of the module in the file *path*."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part(module: str) -> str:
    """The part of mailkit that *module* belongs to; the package itself is its function ``connect``."""
    return module.split(".")[1] if "." in module else "connect"


def imported(tree: ast.Module, module: str, is_package: bool) -> Iterator[str]:
    """The parts of mailkit that the code of *module* imports, at its top or inside a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = module.split(".")
            if node.level:
                package = package[: len(package) + is_package - node.level]
            base = ".".join([*(package if node.level else []), *([node.module] if node.module else [])])
            # "from mailkit import spf" names a module where "from mailkit.spf import check" names a function.
            names = [f"{base}.{alias.name}" for alias in node.names] if base == "mailkit" else [base]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "mailkit":
                yield part(name)


def may_import(importer: str, target: str) -> bool:
    """Whether a module of the part *importer* may import one of the part *target*."""
    if importer == target or (importer, target) in EXCEPTIONS:
        return True
    above, below = FLOORS[importer], FLOORS[target]
    if above == below == 2:
        return LESSONS.index(target) < LESSONS.index(importer)
    # On the ground floors and among those that put everything together, modules are parts of one whole.
    return below < above or above == below in (0, 1, 4)


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_imports_run_downwards(path: Path) -> None:
    module = module_name(path)
    assert part(module) in FLOORS, f"give {part(module)} a floor in this test"
    targets = set(imported(ast.parse(path.read_text(encoding="utf-8")), module, path.name == "__init__.py"))
    assert targets <= FLOORS.keys()
    assert [target for target in sorted(targets) if not may_import(part(module), target)] == []


@pytest.mark.parametrize(
    ("module", "source", "allowed"),
    [
        ("mailkit.spf", "from mailkit import network, op25b", True),
        ("mailkit.spf", "from mailkit.network import Network", True),
        ("mailkit.spf", "from mailkit import dkim", False),
        ("mailkit.spf", "def f():\n    import mailkit.lab", False),
        ("mailkit.spf", "from .lab import start", False),
        ("mailkit.spf", "from mailkit import connect", False),
        ("mailkit.results", "import mailkit.network", False),
        ("mailkit.clients", "from mailkit import conversation", True),
        ("mailkit.lab.mail.mta", "from .. import router\nfrom ... import spf\nfrom mailkit.lab.dns import Zone", True),
        ("mailkit.lab.mail.mta", "from mailkit import figures", False),
        ("mailkit.lab.mail.mta", "from ...exercises import spf", False),
        ("mailkit.report", "from mailkit import connect", True),
        ("mailkit.exercises.spf", "from mailkit import connect, lab, spf", True),
    ],
)
def test_the_check_of_imports(module: str, source: str, allowed: bool) -> None:
    targets = imported(ast.parse(source), module, is_package=False)
    assert all(may_import(part(module), target) for target in targets) is allowed


def import_graph() -> dict[str, set[str]]:
    """Module -> the modules of mailkit that its code imports, at its top or inside a function."""
    names = {module_name(path): path for path in MODULES}
    graph: dict[str, set[str]] = {}
    for module, path in names.items():
        targets: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                targets |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                # "from mailkit.lab import ca" names a module, "from mailkit.lab import Lab" what the package holds.
                full = {f"{node.module}.{alias.name}" for alias in node.names}
                targets |= {name if name in names else str(node.module) for name in full}
        graph[module] = (targets & names.keys()) - {module}
    return graph


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The circles of *graph*: each a path that ends where it began."""
    found: list[list[str]] = []
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> None:
        if name in path:
            found.append([*path[path.index(name) :], name])
        elif name not in done:
            for target in sorted(graph[name]):
                walk(target, [*path, name])
            done.add(name)

    for name in sorted(graph):
        walk(name, [])
    return found


def test_imports_form_no_circle() -> None:
    graph = import_graph()
    assert graph["mailkit.network.place"] >= {"mailkit.network.asking", "mailkit.network.socks"}
    assert "mailkit.network.dnssec" in graph["mailkit.network.asking"]  # imported inside a function
    assert circles(graph) == []


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c", "b"]]


def test_modules_are_short_enough_to_hold_in_mind() -> None:
    lengths = {module_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {module: length for module, length in lengths.items() if length > MOST_LINES} == {}


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_modules_say_what_they_are(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "a module begins with a docstring"
    if path.stem == "__main__" or (path.stem.startswith("_") and path.stem != "__init__"):
        return
    targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    assigned = {target.id for target in targets if isinstance(target, ast.Name)}
    assigned |= {n.target.id for n in tree.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)}
    assert "__all__" in assigned, "a public module lists its public names in __all__"


# Verbs that are the same act in every lesson, done to that lesson's own thing: who knows one knows the others.  The
# outside names (capabilities, scan, lint, verify, plan, read_reports) are fixed.
SHARED_VERBS = {
    "capabilities": "what a server offers before TLS and inside it, of SMTP and of the mailbox protocols",
    "converse": "say commands to a server one by one, in SMTP and in the mailbox protocols",
    "findings": "the lesson's part of a report",
    "in_words": "what the lesson's rows come to, as a sentence",
    "lint": "judge what is published or configured",
    "plan": "the records to publish",
    "read_reports": "reports of others as a table: of DMARC, and on TLS",
    "report_mail": "the message that carries such a report",
    "scan": "try servers out: their ports, and their TLS",
    "verify": "judge the signatures in a message: of DKIM, and of ARC",
    "write_report": "such a report, written",
}


def public_names() -> dict[str, dict[int, list[str]]]:
    """Public name -> for each thing that it stands for, the parts of mailkit that offer it."""
    offered: dict[str, dict[int, list[str]]] = {}
    for name in sorted(FLOORS.keys() - {"exercises", "connect"}):  # p1, q1 … are those of one lesson
        module = importlib.import_module(f"mailkit.{name}")
        rooms = [getattr(module, room) for room in module.__all__ if inspect.ismodule(getattr(module, room, None))]
        for room in (module, *rooms):
            for public in room.__all__:
                things = offered.setdefault(public, {})
                things.setdefault(id(getattr(room, public)), []).append(room.__name__)
    return offered


def test_a_public_name_means_one_thing() -> None:
    offered = public_names()
    assert {"smtp_servers", "mailbox_servers", "mail_servers", "Reply", "examine"} <= offered.keys()
    several = {name: list(things.values()) for name, things in offered.items() if len(things) > 1}
    assert {name: rooms for name, rooms in several.items() if name not in SHARED_VERBS} == {}
    assert SHARED_VERBS.keys() <= several.keys(), "an exception that is none any more"
    assert all(name.islower() for name in SHARED_VERBS), "a kind of record has a name of its own"


def test_lessons_have_their_places() -> None:
    topics = [path.stem[3:] for path in lessons()]
    assert set(topics) <= {*LESSONS, "report"}
    missing = [topic for topic in topics if topic in LESSONS and not (ROOT / "tests" / f"test_{topic}.py").exists()]
    assert missing == []


# The environments.


def wanted(*extras: str) -> list[Requirement]:
    """What pyproject.toml asks for, with those *extras*."""
    texts = [*PROJECT["dependencies"]]
    for extra in extras:
        texts += PROJECT["optional-dependencies"][extra]
    return [Requirement(text) for text in texts]


LOCK, BOOK_LOCK = "requirements.lock", "requirements-book.lock"


def locked(*locks: str) -> dict[str, list[str]]:
    """Package -> the versions that *locks* pin (more than one where it depends on the Python)."""
    pins: dict[str, list[str]] = {}
    for lock in locks:
        for name, version in re.findall(r"(?m)^([\w.-]+)==([^\s;]+)", (ROOT / lock).read_text("utf-8")):
            pins.setdefault(canonicalize_name(name), []).append(version)
    return pins


@pytest.mark.parametrize(("extra", "locks"), [("test", [LOCK]), ("book", [LOCK, BOOK_LOCK])])
def test_lock_pins_what_pyproject_asks_for(extra: str, locks: list[str]) -> None:
    assert extra in PROJECT["optional-dependencies"].keys() <= {"test", "book"}
    pins = locked(*locks)
    for requirement in wanted(extra):
        versions = pins.get(canonicalize_name(requirement.name))
        assert versions, f"{requirement.name} is not locked: run make lock"
        assert all(requirement.specifier.contains(version) for version in versions), requirement


def test_the_two_locks_agree() -> None:
    """What the book adds is installed on top of the rest: it changes no version of it."""
    first, second = locked(LOCK), locked(BOOK_LOCK)
    assert {name for name in first.keys() & second.keys() if not set(second[name]) <= set(first[name])} == set()


@pytest.mark.parametrize(("lock", "least"), [(LOCK, 100), (BOOK_LOCK, 20)])
def test_lock_holds_hashes_and_no_addresses(lock: str, least: int) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert not re.search(r"://|^\s*-(?!-hash)|find-links|index-url|file:", text, re.MULTILINE)
    entries = [entry for entry in re.split(r"(?m)^(?=[\w])", text) if not entry.startswith("#")]
    assert len(entries) >= least
    for entry in entries:
        assert re.match(r"[\w.-]+==\S+", entry) and "--hash=sha256:" in entry, entry


# PyPI's name -> conda-forge's, which has the matplotlib without a window system under a name of its own.
CONDA_NAMES = {"matplotlib": "matplotlib-base"}
# conda has no extras: what they add is listed.
EXTRAS = {("dkimpy", "ed25519"): "pynacl", ("dkimpy", "arc"): "authres"}


def test_conda_environment_agrees() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["channels"] == ["conda-forge"]
    python, *packages, pip, package_itself = environment["dependencies"]
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python="))
    assert (pip, package_itself) == ("pip", {"pip": ["-e ."]})

    pins = locked(LOCK)
    expected = {}
    for requirement in wanted():
        expected[CONDA_NAMES.get(requirement.name, requirement.name)] = requirement.specifier
        for extra in requirement.extras:
            added = EXTRAS[requirement.name, extra]
            assert added in pins
            expected[added] = SpecifierSet()
    assert {r.name: r.specifier for r in map(Requirement, packages)} == expected


# What is published.


def our_files() -> Iterator[Path]:
    """Every text file of the repository."""
    for path in sorted(ROOT.rglob("*")):
        inside = path.relative_to(ROOT).parts
        ours = not NOT_OURS & set(inside) and not any(name.endswith(("_cache", ".egg-info")) for name in inside)
        if ours and path.is_file() and path.suffix != ".png":
            yield path


def test_no_file_names_a_path_of_a_machine() -> None:
    paths = re.compile(r"(?<![\w.~*-])/(?:home|root|Users|work)/[\w.]|" + re.escape(f"{ROOT}/"))
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in our_files()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if paths.search(line)
    ]
    assert found == []


def test_makefile_helps_with_every_target() -> None:
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is missing: apt-get install make")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"(?m)^([a-z]+):", makefile)
    (phony,) = re.findall(r"(?m)^\.PHONY: (.*)$", makefile)
    assert phony.split() == targets
    # Called from within make, it would tell which folder it enters.
    command = [make, "--no-print-directory"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [line.split()[1] for line in said.splitlines()] == targets


def named(text: str) -> tuple[set[str], set[str], list[str], list[tuple[str, ...]]]:
    """What *text* names in any language: code, links, blocks without their remarks, lessons with minutes and needs."""
    fence = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
    prose = fence.sub("", text)
    spans = {span.replace("名前", "NAME").replace("フォルダー", "FOLDER") for span in re.findall(r"`([^`]+)`", prose)}
    links = {link.replace(".ja.md", ".md") for link in re.findall(r"\]\(([^)]+)\)", prose)}
    blocks = [re.sub(r" +#.*", "", block) for block in fence.findall(text)]
    rows = re.findall(r"^\| \[(\d\d)[^|]*\| (\d+) \| ([^|]*) \|", prose, re.MULTILINE)
    lessons = [(number, minutes, *re.findall(r"\d\d", needs)) for number, minutes, needs in rows]
    return spans, links, blocks, lessons


@pytest.mark.parametrize("name", ["README", "TRAINING"])
def test_both_languages_name_the_same(name: str) -> None:
    english, japanese = (named((ROOT / f"{name}{end}").read_text(encoding="utf-8")) for end in (".md", ".ja.md"))
    assert len(english[0]) > 20
    assert japanese[0] - english[0] <= {"data/glossary.csv"}, "where the Japanese words of the lessons are"
    assert english[0] - japanese[0] == set()
    assert english[1:] == japanese[1:]


def test_changelog_has_a_place_for_what_is_new() -> None:
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_tables_name_their_sources(path: Path) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    for row in rows:
        assert row["source"] and row["as_of"], row


def test_one_script_fetches_what_is_unpacked_together() -> None:
    script = (ROOT / ".ci" / "mta").read_text(encoding="utf-8")

    def listed(name: str) -> dict[str, tuple[str, ...]]:
        (lines,) = re.findall(rf"^{name}=\(\n(.*?)\n\)$", script, re.MULTILINE | re.DOTALL)
        words = [line.strip().strip('"').split() for line in lines.splitlines()]
        return {first: tuple(rest) for first, *rest in words}

    assert listed("together") == PACKAGES
    neighbours = {name: one.packages for name, one in NEIGHBOURS.items() if not name.endswith("-without-tls")}
    assert listed("neighbours") == neighbours
    for caller in (".ci/run", "Makefile"):
        assert ".ci/mta" in (ROOT / caller).read_text(encoding="utf-8")
