"""The bundle: its lists, its start scripts, and lesson 00 run from it on a machine that has no network at all.

The wheels are fetched by ``make test``; where that could not be, the tests that need them skip.  Run with ``-s`` to
see how long the start takes.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support_notebooks import code_cells, run_problems, shown, tags

from mailkit import workbook

ROOT = Path(__file__).resolve().parent.parent
WHEELS = ROOT / "build" / "wheels"
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PATIENCE = 900  # seconds: for a hung start, not for a slow one


def load(name: str) -> ModuleType:
    """The script bundle/NAME.py as a module."""
    spec = importlib.util.spec_from_file_location(f"bundle_{name}", ROOT / "bundle" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


build, start = load("build"), load("start")


@pytest.fixture(scope="module")
def wheels() -> Path:
    """The folder of wheels that ``make test`` fetched for this lock."""
    copy = WHEELS / "requirements.lock"
    if not copy.exists() or copy.read_text(encoding="utf-8") != LOCK:
        pytest.skip("build/wheels does not hold the wheels of requirements.lock: make bundle fetches them")
    return WHEELS


@pytest.fixture(scope="module")
def bundle(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle, made as ``make bundle`` makes it."""
    folder = tmp_path_factory.mktemp("stick") / "workbook"
    build.assemble(wheels, folder)
    return folder


def names(some: list[Any]) -> set[str]:
    return {pin.name for pin in some}


# The lists.


