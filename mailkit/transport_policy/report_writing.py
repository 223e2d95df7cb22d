"""``write_report``: what a sender tells a domain about TLS, as JSON, and the mail that carries it (RFC 8460)."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from mailkit.results import Record, visible

__all__ = ["Session", "report_mail", "write_report"]

_REPORT_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]{1,200}")


@dataclass(frozen=True)
class Session(Record):
    """One attempt of a sender to deliver to ``receiving_mx`` under a policy, as reports count it.

    ``policy`` is "sts", "tlsa" or "no-policy-found", ``policy_text`` its lines; ``result_type`` is "" for a success,
    else a name of section 4.3, and ``reason`` says more about it.
    """

    domain: str
    policy: str
    receiving_mx: str
    sending_ip: str
    receiving_ip: str = ""
    result_type: str = ""
    reason: str = ""
    policy_text: tuple[str, ...] = ()
    mx_hosts: tuple[str, ...] = ()


def write_report(
    sessions: Iterable[Session], *, organization: str, contact: str, report_id: str, begin: datetime, end: datetime
) -> bytes:
    """Return the report on *sessions*, all with servers of one domain, as JSON (RFC 8460 section 4.4).

    *begin* and *end* are moments with a time zone.  Raises ValueError for nothing to report, for several domains, for
    moments without a time zone or in the wrong order, and for a *report_id* that is none.
    """
    seen = list(sessions)
    if not seen or len({session.domain for session in seen}) > 1:
        raise ValueError("a report is about the sessions with one domain, at least one of them")
    if begin.tzinfo is None or end.tzinfo is None or begin >= end:
        raise ValueError("begin and end are moments with a time zone, the earlier one first")
    if not _REPORT_ID.fullmatch(report_id):
        raise ValueError("report_id is of letters, digits, dots and hyphens, with one @ at most")
    policies = sorted({(s.policy, s.policy_text, s.mx_hosts) for s in seen})
    report = {
        "organization-name": organization,
        "date-range": {"start-datetime": _moment(begin), "end-datetime": _moment(end)},
        "contact-info": contact,
        "report-id": report_id,
        "policies": [
            _policy(policy, [s for s in seen if (s.policy, s.policy_text, s.mx_hosts) == policy]) for policy in policies
        ],
    }
    return json.dumps(report, indent=2).encode()


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _policy(policy: tuple[str, tuple[str, ...], tuple[str, ...]], seen: list[Session]) -> dict[str, Any]:
    kind, text, hosts = policy
    described: dict[str, Any] = {"policy-type": kind, "policy-domain": seen[0].domain}
    if text:
        described["policy-string"] = list(text)
    if hosts:
        described["mx-host"] = list(hosts)
    failed = Counter(session for session in seen if session.result_type)
    good = len(seen) - failed.total()
    found: dict[str, Any] = {
        "policy": described,
        "summary": {"total-successful-session-count": good, "total-failure-session-count": failed.total()},
    }
    if failed:
        found["failure-details"] = [_detail(session, count) for session, count in failed.items()]
    return found


def _detail(session: Session, count: int) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "result-type": session.result_type,
        "sending-mta-ip": session.sending_ip,
        "receiving-mx-hostname": session.receiving_mx,
        "failed-session-count": count,
    }
    if session.receiving_ip:
        detail["receiving-ip"] = session.receiving_ip
    if session.reason:
        detail["failure-reason-code"] = visible(session.reason, 500)
    return detail


def report_mail(
    report: bytes,
    *,
    domain: str,
    organization: str,
    sender: str,
    recipient: str,
    report_id: str,
    begin: datetime,
    end: datetime,
) -> bytes:
    """Return the mail that carries *report* on *domain* to *recipient* (RFC 8460 section 5.3).

    It says ``TLS-Required: No`` (RFC 8689): news of a broken policy must not be held up by that very policy.
    """
    mail = EmailMessage()
    mail["From"], mail["To"] = sender, recipient
    mail["Date"] = format_datetime(end)
    mail["Message-ID"] = f"<{report_id}>"
    mail["Subject"] = f"Report Domain: {domain} Submitter: {organization} Report-ID: <{report_id}>"
    mail["TLS-Report-Domain"], mail["TLS-Report-Submitter"] = domain, organization
    mail["TLS-Required"] = "No"
    mail.set_content(f"This is the report of {organization} on TLS with the mail servers of {domain}.\n")
    name = f"{organization}!{domain}!{int(begin.timestamp())}!{int(end.timestamp())}.json.gz"
    mail.add_attachment(gzip.compress(report, mtime=0), maintype="application", subtype="tlsrpt+gzip", filename=name)
    mail.replace_header("Content-Type", "multipart/report")
    mail.set_param("report-type", "tlsrpt")
    mail.set_boundary("=-tls-report")
    return mail.as_bytes(policy=SMTP)
