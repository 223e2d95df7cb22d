"""Build the bundle: a folder that sets the workbook up on a machine without network, compiler or make.

It holds the workbook itself, ``wheels/`` for the Linux and the Python of the machine that builds it, and ``lists/``,
one for each system, of what the lessons need there: the pins of requirements.lock with all their hashes, to which
those of the wheels built here are added.  The lists hold no address of an index.

    python bundle/build.py fetch WHEELS               fetch the wheels, and build those of pyspf and dkimpy
    python bundle/build.py assemble WHEELS FOLDER     make the bundle from them, offline
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import CalledProcessError

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

__all__ = ["Pin", "assemble", "fetch", "main", "needed", "pins", "pins_for", "with_built_wheels"]

ROOT = Path(__file__).resolve().parent.parent
CONTENTS = ("notebooks", "data", "mailkit", "pyproject.toml", "requirements.lock", "LICENSE", "*.md")
STARTERS = ("start.py", "start.sh", "start.cmd", "start.ps1")
WINDOWS_LINES = (".cmd", ".ps1")  # cmd.exe misreads a script whose lines end as Unix has them
LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*", "*.egg-info")

# What the markers of a lock may ask about a system; PEP 508.
SYSTEMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    "macos": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
    "windows": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
}
PYTHONS = ("3.11.0", "3.11.99", "3.12.0", "3.12.99", "3.13.0", "3.13.99", "3.14.0", "3.14.99")


@dataclass(frozen=True)
class Pin:
    """One entry of a lock: what is asked for, on which condition, with which hashes, and by whom."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]
    via: frozenset[str]

    def __str__(self) -> str:
        condition = f" ; {self.marker}" if self.marker else ""
        return " \\\n    ".join([f"{self.name}=={self.version}{condition}", *(f"--hash={h}" for h in self.hashes)])


def pins(lock: str) -> list[Pin]:
    """Return the entries of *lock*, the text of a requirements.lock as uv writes it."""
    found = []
    for entry in re.split(r"(?m)^(?=[a-z\d])", lock)[1:]:
        match = re.match(r"([\w.-]+)==(\S+)(?: ; ([^\\\n]+?))? *\\\n", entry)
        if match is None:
            raise ValueError(f"not an entry of a lock: {entry.splitlines()[0]}")
        via = re.findall(r"(?m)^ +#(?: via| {2}) +([\w.-]+)", entry)
        hashes = tuple(re.findall(r"--hash=(\S+)", entry))
        found.append(Pin(match[1], match[2], match[3] or "", hashes, frozenset(via)))
    return found


def needed(all_pins: Sequence[Pin], roots: Iterable[str]) -> list[Pin]:
    """Return those of *all_pins* that the packages *roots* are or ask for, directly or through others."""
    wanted: set[str] = {canonicalize_name(name) for name in roots}
    while more := {pin.name for pin in all_pins if pin.via & wanted} - wanted:
        wanted |= more
    return [pin for pin in all_pins if pin.name in wanted]


def pins_for(system: str, some: Iterable[Pin]) -> list[Pin]:
    """Return those of *some* that *system* ("linux", "macos", "windows") may need, with one Python or another."""
    return [pin for pin in some if any(_holds(pin, system, python) for python in PYTHONS)]


def _holds(pin: Pin, system: str, python: str) -> bool:
    """Tell whether *pin* is for *python* ("3.12.4") on *system*."""
    environment = SYSTEMS[system] | {"python_full_version": python, "python_version": python.rpartition(".")[0]}
    return not pin.marker or Marker(pin.marker).evaluate(environment)


def with_built_wheels(some: Iterable[Pin], wheels: Path) -> list[Pin]:
    """Return *some*, each with the hash of its wheel in *wheels* where the lock has not got it: it was built here."""
    digests: dict[tuple[str, str], list[str]] = {}
    for path in sorted(wheels.glob("*.whl")):
        name, version, _, _ = parse_wheel_filename(path.name)
        digest = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
        digests.setdefault((name, str(version)), []).append(digest)
    return [
        replace(pin, hashes=(*pin.hashes, *new))
        if (new := [d for d in digests.get((pin.name, pin.version), []) if d not in pin.hashes])
        else pin
        for pin in some
    ]


