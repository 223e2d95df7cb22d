"""The policy file of MTA-STS: which hosts may take the domain's mail, and how serious that is (RFC 8461 3.2, 4.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mailkit.network.names import is_host_name, to_ascii
from mailkit.results import visible

__all__ = ["MODES", "MOST_AGE", "MOST_MX", "MOST_OCTETS", "PolicyFile", "matches", "parse", "write"]

MODES = ("enforce", "testing", "none")
MOST_AGE = 31_557_600  # seconds: a year (section 3.2)
MOST_OCTETS = 64 * 1024  # of a policy (section 3.3)
MOST_MX = 100  # lines of a policy that are read
_DIGITS = re.compile(r"[0-9]{1,10}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_ONE_EACH = ("version", "mode", "max_age")


@dataclass(frozen=True)
class PolicyFile:
    """A policy that was read.  ``problem`` is "" for a valid one, else why senders cannot use it."""

    mode: str = ""
    mx: tuple[str, ...] = ()
    max_age: int = 0
    problem: str = ""
    passed_over: tuple[str, ...] = field(default=(), compare=False)


def parse(octets: bytes) -> PolicyFile:
    """Return the policy in *octets*, a file of lines ``key: value``.

    Keys that nobody knows are passed over, and of a key that stands there twice the first counts; ``mx`` may stand
    there often.  Everything else must be as RFC 8461 section 3.2 has it, or the whole policy is not used.
    """
    if len(octets) > MOST_OCTETS:
        return PolicyFile(problem=f"the policy is larger than {MOST_OCTETS // 1024} kB")
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        return PolicyFile(problem="the policy is not UTF-8")
    values: dict[str, str] = {}
    patterns: list[str] = []
    passed_over: list[str] = []
    if text.startswith("\ufeff"):
        return PolicyFile(problem="the policy begins with a byte order mark")
    text = text.replace("\r\n", "\n")
    if "\r" in text:
        return PolicyFile(problem="a CR stands alone in it: a line ends with CRLF, or with LF")
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip(" \t"):
            continue  # the grammar has no empty line; senders pass it over
        key, colon, value = line.partition(":")
        value = value.strip(" \t")
        if not colon or not _NAME.fullmatch(key):
            return PolicyFile(problem=f"line {number} is not of the form key: value ({visible(line, 60)!r})")
        if not value or not value.isprintable():
            return PolicyFile(problem=f"line {number}: {key} has no value, or one that cannot be printed")
        if key == "mx":
            patterns.append(value)
        elif key in values or key not in _ONE_EACH:
            passed_over.append(visible(key, 60))
        else:
            values[key] = value
    problem = _problem(values, patterns, passed_over)
    if problem:
        return PolicyFile(problem=problem, passed_over=tuple(passed_over[:20]))
    mx = tuple(dict.fromkeys(_pattern(pattern) for pattern in patterns))
    return PolicyFile(values["mode"], mx, int(values["max_age"]), "", tuple(passed_over[:20]))


def _problem(values: dict[str, str], patterns: list[str], passed_over: list[str]) -> str:
    """Return what makes the policy unusable, in the order of the file in section 3.2; "" when nothing does."""
    for key in _ONE_EACH:
        if key not in values:
            return f"there is no line {key}:{_almost(key, passed_over)}"
    if values["version"] != "STSv1":
        return f"version is {visible(values['version'], 40)!r}, not STSv1"
    if values["mode"] not in MODES:
        return f"mode is {visible(values['mode'], 40)!r}, not {', '.join(MODES[:-1])} or {MODES[-1]}"
    age = values["max_age"]
    if not _DIGITS.fullmatch(age) or int(age) > MOST_AGE:
        return f"max_age is {visible(age, 40)!r}, not a number of seconds from 0 to {MOST_AGE}"
    if not patterns and values["mode"] != "none":
        return f"mode {values['mode']} needs at least one line mx:{_almost('mx', passed_over)}"
    if len(patterns) > MOST_MX:
        return f"it has {len(patterns)} lines mx:, and more than {MOST_MX} are not read"
    if bad := [pattern for pattern in patterns if not _pattern(pattern)]:
        return f"mx: {visible(bad[0], 80)!r} is neither a host's name nor *. and a domain"
    return ""


def _almost(key: str, passed_over: list[str]) -> str:
    """Return which of the keys that nobody knows is *key* but for its capitals, "" for none."""
    odd = next((other for other in passed_over if other.lower() == key), "")
    return f" ({odd}: is another, since capitals count)" if odd else ""


def _pattern(pattern: str) -> str:
    """Return *pattern* in the form to compare with, "" for what is none."""
    wildcard, rest = ("*.", pattern[2:]) if pattern.startswith("*.") else ("", pattern)
    if not is_host_name(rest) or rest.endswith("."):
        return ""
    return wildcard + to_ascii(rest)


def matches(pattern: str, host: str) -> bool:
    """Return whether *host* fits *pattern*; a wildcard stands for exactly one label (RFC 8461 section 4.1)."""
    try:
        name = to_ascii(host)
    except ValueError:
        return False
    if not pattern.startswith("*."):
        return name == pattern
    first, _, rest = name.partition(".")
    return bool(first) and rest == pattern[2:]


def write(mode: str, mx: tuple[str, ...], max_age: int) -> str:
    """Return the file to publish for this policy, with the line ends that RFC 8461 section 3.2 asks for."""
    lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {pattern}" for pattern in mx), f"max_age: {max_age}"]
    return "".join(f"{line}\r\n" for line in lines)