def for_lessons() -> list[Any]:
    """The pins that the lessons need, on any system."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(build.needed(build.pins(LOCK), [Requirement(text).name for text in project["dependencies"]]))


def test_every_entry_of_the_lock_is_read() -> None:
    found = build.pins(LOCK)
    assert [pin.name for pin in found] == re.findall(r"(?m)^([a-z][\w.-]*)==", LOCK)
    assert sorted(h for pin in found for h in pin.hashes) == sorted(re.findall(r"sha256:[0-9a-f]{64}", LOCK))
    assert all(pin.via for pin in found)
    # Written again, each stands as it stood.
    assert {line for pin in found for line in str(pin).splitlines()} <= set(LOCK.splitlines())


def test_what_is_no_lock_is_refused() -> None:
    with pytest.raises(ValueError, match="not an entry of a lock: attrs>=22"):
        build.pins("attrs>=22\n")


def test_lists_hold_what_the_lessons_import() -> None:
    """Beside what the installed packages say of themselves: nothing is missing, and no tool of the tests is there."""
    todo, installed = ["mailkit"], set()
    extras = {"mailkit": {""}}
    while todo:
        name = todo.pop()
        for text in importlib.metadata.requires(name) or []:
            requirement = Requirement(text)
            asked = [{"extra": extra} for extra in extras.get(name, {""})]
            if requirement.marker and not any(requirement.marker.evaluate(extra) for extra in asked):
                continue
            needs = canonicalize_name(requirement.name)
            before = extras.get(needs, set())
            extras[needs] = before | {"", *requirement.extras}
            if needs not in installed or extras[needs] != before:
                installed.add(needs)
                todo.append(needs)
    listed = names(build.pins_for("linux", for_lessons()))
    assert len(installed) > 80
    assert installed - listed == set()
    assert not {"pytest", "ruff", "mypy", "playwright", "hypothesis"} & listed


@pytest.mark.parametrize(
    ("system", "has", "has_not"),
    [
        ("linux", {"pexpect", "numpy"}, {"appnope", "pywinpty", "colorama"}),
        ("macos", {"pexpect", "numpy", "appnope"}, {"pywinpty", "colorama"}),
        ("windows", {"pywinpty", "numpy", "colorama"}, {"appnope", "pexpect"}),
    ],
)
def test_each_system_gets_its_own_list(system: str, has: set[str], has_not: set[str]) -> None:
    listed = names(build.pins_for(system, for_lessons()))
    assert has <= listed and not has_not & listed


def test_lists_keep_hashes_and_hold_no_address(bundle: Path) -> None:
    for path in [*(bundle / "lists").iterdir(), bundle / "wheels" / "requirements.txt"]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"://|index-url|find-links|file:", text), path
        for pin in build.pins(text):
            (locked,) = [other for other in build.pins(LOCK) if (other.name, other.marker) == (pin.name, pin.marker)]
            assert pin.version == locked.version and set(pin.hashes) >= set(locked.hashes)


def test_what_has_no_wheel_is_built(bundle: Path) -> None:
    """pyspf and dkimpy, and each list knows the wheels by their hashes, since they are for every system."""
    locked = {pin.name: pin for pin in build.pins(LOCK)}
    for path in (bundle / "lists").iterdir():
        added = [pin for pin in build.pins(path.read_text(encoding="utf-8")) if pin.hashes != locked[pin.name].hashes]
        assert names(added) >= {"pyspf", "dkimpy"}, path
    assert [p.name for p in (bundle / "wheels").iterdir() if p.suffix not in (".whl", ".lock", ".txt")] == []
    start = (bundle / "START.txt").read_text(encoding="utf-8")
    assert re.search(r"Built here from their sources.*: .*dkimpy, pyspf\.", start) and "{" not in start


def test_wheels_for_another_lock_are_refused(tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").write_text("# another\n", encoding="utf-8")
    with pytest.raises(ValueError, match="does not hold the wheels"):
        build.assemble(tmp_path, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


# The start.


def test_the_scripts_say_what_was_not_tried(bundle: Path) -> None:
    for name in ("start.cmd", "start.ps1"):
        script = (bundle / name).read_bytes()
        assert script.count(b"\n") == script.count(b"\r\n") > 5
        assert b"Not tried" in script and b"start.py" in script
        assert script.isascii(), "Windows reads others in the code page of its language"
    assert os.access(bundle / "start.sh", os.X_OK)
    assert "not tried on macOS" in (bundle / "start.sh").read_text(encoding="utf-8")


TRIED = "sys.exit(sys.version_info"


@pytest.mark.parametrize(("name", "first"), [("start.sh", TRIED), ("start.cmd", "call :try"), ("start.ps1", TRIED)])
def test_the_scripts_try_a_python_before_they_take_it(name: str, first: str) -> None:
    """On Windows, python3 may be a name that leads to the Store alone; on macOS, one that asks to install it."""
    script = (ROOT / "bundle" / name).read_text(encoding="utf-8")
    assert TRIED in script and 0 < script.index(first) < script.index(" start.py ")


def test_a_python_that_is_none_is_passed_over(tmp_path: Path) -> None:
    shutil.copy(ROOT / "bundle" / "start.sh", tmp_path)
    (tmp_path / "start.py").write_text("import sys\nprint(sys.argv[1:])\n", encoding="utf-8")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "dirname").symlink_to(shutil.which("dirname") or "")
    (programs / "python3").write_text("#!/bin/sh\necho Install it from the shop\nexit 1\n", encoding="utf-8")
    (programs / "python3").chmod(0o755)
    command = ["/bin/sh", str(tmp_path / "start.sh"), "--no-browser", "a b"]
    none = subprocess.run(command, env={"PATH": str(programs)}, capture_output=True, text=True)
    assert (none.returncode, none.stdout) == (1, "") and "none was found" in none.stderr
    (programs / "python3.12").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    (programs / "python3.12").chmod(0o755)
    found = subprocess.run(command, env={"PATH": str(programs)}, capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, "['--no-browser', 'a b']\n")


def test_opens_as_make_lab_does() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    script = (ROOT / "bundle" / "start.py").read_text(encoding="utf-8")
    for option in ("--LabApp.default_url=/lab/tree/work/", "--KernelManager.transport_encryption=auto", "--allow-root"):
        assert option in makefile and option in script


def starts_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let start.py be the one of *folder*."""
    monkeypatch.setattr(start, "HERE", folder)
    monkeypatch.setattr(start, "WHEELS", folder / "wheels")
    monkeypatch.setattr(start, "VENV", folder / ".venv")
    monkeypatch.setattr(start.sys, "platform", "linux")


