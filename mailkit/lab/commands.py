"""What one can type while ``python -m mailkit.lab`` runs in a terminal: to see what became of one's mail."""

from __future__ import annotations

from collections.abc import Iterator

from mailkit.lab.core import Lab
from mailkit.results import visible

__all__ = ["HELP", "answer"]

HELP = """Type here:

  inbox ADDRESS    the mail in that mailbox, whole
  log              what the mail servers wrote down
  help             this"""

_MOST_LINES = 200  # of one message


def answer(lab: Lab, line: str) -> str:
    """Return what to print for the *line* that was typed; "" for an empty one.  It never raises."""
    words = line.split()
    match words:
        case []:
            return ""
        case ["inbox", address]:
            try:
                return "\n".join(_mailbox(lab, address))
            except ValueError as error:  # no such mailbox; the sentence lists them
                return str(error)
        case ["inbox"]:
            return "\n".join(["inbox of whom?", *(f"  inbox {address}" for address in lab.world.mailboxes)])
        case ["log"]:
            lab.settle()
            lines = [f"{e.time:%b %d %H:%M:%S} {e.host} {e.queue_id}: {e.event}" for e in lab.log]
            return "\n".join(lines) or "Nothing has happened yet."
        case ["help"]:
            return HELP
    return f"{visible(line.strip(), 60)!r} is not known here.\n\n{HELP}"


def _mailbox(lab: Lab, address: str) -> Iterator[str]:
    """Yield the lines to print of every message of *address*, with nothing in them that a terminal would obey."""
    found = [(folder, mail) for folder in lab.mailboxes.folders(address) for mail in lab.inbox(address, folder)]
    if not found:
        yield f"The mailbox of {address} is empty."
    for number, (folder, mail) in enumerate(found, start=1):
        yield f"-- {number} of {len(found)} in {folder}, envelope from {mail.envelope_sender} --"
        lines = mail.message.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
        yield from (visible(line.replace("\t", "    "), 1000) for line in lines[:_MOST_LINES])
        if len(lines) > _MOST_LINES:
            yield f"({len(lines) - _MOST_LINES} more lines)"
