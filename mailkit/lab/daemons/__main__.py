"""``python -m mailkit.lab.daemons``: which mail servers can be run here, and as whom."""

from __future__ import annotations

import os

from mailkit.lab.daemons import why_not

__all__ = ["main"]

_JOBS = ("submission", "smarthost", "receiving")


def main() -> None:
    """Print a line for each server and job."""
    who = "root" if hasattr(os, "geteuid") and os.geteuid() == 0 else "you"
    for software in ("exim", "postfix"):
        for job in _JOBS:
            why = why_not(software, job)
            print(f"{software.capitalize()}, {job}: {why or f'can be run here, as {who}'}")


if __name__ == "__main__":
    main()
