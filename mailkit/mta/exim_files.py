"""Reading Exim's file and the output of ``exim -bP``: the part of their grammar that lint needs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mailkit.mta.postfix_files import BLANKS, physical_lines

__all__ = ["Exim", "is_certain", "read_exim", "read_macros"]

# What stands behind a value that counts on a condition alone, or that a file which is not read may change.
_CONDITIONAL = " (under .ifdef)"
_INCLUDED = " (or what an included file says)"
_SETTING = re.compile(r"(?:hide\s+|hostlist\s+|domainlist\s+)?([a-z0-9_]{2,60})\s*=\s*(.*)", re.DOTALL | re.ASCII)
_MACRO = re.compile(r"([A-Z][A-Za-z0-9_]{1,60})\s*=\s*(.*)", re.DOTALL | re.ASCII)
_SECTIONS = ("acl", "routers", "transports", "retry", "rewrite", "authenticators", "local_scan")
_CONDITIONS = (".ifdef", ".ifndef")
_BLANK = re.compile(rf"[{BLANKS}]+")
_SWITCH = re.compile(r"[a-z0-9_]{2,60}")
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

    def said(self, options: Mapping[str, str], name: str, default: str = "") -> str:
        """Return what *options* says of *name*, marked where an included file may say more."""
        value = options.get(name, default)
        return f"{value}{_INCLUDED}" if self.includes else value


def is_certain(value: str) -> bool:
    """Return whether *value* counts, whatever macros are defined and files included."""
    return not value.endswith((_CONDITIONAL, _INCLUDED))


def read_exim(text: str, version: tuple[int, int] | None = None) -> Exim:
    """Return what *text*, a configuration file or the output of ``exim -bP`` of Exim *version*, sets."""
    exim: dict[str, dict[str, str]] = {"main": {}, "macros": {}}
    groups: dict[str, dict[str, dict[str, str]]] = {"transports": {}, "authenticators": {}}
    acl: list[str] = []
    section, current, whole, conditional, includes, depth = "main", "", False, False, False, 0
    for line in _joined(text):
        words = _BLANK.split(line)
        mark = _CONDITIONAL if depth > 0 else ""
        if words[0] == "begin" and len(words) == 2 and words[1] in _SECTIONS:
            section, current, whole = words[1], "", True
        elif line.startswith("."):
            conditional = conditional or words[0] in _CONDITIONS
            depth += (words[0] in _CONDITIONS) - (words[0] == ".endif")
            includes = includes or words[0].startswith(".include")
        elif section == "acl":
            acl.append(line + mark)
        elif section in groups and _ENDS.fullmatch(line):
            current = line.removesuffix(":")
            groups[section][current] = {}
        elif section == "main" and (macro := _MACRO.fullmatch(line)):
            exim["macros"][macro[1]] = macro[2]
        elif section == "main" or (section in groups and current):
            options = exim["main"] if section == "main" else groups[section][current]
            if setting := _SETTING.fullmatch(line):
                options[setting[1]] = setting[2] + mark
            elif _SWITCH.fullmatch(line):
                options[line.removeprefix("no_")] = ("false" if line.startswith("no_") else "true") + mark
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
    for line in physical_lines(text):
        stripped = line.strip(BLANKS)
        if stripped.startswith("#") or (not stripped and not pending):
            continue
        if stripped.endswith("\\"):
            pending += stripped[:-1]
            continue
        if whole := (pending + stripped).strip(BLANKS):
            yield whole
        pending = ""
    if pending.strip(BLANKS):
        yield pending.strip(BLANKS)


def read_macros(text: str) -> dict[str, str]:
    """Return the macros that *text*, such as Debian's exim4.conf.localmacros, defines; the last one counts."""
    return {found[1]: found[2] for line in _joined(text) if (found := _MACRO.fullmatch(line))}