def fetch(wheels: Path, root: Path = ROOT) -> None:
    """Fill the folder *wheels*, anew, for this Linux and every release of this Python, "3.11" or whatever it is.

    A pin may hang on the release (3.11.2 needs another soupsieve than 3.11.7), and a learner's is another than ours.
    setuptools comes along, since pip installs the workbook's own package with it.  Raises CalledProcessError
    where the index cannot be reached, and leaves *wheels* as it was.
    """
    lock = (root / "requirements.lock").read_text(encoding="utf-8")
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    release, minor = platform.python_version(), ".".join(platform.python_version_tuple()[:2])
    others = [python for python in PYTHONS if python.startswith(f"{minor}.")]
    with tempfile.TemporaryDirectory(dir=wheels.parent) as work:
        part, wanted = Path(work) / "wheels", Path(work) / "wanted.txt"
        pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
        pip += ["--wheel-dir", str(part)]
        subprocess.run([*pip, "--require-hashes", "--requirement", str(root / "requirements.lock")], check=True)
        for pin in pins(lock):
            if not _holds(pin, "linux", release) and any(_holds(pin, "linux", other) for other in others):
                wanted.write_text(f"{replace(pin, marker='')}\n", encoding="utf-8")
                subprocess.run([*pip, "--require-hashes", "--requirement", str(wanted)], check=True)
        subprocess.run([*pip, *project["build-system"]["requires"]], check=True)
        (part / "requirements.lock").write_text(lock, encoding="utf-8")
        shutil.rmtree(wheels, ignore_errors=True)
        part.rename(wheels)


def assemble(wheels: Path, folder: Path, root: Path = ROOT) -> None:
    """Make the bundle in *folder*, anew, from the workbook in *root* and the fetched *wheels*.

    Raises ValueError where *wheels* are not those of the workbook's lock.
    """
    lock = (root / "requirements.lock").read_text(encoding="utf-8")
    fetched_for = wheels / "requirements.lock"
    if not fetched_for.exists() or fetched_for.read_text(encoding="utf-8") != lock:
        raise ValueError(f"{wheels} does not hold the wheels of requirements.lock: they could not be fetched")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copytree(wheels, folder / "wheels", copy_function=_link)
    for pattern in CONTENTS:
        for source in root.glob(pattern):
            if source.is_dir():
                shutil.copytree(source, folder / source.name, ignore=LEFT_OUT)
            else:
                shutil.copy(source, folder)

    locked = with_built_wheels(pins(lock), wheels)
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for_lessons = needed(locked, (Requirement(text).name for text in project["dependencies"]))
    _write(folder / "wheels" / "requirements.txt", locked)
    (folder / "lists").mkdir()
    for system in SYSTEMS:
        _write(folder / "lists" / f"{system}.txt", pins_for(system, for_lessons))

    here = Path(__file__).parent
    for name in STARTERS:
        shutil.copy(here / name, folder)
        if name.endswith(WINDOWS_LINES):
            (folder / name).write_text((here / name).read_text(encoding="utf-8"), encoding="utf-8", newline="\r\n")
    built = [pin.name for pin, locked_before in zip(locked, pins(lock)) if pin != locked_before]
    start = (here / "START.txt").read_text(encoding="utf-8")
    version = ".".join(platform.python_version_tuple()[:2])
    machine = f"{platform.system()} {platform.machine()} ({' '.join(platform.libc_ver())})"
    text = start.format(system=machine, version=version, built=", ".join(built))
    (folder / "START.txt").write_text(text, encoding="utf-8", newline="\n")


def _write(path: Path, some: Iterable[Pin]) -> None:
    path.write_text("".join(f"{pin}\n" for pin in some), encoding="utf-8", newline="\n")


def _link(source: str, target: str) -> None:
    """Give the file *source* the second name *target*, or copy it where the two lie on different disks."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python bundle/build.py", description="The workbook as a folder to carry.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("fetch", help="fetch the wheels").add_argument("wheels", type=Path)
    assembling = commands.add_parser("assemble", help="make the bundle from them")
    assembling.add_argument("wheels", type=Path)
    assembling.add_argument("folder", type=Path)
    options = parser.parse_args(arguments)
    try:
        if options.command == "fetch":
            fetch(options.wheels)
        else:
            assemble(options.wheels, options.folder)
            size = sum(path.stat().st_size for path in options.folder.rglob("*") if path.is_file())
            print(f"{options.folder}: {size / 1e6:.0f} MB. Copy it to a stick; START.txt in it tells how it is used.")
    except (CalledProcessError, ValueError) as error:
        print(error if options.command == "assemble" else "The wheels could not be fetched.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
