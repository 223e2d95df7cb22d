"""Open the workbook from this folder: no network, no compiler, no make.

start.sh, start.cmd and start.ps1 call this with whatever Python they find; so it is written for old ones too, and
looks for the Python that the wheels are for.  The first time it makes a virtual environment beside itself, from
wheels/ alone; and again when the folder has been moved or copied, since the paths in it are those of the old place.
What is written behind the command goes to JupyterLab: ./start.sh --no-browser

Tried on Linux.  Not tried on macOS and Windows, for want of such machines.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
WHEELS = HERE / "wheels"
VENV = HERE / ".venv"
# sys.platform -> its list, and what stands in the names of its wheels
SYSTEMS = {"linux": ("linux", "linux"), "darwin": ("macos", "macosx"), "win32": ("windows", "win")}
ASK_VERSION = "import sys; print('cp%d%d' % sys.version_info[:2])"


class CannotStart(Exception):
    """The text says why, and what to do."""


def pythons_of_the_wheels() -> list[str]:
    """Return the Pythons that wheels/ has compiled packages for, newest first: "cp312"."""
    sign = SYSTEMS[sys.platform][1]
    names = [path.name.split("-") for path in WHEELS.glob("numpy-*.whl")]
    tags = {name[2] for name in names if sign in name[-1]}
    return sorted(tags, key=lambda tag: int(tag[3:]), reverse=True)


def candidates(tag: str) -> Iterator[list[str]]:
    """Yield the commands that may be the Python *tag*: this one, and those that bear its version in their names."""
    version = f"{tag[2]}.{tag[3:]}"
    yield [sys.executable]
    yield ["py", f"-{version}"] if os.name == "nt" else [f"python{version}"]


def tag_of(command: list[str]) -> str:
    """Return which Python *command* is, "cp312"; "" where it is none."""
    try:
        said = subprocess.run([*command, "-c", ASK_VERSION], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:
        return ""
    return "" if said.returncode else said.stdout.decode().strip()


def python_for_the_wheels() -> list[str]:
    """Return the command of a Python that the wheels are for."""
    tags = pythons_of_the_wheels()
    for tag in tags:
        for command in candidates(tag):
            if tag_of(command) == tag:
                return command
    here = f"This is Python {sys.version_info[0]}.{sys.version_info[1]} on {sys.platform}"
    if not tags:
        raise CannotStart(f"{here}, and wheels/ holds none for this system: START.txt says how to fetch them.")
    wanted = " or ".join(f"{tag[2]}.{tag[3:]}" for tag in tags)
    raise CannotStart(f"{here}; the wheels are for Python {wanted}. Install it, or fetch others as START.txt says.")


def in_venv(name: str) -> str:
    """Return the path of the program *name* in the virtual environment."""
    return str(VENV / "Scripts" / f"{name}.exe" if os.name == "nt" else VENV / "bin" / name)


def run(why: str, *command: str) -> None:
    """Run *command*; raise CannotStart with the sentence *why* if it fails."""
    try:
        failed = bool(subprocess.run(command, cwd=HERE).returncode)
    except OSError as error:
        print(error, file=sys.stderr)
        failed = True
    if failed:
        raise CannotStart(why)


def set_up() -> None:
    """Make the virtual environment, unless it is there, whole, and was made in this place and from this very list."""
    packages = HERE / "lists" / (SYSTEMS[sys.platform][0] + ".txt")
    made_of = f"{str(VENV)!a}\n{packages.read_text(encoding='utf-8')}"
    ready = VENV / "ready"
    if ready.exists() and ready.read_text(encoding="utf-8") == made_of and tag_of([in_venv("python")]):
        return
    python = python_for_the_wheels()
    print("Setting up the workbook in this folder: a minute or two, once.", flush=True)
    run(
        f"{VENV} could not be made. On a stick that takes no links, or may not be written to: copy the whole folder "
        "to this machine's own disk. On Debian or Ubuntu: apt-get install python3-venv.",
        *python,
        "-m",
        "venv",
        "--clear",
        str(VENV),
    )
    install = [in_venv("python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    install += ["--no-index", "--find-links", str(WHEELS)]
    why = (
        "pip could not install from wheels/; what it says stands above. For another system or processor START.txt "
        "says how to fetch the wheels."
    )
    if os.name == "nt":
        why += " If a file is not found, its path may be too long for Windows: take a folder such as C:\\mail."
    # Python compiles what is imported when it first is; to compile everything takes longer than the rest.
    run(why, *install, "--no-compile", "--require-hashes", "--requirement", str(packages))
    run(why, *install, "--no-deps", "--editable", ".")
    ready.write_text(made_of, encoding="utf-8")


def open_workbook(arguments: list[str]) -> int:
    """Make the learner's copies, open JupyterLab on the first, and return its exit status; as ``make lab`` does."""
    lessons = sorted(path.name for path in (HERE / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    run(
        "The lessons could not be marked as trusted.", in_venv("jupyter"), "trust", *(f"notebooks/{n}" for n in lessons)
    )
    run("Your copies of the lessons could not be made.", in_venv("python"), "-m", "mailkit.workbook", "copies")
    command = [in_venv("jupyter"), "lab", f"--LabApp.default_url=/lab/tree/work/{lessons[0]}"]
    command += ["--KernelManager.transport_encryption=auto"]
    if os.name != "nt" and os.geteuid() == 0:
        command += ["--allow-root"]
    jupyterlab = subprocess.Popen([*command, *arguments], cwd=HERE)
    while True:
        try:
            return jupyterlab.wait()
        except KeyboardInterrupt:  # meant for JupyterLab, which asks whether to stop
            pass


def main(arguments: list[str] | None = None) -> int:
    """Set up if need be, open the workbook, and return the exit status."""
    try:
        if sys.platform not in SYSTEMS:
            raise CannotStart(f"There is no list of packages for {sys.platform}.")
        set_up()
        return open_workbook(sys.argv[1:] if arguments is None else arguments)
    except CannotStart as reason:
        print(reason, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
