"""The lines of a configuration, each with its reason and with what a probe sees of it from outside."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath

from mailkit.mta.description import Description
from mailkit.results import Record, Rows, Sentence

__all__ = ["SUFFIXES", "ConfigLine", "Configuration", "Probe", "render"]

SUFFIXES = "/usr/share/publicsuffix/public_suffix_list.dat"
"""Where Debian's package publicsuffix lays the Public Suffix List."""


class Probe(StrEnum):
    """The calls of this workbook that look at a mail server from outside, or at what it wrote."""

    NONE = ""  # it shows in the octets themselves, or in another server's log
    SCAN = "op25b.scan"
    CAPABILITIES = "smtp_auth.capabilities"
    CONVERSE = "smtp_auth.converse"
    TLS = "tls.scan"
    DKIM = "dkim.verify"
    MESSAGE = "report.from_message"
    LOG = "mta.read_log"


@dataclass(frozen=True)
class ConfigLine(Record):
    """One line of a file: ``line`` as it stands there, and ``why`` it does.

    ``sees`` is what can be seen of it ("": nothing), and ``probe`` which call of the workbook shows that ("": none).
    """

    file: str
    line: str
    why: str = ""
    sees: str = ""
    probe: Probe = Probe.NONE


@dataclass(frozen=True)
class Configuration(Record):
    """The files for one job.

    ``lines`` says which line a probe can tell by its effect.  ``files`` maps full paths to texts; those in ``secret``
    hold a password, are written for their owner alone and are not shown.  ``notes`` says what to do besides.
    """

    description: Description
    notes: tuple[str, ...]
    secret: tuple[str, ...]
    files: Mapping[str, str] = field(repr=False, metadata={"shown": False})
    all_lines: tuple[ConfigLine, ...] = field(repr=False, metadata={"shown": False})

    @property
    def lines(self) -> Rows[ConfigLine]:
        """The lines of which something can be seen, each with the probe that shows it."""
        seen = [line for line in self.all_lines if line.sees]
        return Rows(ConfigLine, seen, caption=f"written for {self.description.software} {self.description.version}")

    def text(self, path: str) -> Sentence | str:
        """Return the file *path* as text.  Raises ValueError for a file that is not there or holds a password."""
        if path not in self.files:
            raise ValueError(f"no file {path!r}; there are {', '.join(self.files)}")
        if path in self.secret:
            raise ValueError(f"{path} holds a password and is not shown; write() writes it")
        return self.files[path]

    def write(self, folder: str | Path) -> tuple[Path, ...]:
        """Write every file below *folder*, as it would lie below /; return where.  Secrets get mode 0600.

        Raises FileExistsError rather than change a file that is there.
        """
        written = []
        for path, text in self.files.items():
            target = Path(folder) / PurePosixPath(path).relative_to("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch(mode=0o600, exist_ok=False)
            target.write_text(text, encoding="utf-8", newline="\n")
            if path not in self.secret:
                target.chmod(0o644)
            written.append(target)
        return tuple(written)


def render(lines: Iterable[ConfigLine], heading: str) -> str:
    """Return the text of one file: *heading* and each line's reason as comments, then the line."""
    blocks = [_comment(heading)]
    for line in lines:
        begins = line.line.startswith("begin ")
        blocks.append(f"\n{_comment(line.why)}{line.line}\n" if line.why or begins else f"{line.line}\n")
    return "".join(blocks)


def _comment(text: str) -> str:
    return "".join(f"# {part}\n" for part in textwrap.wrap(text, 100, break_on_hyphens=False)) if text else ""
