"""``read_reports``: TLS reports of many senders as one tidy DataFrame (RFC 8460 section 4)."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailkit.message.report_files import (
    JSON,
    Bounded,
    Found,
    ReportProblem,
    documents,
    documents_in,
    no_reports_in,
    report_paths,
    without_raising,
)
from mailkit.results import visible

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "read_reports"]

COLUMNS = (
    *("domain", "policy", "successful", "failed", "result_type", "receiving_mx", "sending_ip", "receiving_ip"),
    *("reason", "organization", "begin", "end", "report_id", "policy_text", "mx_host", "contact", "file"),
)
_CATEGORIES = ("domain", "policy", "result_type", "organization")
_MOST_POLICIES, _MOST_ROWS = 10_000, 1_000_000
_MOST_TABLES, _MOST_VALUES = 200_000, 2_000_000  # of one report; a policy has five lists and objects, a failure one
_MOST_COUNT = 2**42  # of sessions: as many rows as are read can be added up in 64 bits
_MOMENT = re.compile(
    r"20[0-9]{2}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})?"
)
_MOST_OCTETS, _CHUNK = 32 << 20, 1 << 18  # of one report, which is read as a whole; of one step

_OCTETS = "the octets"  # the name of what has none

Source = str | os.PathLike[str] | bytes
Row = dict[str, Any]


def read_reports(paths: Source | Iterable[Source]) -> pd.DataFrame:
    """Return what TLS reports say, in the columns COLUMNS: a row for each policy, and one for each kind of failure.

    *paths* is a file, a folder, or several of them: JSON as it is, in gzip or zip, mails (.eml) or mailboxes with such
    attachments; the octets of a file will do, too.  The rows of one policy add up: its successes stand in the first of
    them only.
    ``policy`` is "sts", "tlsa" or "no-policy-found"; ``begin`` and ``end`` are moments in UTC.  A report that comes
    twice is read once.

    In a folder, a mailbox or an archive of several files one bad report does not spoil the others:
    ``.attrs["problems"]`` names those that were left out, with the reason.  Raises ValueError for a path that is no
    report or holds none, FileNotFoundError for one that is not there.
    """
    listed = [paths] if isinstance(paths, (str, os.PathLike, bytes)) else list(paths)
    if not listed or not all(isinstance(path, (str, os.PathLike, bytes)) for path in listed):
        raise TypeError("paths is a file or a folder of reports, or a list of them: read_reports('reports')")
    rows: list[Row] = []
    known: set[tuple[str, ...]] = set()
    problems: list[tuple[str, str]] = []
    for source in listed:
        before = len(problems)
        found = False
        for label, stream in _found(source):
            try:
                if isinstance(stream, ReportProblem):
                    raise stream
                rows += _new(_rows(_whole(stream), label), known, len(rows))
                found = True
            except ReportProblem as problem:
                problems.append((label, str(problem)))
        if not found:
            reason = problems[-1][1] if len(problems) > before else no_reports_in(JSON)
            shown = _OCTETS if isinstance(source, bytes) else visible(str(source), 200)
            raise ValueError(f"{shown}: {reason}")
    return _frame(rows, problems)


def _found(source: Source) -> Iterator[Found]:
    """Yield the reports in *source*, and what is wrong with its files."""
    if isinstance(source, bytes):
        yield from _or_problem(_OCTETS, documents_in(_OCTETS, source, JSON))
        return
    several = Path(source).is_dir()
    for path in report_paths(Path(source), JSON):
        found = documents(path, JSON)
        yield from _or_problem(path.name, without_raising(found) if several else found)


def _or_problem(name: str, found: Iterator[Found]) -> Iterator[Found]:
    try:
        yield from found
    except ReportProblem as problem:
        yield name, problem


def _whole(stream: Bounded) -> bytes:
    """Return all that *stream* gives.  Raises ReportProblem when that is too much."""
    pieces: list[bytes] = []
    octets = 0
    while piece := stream.read(_CHUNK):
        pieces.append(piece)
        octets += len(piece)
        if octets > _MOST_OCTETS:
            raise ReportProblem(f"the report is larger than {_MOST_OCTETS >> 20} MiB")
    return b"".join(pieces)


def _new(rows: list[Row], known: set[tuple[str, ...]], so_far: int) -> list[Row]:
    """Return *rows* of one report, none when it is known already."""
    if so_far + len(rows) > _MOST_ROWS:
        raise ReportProblem(f"there are more than {_MOST_ROWS:,} rows in all")
    identity = tuple(str(rows[0][name]) for name in ("organization", "report_id", "begin", "end"))
    if identity in known:
        return []
    known.add(identity)
    return rows


def _frame(rows: list[Row], problems: list[tuple[str, str]]) -> pd.DataFrame:
    import pandas as pd  # it is slow to import

    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    for name in COLUMNS:
        if name in ("begin", "end"):
            frame[name] = pd.to_datetime(frame[name], utc=True).dt.as_unit("ns")
        elif name in ("successful", "failed"):
            frame[name] = frame[name].astype("int64")
        else:
            frame[name] = frame[name].astype("category" if name in _CATEGORIES else "string")
    frame.attrs["problems"] = tuple(problems)
    return frame


# One report ---------------------------------------------------------------------------------------------------------


def _rows(text: bytes, label: str) -> list[Row]:
    """Return the rows of the report *text*.  Raises ReportProblem for what is none."""
    # Counted before the parser makes something of each: a kilobyte in gzip may hold hundreds of thousands.
    if text.count(b"{") + text.count(b"[") > _MOST_TABLES or text.count(b",") > _MOST_VALUES:
        raise ReportProblem(f"it has more than {_MOST_TABLES:,} lists and objects, or {_MOST_VALUES:,} values")
    try:
        report = json.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise ReportProblem("it is no JSON") from None
    if not isinstance(report, dict) or not isinstance(policies := report.get("policies"), list):
        raise ReportProblem("it is JSON, but no TLS report: it has no list of policies")
    if not policies or len(policies) > _MOST_POLICIES:
        raise ReportProblem(f"a report has 1 to {_MOST_POLICIES:,} policies, this one {len(policies):,}")
    dates = report.get("date-range")
    common = {
        "organization": _text(report.get("organization-name")),
        "begin": _moment(dates, "start-datetime"),
        "end": _moment(dates, "end-datetime"),
        "report_id": _text(report.get("report-id")),
        "contact": _text(report.get("contact-info")),
        "file": label,
    }
    return [common | row for policy in policies for row in _of_policy(policy)]


def _of_policy(policy: Any) -> Iterator[Row]:
    described, summary = _table(policy, "policy"), _table(policy, "summary")
    about = {
        "domain": _text(described.get("policy-domain")).lower(),
        "policy": _text(described.get("policy-type")),
        "policy_text": _lines(described.get("policy-string")),
        "mx_host": _lines(described.get("mx-host")),
    }
    successful = _count(summary, "total-successful-session-count")
    failed = _count(summary, "total-failure-session-count")
    details = policy.get("failure-details") or []
    if not isinstance(details, list):
        raise ReportProblem("failure-details is no list")
    found = [_of_detail(detail) for detail in details]
    rest = max(failed - sum(row["failed"] for row in found), 0)
    if not found or successful or rest:
        nothing = dict.fromkeys(("result_type", "receiving_mx", "sending_ip", "receiving_ip", "reason"), "")
        yield about | nothing | {"successful": successful, "failed": rest}
    for row in found:
        yield about | row


def _of_detail(detail: Any) -> Row:
    if not isinstance(detail, dict):
        raise ReportProblem("a failure is described by something else than fields")
    return {
        "successful": 0,
        "failed": _count(detail, "failed-session-count"),
        "result_type": _text(detail.get("result-type")),
        "receiving_mx": _text(detail.get("receiving-mx-hostname")),
        "sending_ip": _text(detail.get("sending-mta-ip")),
        "receiving_ip": _text(detail.get("receiving-ip")),
        "reason": _text(detail.get("failure-reason-code")) or _text(detail.get("additional-information")),
    }


def _table(policy: Any, name: str) -> dict[str, Any]:
    found = policy.get(name) if isinstance(policy, dict) else None
    if not isinstance(found, dict):
        raise ReportProblem(f"a policy has no {name}")
    return found


def _count(table: dict[str, Any], name: str) -> int:
    value = table.get(name, 0)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 17:
        value = int(value)  # some senders write numbers as text
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_COUNT:
        raise ReportProblem(f"{name} is no number of sessions")
    return value


def _text(value: Any) -> str:
    return visible(value, 1000) if isinstance(value, str) else ""


def _lines(value: Any) -> str:
    values = value if isinstance(value, list) else [value]
    return "; ".join(_text(line) for line in values[:200] if isinstance(line, str))


def _moment(dates: Any, name: str) -> pd.Timestamp:
    """Return a moment of this century, as RFC 3339 has it; without a zone it is UTC."""
    import pandas as pd

    value = dates.get(name) if isinstance(dates, dict) else None
    try:
        if not isinstance(value, str) or not _MOMENT.fullmatch(value):
            raise ValueError
        moment = datetime.fromisoformat(value.upper())
        return pd.Timestamp(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))
    except ValueError:
        raise ReportProblem(f"{name} is no moment such as 2026-11-24T00:00:00Z") from None
