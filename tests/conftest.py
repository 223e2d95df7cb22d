"""What the tests share: where the project lies, and the Debian tools that protocol tests talk to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root folder."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def peer() -> Callable[[str, str], str]:
    """``peer("dig", "bind9-dnsutils")`` is the path of that tool; without it the test skips, naming the package."""
    folders = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])

    def find(name: str, package: str) -> str:
        path = shutil.which(name, path=folders)
        if path is None:
            pytest.skip(f"{name} is missing: apt-get install {package}")
        return path

    return find
