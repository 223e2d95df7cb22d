"""Reading main.cf and master.cf as Postfix does (postconf(5), master(5)): the part of their grammar that lint needs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mailkit.mta.versions import numbers

__all__ = ["BLANKS", "Postfix", "Service", "Unseen", "logical_lines", "physical_lines", "read_main", "read_master"]

BLANKS = " \t\r\f\v"
"""White space to the programs whose files are read here: a no-break space is a letter like others."""

_NAME = re.compile(r"([A-Za-z0-9_.-]{1,100})\s*=\s*(.*)", re.DOTALL | re.ASCII)
_REFERENCE = re.compile(r"\$(?:(\w+)|\{(\w+)\}|\((\w+)\))", re.ASCII)
_DEEPEST = 10
_LONGEST = 10_000
_TOO_LONG = f"${{longer-than-{_LONGEST}-characters}}"  # a reference that nobody resolves: not understood
_UNSEEN = "$(main.cf)"  # such a reference, too
_MOST_SERVICES = 200


@dataclass(frozen=True)
class Service:
    """One line of master.cf with its options."""

    name: str
    kind: str
    chroot: str
    command: str
    options: Mapping[str, str]


class Unseen(Mapping[str, str]):
    """A main.cf that was not read: it may set everything, to what is not understood."""

    def __getitem__(self, name: str) -> str:
        return _UNSEEN

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


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
            if len(text) > _LONGEST:
                break
            fuller = self._filled(text, service)
            if fuller == text:
                break
            text = fuller
        return _TOO_LONG if len(text) > _LONGEST else text.strip(BLANKS)

    def _filled(self, text: str, service: Service | None) -> str:
        """Return *text* with each reference that is known put in once, no further than beyond the limit."""
        parts, length, done = [], 0, 0
        for found in _REFERENCE.finditer(text):
            parts += [text[done : found.start()], self._referred(found, service)]
            length += len(parts[-2]) + len(parts[-1])
            if length > _LONGEST:
                break
            done = found.end()
        return "".join([*parts, text[done:]])

    def _referred(self, found: re.Match[str], service: Service | None) -> str:
        name = found[1] or found[2] or found[3]
        if service is not None and name in service.options:
            return service.options[name]
        return self.main.get(name, found[0])

    def word(self, name: str, service: Service | None = None, default: str = "") -> str:
        """Return the setting in small letters: Postfix reads yes, no and its levels so."""
        return self.value(name, service, default).lower()

    def is_set(self, name: str, service: Service | None = None) -> bool:
        """Return whether *service* or main.cf sets *name*."""
        return name in self.main or (service is not None and name in service.options)

    def level(self, service: Service | None = None) -> tuple[int, ...] | None:
        """Return the compatibility_level: (0, 0) where it is not set, None where it is not understood."""
        text = self.value("compatibility_level", service, "0")
        try:
            return numbers(text if "." in text else f"{text}.0")
        except ValueError:
            return None

    def words(self, name: str, service: Service | None = None, default: str = "") -> list[str]:
        """Return the setting as a list: commas and white space part its words."""
        return [word for word in re.split(rf"[{BLANKS},]+", self.value(name, service, default)) if word]


def physical_lines(text: str) -> list[str]:
    """Return the lines of *text* as programs in C read them: nothing but a line feed ends one."""
    return text.split("\n")


def logical_lines(text: str) -> list[str]:
    """Return the lines of a file of Postfix: comments left out, a line that begins with white space joined on."""
    lines: list[list[str]] = []
    for line in physical_lines(text):
        if not (stripped := line.strip(BLANKS)) or stripped.startswith("#"):
            continue
        if line[0] in " \t" and lines:
            lines[-1].append(stripped)
        else:
            lines.append([stripped])
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
    """Return the services of master.cf; lines of another form are left out.

    Raises ValueError where there are more of them than anybody runs.
    """
    services: list[Service] = []
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
        if len(services) == _MOST_SERVICES:
            raise ValueError(f"more than {_MOST_SERVICES} services: that is no master.cf")
        services.append(Service(columns[0], columns[1], columns[4], command, options))
    return tuple(services)