def test_is_set_up_once_and_again_where_it_was_moved_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trainer tries the folder and then copies it: the paths in its environment are those of the trainer's."""
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in ("wheels", "lists"):
        (here / folder).mkdir(parents=True)
    tag = "cp{}{}".format(*sys.version_info[:2])
    (here / "wheels" / f"numpy-2.4.6-{tag}-{tag}-manylinux_2_27_x86_64.whl").touch()
    (here / "lists" / "linux.txt").write_text("idna==3.11\n", encoding="utf-8")
    made: list[Path] = []

    def run(why: str, *command: str) -> None:
        if "venv" in command:
            made.append(start.VENV)
            (start.VENV / "bin").mkdir(parents=True, exist_ok=True)
            (start.VENV / "bin" / "python").unlink(missing_ok=True)
            (start.VENV / "bin" / "python").symlink_to(sys.executable)

    monkeypatch.setattr(start, "run", run)
    starts_in(here, monkeypatch)
    start.set_up()
    start.set_up()
    assert made == [here / ".venv"]
    shutil.copytree(here, there, symlinks=True)
    starts_in(there, monkeypatch)
    start.set_up()
    start.set_up()
    assert made == [here / ".venv", there / ".venv"]
    (there / ".venv" / "bin" / "python").unlink()  # the Python it was made of is gone
    start.set_up()
    (there / "lists" / "linux.txt").write_text("idna==3.12\n", encoding="utf-8")
    start.set_up()
    assert made[2:] == [there / ".venv"] * 2


def test_a_program_that_is_not_there_is_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(start.CannotStart, match="The lessons could not be marked"):
        start.run("The lessons could not be marked.", str(tmp_path / "jupyter"), "trust")
    assert "jupyter" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wheel", "said"),
    [
        ("numpy-2.4.6-cp39-cp39-manylinux_2_27_x86_64.whl", "the wheels are for Python 3.9. Install it, or fetch"),
        ("numpy-2.4.6-cp311-cp311-win_amd64.whl", "wheels/ holds none for this system"),
    ],
)
def test_says_which_python_is_needed(
    wheel: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("wheels", "lists"):
        (tmp_path / folder).mkdir()
    (tmp_path / "wheels" / wheel).touch()
    (tmp_path / "lists" / "linux.txt").touch()
    starts_in(tmp_path, monkeypatch)
    monkeypatch.setattr(start, "tag_of", lambda command: "cp311")
    assert start.main([]) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / ".venv").exists()


