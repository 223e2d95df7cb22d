"""A class on one machine: what a kernel costs when all learners run a lesson at once, and how fast one catches up.

Run as ``python benchmarks/bench_classroom.py``, or with ``--kernels 20 --lessons 00 04``.  Each learner is a kernel of
its own that runs the stored lesson from the top, all at the same time, with nothing cached.  Memory is what Linux says
of the kernel's process at the end (resident) and at the most (peak); the JupyterLab that learners would have besides
is not counted.  Catching up is measured in a fresh process: the first call, which imports everything and starts the
practice internet, and the slowest of the others.  On a machine that has other work too, the processor time of the first
call says what it would take alone.

There is no peer to measure beside: the figures say how many learners a machine seats.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nbformat.v4 import new_code_cell

from mailkit import sections, workbook

KERNELS = 20
CATCH_UP_TARGET = 10.0  # seconds
# Nobody answers on these ports: the lessons' questions to the real internet end at once, as in a room without one.
ALONE = {"MAILKIT_VIA": "socks5://127.0.0.1:9", "MAILKIT_NAMESERVERS": "127.0.0.1:9"}

# What each kernel says of itself at the end.
ASK = """
import pathlib
_status = pathlib.Path("/proc/self/status")
print(_status.read_text() if _status.exists() else "")
"""
# What a fresh process does: print the seconds of each call, the first one with all imports in it.
CATCH_UP = """
import sys, time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for place in sys.argv[1:]:
    begun = time.monotonic()
    from mailkit.catching_up import catch_up
    catch_up(place)
    print(time.monotonic() - begun, time.process_time())
"""


def one_kernel(lesson: Path) -> tuple[float, str]:
    """Run *lesson* in a kernel; return the seconds that took and what the kernel says of itself, "" if it failed."""
    notebook = workbook.read(lesson)
    notebook.cells.append(new_code_cell(ASK))
    begun = time.monotonic()
    try:
        workbook.execute(notebook, lesson.parent)
    except (workbook.CellFailed, RuntimeError) as error:  # a cell ran into its time, or a kernel lost a port
        print(f"    a kernel failed: {str(error).splitlines()[0]}", file=sys.stderr)
        return 0.0, ""
    return time.monotonic() - begun, "".join(output.get("text", "") for output in notebook.cells[-1].outputs)


def megabytes(says: list[str], field: str) -> list[float]:
    """Return a field of each kernel's /proc/PID/status, which counts in units of 1024 octets."""
    found = [re.search(rf"^{field}:\s+(\d+) kB$", said, re.MULTILINE) for said in says]
    return [int(match[1]) / 1024 for match in found if match]


def class_at_once(lesson: Path, kernels: int) -> bool:
    """Run *lesson* in that many *kernels* at once and print a line; return whether all came to its end."""
    begun = time.monotonic()
    with ThreadPoolExecutor(kernels) as pool:
        done = [found for found in pool.map(one_kernel, [lesson] * kernels) if found[1]]
    seconds, says = time.monotonic() - begun, [said for _, said in done]
    resident, peak = megabytes(says, "VmRSS") or [0.0], megabytes(says, "VmHWM") or [0.0]
    print(
        f"  {lesson.stem:22} {len(done):3} of {kernels} kernels, {seconds:6.0f} s for all; "
        f"memory {statistics.median(resident):4.0f} MB each, at most {max(peak):4.0f} MB, "
        f"{sum(resident) / 1024:5.1f} GB together",
        flush=True,
    )
    return len(done) == kernels


def catching_up(lesson: Path) -> bool:
    """Print how long it takes to get to the sections of *lesson*; return whether that is within the target."""
    places = [f"{lesson.stem[:2]}/{section.key}" for section in sections.sections(sections.read_json(lesson))]
    run = [sys.executable, "-c", CATCH_UP, *places]
    said = subprocess.run(run, capture_output=True, text=True, check=True, cwd=lesson.parent)
    lines = [line.split() for line in said.stdout.splitlines()]
    first, *others = (float(seconds) for seconds, _ in lines)
    slowest = max(others, default=0.0)
    met = first + slowest <= CATCH_UP_TARGET  # who comes late has a fresh kernel, and may want any section
    print(
        f"  {lesson.stem:22} first call {first:5.2f} s, of which processor time {float(lines[0][1]):5.2f} s; "
        f"slowest of {len(others)} others {slowest:5.2f} s; "
        f"target {CATCH_UP_TARGET:g} s for both: {'met' if met else 'MISSED'}",
        flush=True,
    )
    return met


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="A class on one machine.")
    parser.add_argument("--kernels", type=int, default=KERNELS, help=f"how many at once (default {KERNELS})")
    parser.add_argument("--lessons", nargs="*", default=[], metavar="NN", help="their numbers (default: all)")
    options = parser.parse_args()
    os.environ.update(ALONE)
    workbook.CELL_TIMEOUT = 1200  # twenty kernels on two cores: everything takes ten times as long
    chosen = [path for path in workbook.lessons() if not options.lessons or path.stem[:2] in options.lessons]
    load = f", load {os.getloadavg()[0]:.1f} before the start" if hasattr(os, "getloadavg") else ""
    print(f"catching up, {os.cpu_count()} cores{load}")
    met = [catching_up(lesson) for lesson in chosen]
    print(f"{options.kernels} kernels at once")
    met += [class_at_once(lesson, options.kernels) for lesson in chosen]
    print("every target met" if all(met) else "a target was missed")


if __name__ == "__main__":
    main()
