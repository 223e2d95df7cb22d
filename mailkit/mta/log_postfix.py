"""Lines of Postfix's log: syslog's two forms of time, and what its programs write behind them."""

from __future__ import annotations

import re

from mailkit.mta.log_events import Came, Event, Refused, Tried, Warned

__all__ = ["read"]

_HEAD = re.compile(
    r"(?P<time>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)"
    r" (?:\S{1,255} )?postfix[\w./-]{0,64}/(?P<program>[a-z-]{1,32})\[\d{1,10}\]: (?P<rest>.*)"
)
# Short queue ids are hexadecimal; long ones (enable_long_queue_ids) have no vowels and a z (postconf(5)).
_ID = re.compile(r"(?P<id>[0-9A-F]{5,20}|[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,20}|NOQUEUE): (?P<rest>.*)")
_CLIENT = re.compile(r"client=(?P<client>[^,]{1,300})")
_USER = re.compile(r", sasl_username=(?P<user>[^,]{0,300})")
_FROM = re.compile(r"(?:uid=\d{1,10} )?from=<(?P<sender>.{0,400}?)>(?:, (?P<more>.*))?$")
# tls= is new in 3.11: which TLS was wanted, and what came of it (postconf(5), smtp_log_tls_feature_status).
_TO = re.compile(
    r"to=<(?P<to>.{0,400}?)>, (?:orig_to=<.{0,400}?>, )?relay=(?P<relay>[^ ,]{1,400}), "
    r"(?:conn_use=\d{1,6}, )?delay=[\d./]{1,40}, delays=[\d./]{1,80}, (?:tls=[^ ,]{1,120}, )?dsn=[\d.]{1,12}, "
    r"status=(?P<status>[a-z-]{1,20})(?: \((?P<reply>.*)\))?$"
)
_REJECT = re.compile(r"(?:milter-)?reject: [A-Z-]{2,24}(?: from (?P<client>\S{1,400}))?: (?P<reply>.*)")
_ABOUT = re.compile(r"(?P<reply>.*?); from=<(?P<sender>.{0,400}?)> to=<(?P<to>.{0,400}?)> proto=")
_STATUS = {
    "sent": "sent", "deferred": "deferred", "bounced": "bounced", "expired": "expired",
    "undeliverable": "bounced", "deliverable": "sent",
}  # fmt: skip


def read(line: str) -> Event | None:
    """Return what *line* says, None where it is no line of Postfix, or one that says nothing about a message."""
    head = _HEAD.match(line)
    if not head:
        return None
    time, rest = head["time"], head["rest"]
    for word in ("warning: ", "error: ", "fatal: ", "panic: "):
        if rest.startswith(word):
            return Warned(time, rest)
    if "certificate verification failed for " in rest[:40]:
        return Warned(time, rest)
    found = _ID.match(rest)
    if not found:
        return None
    queue_id, rest = found["id"].replace("NOQUEUE", ""), found["rest"]
    if refused := _REJECT.match(rest):
        about = _ABOUT.match(refused["reply"])
        reply = about["reply"] if about else refused["reply"]
        return Refused(
            queue_id,
            time,
            reply,
            refused["client"] or "",
            about["sender"] if about else "",
            about["to"] if about else "",
        )
    if not queue_id:
        return None
    if rest.startswith("warning: "):
        return Warned(time, f"{queue_id}: {rest}")
    if tried := _TO.match(rest):
        fate = _STATUS.get(tried["status"])
        return Tried(queue_id, time, fate, tried["to"], tried["relay"], tried["reply"] or "") if fate else None
    if client := _CLIENT.match(rest):
        user = _USER.search(rest)
        return Came(queue_id, time, None, client["client"], user["user"] if user else "")
    if sender := _FROM.match(rest):
        if (sender["more"] or "").startswith(("status=expired", "status=force-expired")):
            return Tried(queue_id, time, "expired", None)
        return Came(queue_id, time, sender["sender"])
    return None