def test_another_python_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, tag in (("python3.98", "cp398"), ("python3.99", "cp397")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {tag}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    for tag in ("cp398", "cp399"):
        (tmp_path / f"numpy-2.4.6-{tag}-{tag}-manylinux_2_27_x86_64.whl").touch()
    monkeypatch.setattr(start, "WHEELS", tmp_path)
    monkeypatch.setattr(start.sys, "platform", "linux")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    # python3.99 is asked first, and turns out to be another.
    assert start.python_for_the_wheels() == ["python3.98"]


# make lab.

STUB = """#!/bin/sh
case "$*" in
    "-m pip"*) echo "$*" >>calls.txt ;;
    *) exec "{python}" "$@" ;;
esac
"""


@pytest.mark.parametrize("fits", [True, False])
def test_make_takes_the_bundle_that_is_there(fits: bool, tmp_path: Path, peer: Callable[[str, str], str]) -> None:
    """Whose lock is the same; pip is only noted down."""
    make = peer("make", "make")
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(STUB.format(python=sys.executable), encoding="utf-8")
    python.chmod(0o755)
    wheels = tmp_path / "build" / "bundle" / "wheels"
    wheels.mkdir(parents=True)
    tag = "cp{}{}".format(*sys.version_info[:2])
    (wheels / f"numpy-2.4.6-{tag}-{tag}-manylinux_{sys.platform}_x86_64.whl").touch()
    (wheels.parent / "requirements.lock").write_text(LOCK if fits else "# another\n", encoding="utf-8")
    subprocess.run([make, "VENV=venv", "venv/ready"], cwd=tmp_path, check=True, capture_output=True)
    locked, editable = (tmp_path / "calls.txt").read_text(encoding="utf-8").splitlines()
    offline = "--no-index --find-links build/bundle/wheels"
    assert [offline in locked, offline in editable] == [fits, fits]
    assert locked.endswith("-r build/bundle/wheels/requirements.txt" if fits else "-r requirements.lock")
    assert "--require-hashes" in locked and editable.endswith("--editable .")


# With no network at all.

# What the start opens as the browser: it fetches the page that it is given, notes what came, and stops JupyterLab.
BROWSER = """
import pathlib, re, sys, urllib.request
page = pathlib.Path(sys.argv[1].removeprefix("file://")).read_text()
url = re.search(r'url=([^"]+)"', page)[1].replace("&amp;", "&")
with urllib.request.urlopen(url) as answer:
    pathlib.Path("opened.txt").write_text(f"{answer.status} {url} {answer.read().decode()}")
server, token = url.partition("/lab")[0], url.partition("token=")[2]
stop = {"Authorization": f"token {token}"}
urllib.request.urlopen(urllib.request.Request(server + "/api/shutdown", method="POST", headers=stop))
"""
# Runs a learner's copy to its end, in a kernel that works where JupyterLab's would.
RUN = """
import pathlib, socket, sys
from mailkit import workbook
assert [name for _, name in socket.if_nameindex()] == ["lo"], "there is a network"
copy = pathlib.Path(sys.argv[1])
copy.write_text(workbook.as_text(workbook.execute(workbook.read(copy), copy.parent)), encoding="utf-8")
"""


@pytest.fixture
def no_network(peer: Callable[[str, str], str]) -> list[str]:
    """What to put before a command to run it in a network that consists of loopback alone."""
    unshare, ip = peer("unshare", "util-linux"), peer("ip", "iproute2")
    if subprocess.run([unshare, "--net", "true"], capture_output=True).returncode:
        pytest.skip("no network of one's own may be made here: unshare --net needs root")
    return [unshare, "--net", "sh", "-c", f'"{ip}" link set lo up && exec "$@"', "sh"]


def test_start_and_lesson_00_without_any_network(bundle: Path, no_network: list[str], tmp_path: Path) -> None:
    opener = tmp_path / "open.py"
    opener.write_text(BROWSER, encoding="utf-8")
    # Nothing of this machine's settings for pip, Python or Jupyter; its programs, and an empty home.
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PIP_CONFIG_FILE": os.devnull,
        "BROWSER": f"{sys.executable} {opener} %s",
    }
    started = time.monotonic()
    try:
        begun = subprocess.run(
            [*no_network, "./start.sh"], cwd=bundle, env=environment, capture_output=True, text=True, timeout=PATIENCE
        )
        assert begun.returncode == 0, begun.stdout + begun.stderr
        set_up = time.monotonic() - started
        opened = (bundle / "opened.txt").read_text(encoding="utf-8")
        assert opened.startswith("200 ") and "JupyterLab" in opened
        assert "/00_start_here.ipynb" in opened.splitlines()[0]

        copy = bundle / "work" / "00_start_here.ipynb"
        python = bundle / ".venv" / "bin" / "python"
        subprocess.run(
            [*no_network, str(python), "-c", RUN, str(copy)], cwd=bundle, env=environment, check=True, timeout=PATIENCE
        )
    finally:
        shutil.rmtree(bundle / ".venv", ignore_errors=True)  # half a gigabyte
    seconds = time.monotonic() - started
    print(f"\nwithout network: set up and opened in {set_up:.0f} s, lesson 00 at its end after {seconds:.0f} s")
    executed = code_cells(workbook.read(copy))
    stored = code_cells(workbook.read(bundle / "notebooks" / copy.name))
    assert run_problems(executed) == []
    compared = [(a, b) for a, b in zip(executed, stored, strict=True) if "nbval-ignore-output" not in tags(a)]
    assert [shown(a) for a, _ in compared] == [shown(b) for _, b in compared]
