"""Reading Exim's file and the output of ``exim -bP``: the part of their grammar that lint needs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Exim", "read_exim", "read_macros"]

_SETTING = re.compile(r"(?:hide\s+|hostlist\s+|domainlist\s+)?([a-z0-9_]{2,60})\s*=\s*(.*)", re.DOTALL)
_MACRO = re.compile(r"([A-Z][A-Za-z0-9_]{1,60})\s*=\s*(.*)")
_SECTIONS = ("acl", "routers", "transports", "retry", "rewrite", "authenticators", "local_scan")
_ENDS = re.compile(r"[a-z0-9_]{1,60}:")


@dataclass(frozen=True)
class Exim:
    """Options of the main part, ACL text, and the options of each transport and authenticator by its name.

    ``version`` is (4, 96) and the like where it is known.
    """

    main: dict[str, str] = field(default_factory=dict)
    macros: dict[str, str] = field(default_factory=dict)
    acl: str = ""
    transports: dict[str, dict[str, str]] = field(default_factory=dict)
    authenticators: dict[str, dict[str, str]] = field(default_factory=dict)
    whole: bool = False  # has sections: not merely the output of exim -bP
    conditional: bool = False  # has .ifdef: both branches are read
    includes: bool = False  # has .include: what stands there is not read
    version: tuple[int, int] | None = None


def read_exim(text: str, version: tuple[int, int] | None = None) -> Exim:
    """Return what *text*, a configuration file or the output of ``exim -bP`` of Exim *version*, sets."""
    exim: dict[str, dict[str, str]] = {"main": {}, "macros": {}}
    groups: dict[str, dict[str, dict[str, str]]] = {"transports": {}, "authenticators": {}}
    acl: list[str] = []
    section, current, whole, conditional, includes = "main", "", False, False, False
    for line in _joined(text):
        words = line.split()
        if words[0] == "begin" and len(words) == 2 and words[1] in _SECTIONS:
            section, current, whole = words[1], "", True
        elif line.startswith("."):
            conditional = conditional or words[0] in (".ifdef", ".ifndef")
            includes = includes or words[0].startswith(".include")
        elif section == "acl":
            acl.append(line)
        elif section in groups and _ENDS.fullmatch(line):
            current = line.removesuffix(":")
            groups[section][current] = {}
        elif section == "main" and (macro := _MACRO.fullmatch(line)):
            exim["macros"][macro[1]] = macro[2]
        elif section == "main" or (section in groups and current):
            options = exim["main"] if section == "main" else groups[section][current]
            if setting := _SETTING.fullmatch(line):
                options[setting[1]] = setting[2].strip()
            elif re.fullmatch(r"[a-z0-9_]{2,60}", line):
                options[line.removeprefix("no_")] = "false" if line.startswith("no_") else "true"
    return Exim(
        exim["main"],
        exim["macros"],
        " ".join(" ".join(acl).split()),
        groups["transports"],
        groups["authenticators"],
        whole,
        conditional,
        includes,
        version,
    )


def _joined(text: str) -> Iterator[str]:
    """Yield the logical lines: comments left out, a backslash at the end joins the next line on."""
    pending = ""
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#") or (not stripped and not pending):
            continue
        if stripped.endswith("\\"):
            pending += stripped[:-1]
            continue
        if whole := (pending + stripped).strip():
            yield whole
        pending = ""
    if pending.strip():
        yield pending.strip()


def read_macros(text: str) -> dict[str, str]:
    """Return the macros that *text*, such as Debian's exim4.conf.localmacros, defines; the last one counts."""
    return {found[1]: found[2].strip() for line in _joined(text) if (found := _MACRO.fullmatch(line))}
