"""Lines of Exim's main log (Exim's specification, chapter "Log files")."""

from __future__ import annotations

import re

from mailkit.mta.log_events import Came, Event, Refused, Tried, Warned

__all__ = ["read"]

_HEAD = re.compile(
    r"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S{1,255} exim4?\[\d{1,10}\]: )?"
    r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?(?: [+-]\d{4})?) (?:\[\d{1,10}\] )?(?P<rest>.*)"
)
# Message ids got longer in 4.97: two forms.
_ID = re.compile(
    r"(?P<id>[0-9A-Za-z]{6}-[0-9A-Za-z]{6}-[0-9A-Za-z]{2}|[0-9A-Za-z]{6}-[0-9A-Za-z]{11}-[0-9A-Za-z]{4}) (?P<rest>.*)"
)
_FLAGS = {"=>": "sent", "->": "sent", ">>": "sent", "==": "deferred", "**": "bounced"}
_HOST = re.compile(r" H=(?P<host>(?:[^ ]{1,300} )?(?:\([^)]{0,300}\) )?\[[0-9A-Fa-f:.]{2,45}\](?::\d{1,5})?)")
_USER = re.compile(r" A=[\w-]{1,60}:(?P<user>[^ ]{1,300})")
_REPLY = re.compile(r' C="(?P<reply>.*)"')
_FIELD = re.compile(r"(?:[RTHXFPU]|CV|DN|DT|QT|ST|PRX|K|DS|TFO|L\*?)=")
_REFUSED = re.compile(
    r"(?P<front>.{0,900}?)(?:temporarily )?rejected (?P<what>[A-Z][A-Za-z ]{1,30}?|after DATA|by .{1,40}?)"
    r"(?: <?(?P<to>[^>: ]{1,400})>?)?: (?P<reply>.*)"
)
_SENDER = re.compile(r" F=<(?P<sender>[^>]{0,400})>")
_WARNINGS = ("TLS error", "SMTP protocol", "SMTP syntax", "login authenticator failed", "plain authenticator failed",
             "no host name found", "authenticator failed", "no IP address found", "failed to", "unable to")  # fmt: skip


def read(line: str) -> Event | None:
    """Return what *line* says, None where it is no line of Exim's, or one that says nothing about a message."""
    head = _HEAD.match(line)
    if not head:
        return None
    time, rest = head["time"], head["rest"]
    found = _ID.match(rest)
    queue_id = found["id"] if found else ""
    if found:
        rest = found["rest"]
        flag, _, behind = rest.partition(" ")
        if flag == "<=":
            return _came(queue_id, time, behind)
        if flag in _FLAGS:
            return _tried(queue_id, time, _FLAGS[flag], behind)
    if refused := _REFUSED.match(rest):
        host = _HOST.search(f" {refused['front']}")
        sender = _SENDER.search(f" {refused['front']}")
        return Refused(
            queue_id, time, refused["reply"], host["host"] if host else "", sender["sender"] if sender else "",
            refused["to"] or "",
        )  # fmt: skip
    if any(words in rest for words in _WARNINGS):
        return Warned(time, f"{queue_id} {rest}".strip())
    return None


def _came(queue_id: str, time: str, rest: str) -> Came:
    sender, _, fields = rest.partition(" ")
    host, user = _HOST.search(f" {fields}"), _USER.search(f" {fields}")
    return Came(
        queue_id, time, "" if sender == "<>" else sender, host["host"] if host else "", user["user"] if user else ""
    )


def _tried(queue_id: str, time: str, fate: str, rest: str) -> Tried:
    recipient, _, fields = rest.partition(" ")
    host = _HOST.search(f" {fields}")
    if fate == "sent":
        confirmed = _REPLY.search(fields)
        return Tried(queue_id, time, fate, recipient.rstrip(":"), host["host"] if host else "",
                     confirmed["reply"] if confirmed else "")  # fmt: skip
    # Behind a failure's fields stand the words: everything after the last "NAME=value" in front of a colon.
    reply = fields
    while field := _FIELD.match(reply):
        reply = reply[field.end() :].partition(" ")[2] if " " in reply[field.end() :] else ""
        if reply.startswith("["):
            reply = reply.partition("]")[2].lstrip(": ")
    fate = "expired" if "retry timeout exceeded" in rest else fate
    return Tried(queue_id, time, fate, recipient.rstrip(":"), host["host"] if host else "", reply)
