"""Reading main.cf and master.cf as Postfix does (postconf(5), master(5)): the part of their grammar that lint needs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Postfix", "Service", "logical_lines", "read_main", "read_master"]

_NAME = re.compile(r"([A-Za-z0-9_.-]{1,100})\s*=\s*(.*)", re.DOTALL)
_REFERENCE = re.compile(r"\$(?:(\w+)|\{(\w+)\}|\((\w+)\))")
_DEEPEST = 10
_LONGEST = 20_000


@dataclass(frozen=True)
class Service:
    """One line of master.cf with its options."""

    name: str
    kind: str
    chroot: str
    command: str
    options: Mapping[str, str]


@dataclass(frozen=True)
class Postfix:
    """The settings of main.cf, as written, and the services of master.cf; ``twice`` names what main.cf sets again.

    ``version`` is (3, 7) and the like where it is known, None otherwise.
    """

    main: Mapping[str, str] = field(default_factory=dict)
    services: tuple[Service, ...] = ()
    twice: tuple[str, ...] = ()
    version: tuple[int, int] | None = None

    def value(self, name: str, service: Service | None = None, default: str = "") -> str:
        """Return the setting *name* as *service* sees it, with what it refers to put in as far as that is known."""
        text = self.main.get(name, default)
        if service is not None:
            text = service.options.get(name, text)
        for _ in range(_DEEPEST):
            fuller = _REFERENCE.sub(lambda found: self._referred(found, service), text)
            if fuller == text or len(fuller) > _LONGEST:
                break
            text = fuller
        return text[:_LONGEST].strip()

    def _referred(self, found: re.Match[str], service: Service | None) -> str:
        name = found[1] or found[2] or found[3]
        if service is not None and name in service.options:
            return service.options[name]
        return self.main.get(name, found[0])

    def words(self, name: str, service: Service | None = None, default: str = "") -> list[str]:
        """Return the setting as a list: commas and white space part its words."""
        return [word for word in re.split(r"[\s,]+", self.value(name, service, default)) if word]


def logical_lines(text: str) -> list[str]:
    """Return the lines of a file of Postfix: comments left out, a line that begins with white space joined on."""
    lines: list[list[str]] = []
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0] in " \t" and lines:
            lines[-1].append(line.strip())
        else:
            lines.append([line.strip()])
    return [" ".join(parts) for parts in lines]


def read_main(text: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the settings of main.cf and the names that are set more than once: the last one counts."""
    main: dict[str, str] = {}
    twice = []
    for line in logical_lines(text):
        if found := _NAME.fullmatch(line):
            if found[1] in main:
                twice.append(found[1])
            main[found[1]] = found[2]
    return main, tuple(dict.fromkeys(twice))


def read_master(text: str) -> tuple[Service, ...]:
    """Return the services of master.cf; lines of another form are left out."""
    services = []
    for line in logical_lines(text):
        columns = line.split(None, 7)
        if len(columns) < 8 or columns[1] not in ("inet", "unix", "fifo", "pass", "unix-dgram"):
            continue
        command, _, rest = columns[7].partition(" ")
        options = {}
        for braced, plain in re.findall(r"-o\s*(?:\{([^}]{0,2000})\}|(\S{1,2000}))", rest):
            name, equals, value = (braced or plain).partition("=")
            if equals:
                options[name.strip()] = value.strip()
        services.append(Service(columns[0], columns[1], columns[4], command, options))
    return tuple(services)
