"""Recordings of runs, in ``data/mta_runs``: what a daemon said at its doors, what it sent on, and what it logged."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from mailkit.datasets import DATA
from mailkit.lab.core import Lab
from mailkit.lab.daemons.packages import Missing
from mailkit.mta import Configuration, Delivery, Fate, read_log
from mailkit.results import Record, Rows

__all__ = ["FOLDER", "Handed", "Onward", "Recording", "caption", "find", "name_of", "rows_of", "summary", "write"]

FOLDER = DATA / "mta_runs"

_SECRET = "(not recorded)"
_MESSAGE_ID = re.compile(r"^\w{6}-\w{6,11}-\w{2,4} ")


@dataclass(frozen=True)
class Handed(Record):
    """Whether the daemon has ``taken`` a message that its own machine handed in, and its last words."""

    taken: bool
    reply: str


@dataclass(frozen=True)
class Onward:
    """What the daemon sent on: to which door, whether it logged in and inside which TLS, and every octet.

    ``login`` is "verified" (inside TLS whose certificate it had checked), "clear" or "" (none); ``reply`` is what the
    practice internet answered in the end.
    """

    host: str
    port: int
    login: str
    sender: str
    recipients: tuple[str, ...]
    message: str
    reply: str


@dataclass(frozen=True)
class Recording:
    """One run: of what, when and on what system; what was handed in, and all that came of it.

    ``by_port`` is 25 for a message of the machine's own, 587 for one that a logged-in user submitted.  ``doors`` maps a
    port to what was answered there: "greeting", then the state ("clear", "tls", "in": logged in) and the command.
    """

    software: str
    version: str
    system: str
    date: str
    about: Mapping[str, str | int]
    place: str
    broken: str
    by_port: int
    given: str
    taken: bool
    reply: str
    log: str
    onward: Onward | None = None
    doors: Mapping[str, Mapping[str, list[str]]] = field(default_factory=dict)


def name_of(configuration: Configuration, place: str, broken: str, *, tapped: bool = False) -> str:
    """Return the name of a recording: software, job, and what is special about it.

    *tapped*: a man in the middle took the offer of TLS away.
    """
    wanted = configuration.description
    usual = place == ("home" if wanted.job == "smarthost" else wanted.hostname)
    special = ["" if usual else place, broken, "tapped" if tapped else ""]
    return "_".join([wanted.software, wanted.job, *filter(None, special)])


def summary(configuration: Configuration) -> dict[str, str | int]:
    """Return the description of a configuration, without its version and passwords."""
    described = asdict(configuration.description)
    described.pop("version")
    described["password"] = _SECRET if described["password"] else ""
    return described


def find(configuration: Configuration, place: str, broken: str, *, tapped: bool = False) -> Recording:
    """Return the recording of such a run.  Raises Missing where there is none, or one of another configuration."""
    name = name_of(configuration, place, broken, tapped=tapped)
    file = FOLDER / f"{name}.json"
    if not file.is_file():
        raise Missing(f"there is no recording of {name}")
    table = json.loads(file.read_text(encoding="utf-8"))
    onward = table.pop("onward")
    if onward:
        onward = Onward(**(onward | {"recipients": tuple(onward["recipients"])}))
    found = Recording(**table, onward=onward)
    if other := [key for key, value in summary(configuration).items() if found.about.get(key) != value]:
        raise Missing(f"the recording of {name} is of another {', '.join(other)}")
    return found


def write(name: str, recording: Recording) -> Path:
    """Write *recording* to its file and return where."""
    file = FOLDER / f"{name}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(asdict(recording), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return file


def caption(software: str, host: str, lab: Lab) -> str:
    """Return what stands below a log: whose it is, and the day in the practice internet."""
    return f"the log of {software.capitalize()} on {host}, {lab.clock.now():%Y-%m-%d}"


def rows_of(log: str, caption: str = "") -> Rows[Delivery]:
    """Return what ``mta.read_log`` makes of *log*; Exim's warnings without the name of the message, which is chance."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "log")
        file.write_text(log, encoding="utf-8")
        rows = read_log(file)
    told = [replace(row, reply=_MESSAGE_ID.sub("", row.reply)) if row.fate is Fate.WARNING else row for row in rows]
    return Rows(Delivery, told, caption=caption)
