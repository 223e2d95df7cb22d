"""``write_report``: the aggregate report that a receiver sends to a domain's owner (RFC 9990)."""

from __future__ import annotations

import gzip
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from mailkit.dmarc.discovery import Discovery
from mailkit.dmarc.evaluating import Evaluation
from mailkit.dmarc.records import Policy
from mailkit.results import Record, visible

__all__ = ["Seen", "report_mail", "report_name", "write_report"]

_NAMESPACE = "urn:ietf:params:xml:ns:dmarc-2.0"
_MAX_SIGNATURES = 100  # of one record (RFC 9990 section 2.1.2)
_REPORT_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]{1,200}")


@dataclass(frozen=True)
class Seen(Record):
    """What a receiver remembers of one message for its report; equal ones are counted together.

    ``dkim`` and ``spf`` are "pass" or "fail" as DMARC sees them, alignment included; ``signatures`` are (domain,
    selector, result), ``spf_result`` is SPF's own.  ``override`` is the reason type when the disposition is not what
    the policy asks for, ``comment`` a sentence on it.
    """

    source_ip: str
    header_from: str
    envelope_from: str
    disposition: str
    dkim: str
    spf: str
    signatures: tuple[tuple[str, str, str], ...]
    spf_domain: str
    spf_result: str
    override: str = ""
    comment: str = ""

    @classmethod
    def of(cls, evaluation: Evaluation, disposition: Policy | None = None) -> Seen:
        """Return what to remember of a message; *disposition* is what was really done, if it is not what was advised.

        Raises ValueError for an evaluation without a DMARC record: nobody asked for a report.
        """
        if evaluation.discovery is None or evaluation.discovery.status != "found":
            raise ValueError("there is nobody to report to: no DMARC record applies to this message")
        done = evaluation.disposition if disposition is None else disposition
        counts = {row.mechanism for row in evaluation.alignment if row.counts}
        override, comment = evaluation.handling.override, evaluation.handling.reason
        if done is not evaluation.disposition:
            asked = evaluation.policy if evaluation.result == "fail" else Policy.NONE
            override, comment = ("", "") if done is asked else ("local_policy", "another decision of this receiver")
        passed = evaluation.result == "pass" and done is Policy.NONE
        return cls(
            source_ip=evaluation.spf.ip,
            header_from=evaluation.domain,
            envelope_from=evaluation.spf.domain if evaluation.spf.identity == "mailfrom" else "",
            disposition="pass" if passed and evaluation.policy is not Policy.NONE else str(done),
            dkim="pass" if "dkim" in counts else "fail",
            spf="pass" if "spf" in counts else "fail",
            signatures=tuple((r.domain, r.selector, str(r.result)) for r in evaluation.dkim if r.domain and r.selector),
            spf_domain=evaluation.spf.domain,
            spf_result=evaluation.spf.result,
            override=override,
            comment=comment if override else "",
        )


def write_report(
    seen: Iterable[Seen],
    published: Discovery,
    *,
    org_name: str,
    email: str,
    report_id: str,
    begin: datetime,
    end: datetime,
) -> bytes:
    """Return the report on the messages *seen* under the policy *published*, as XML.

    One report speaks of one policy domain: all of *seen* must be of domains that this record applies to.  *begin* and
    *end* are moments with a time zone.  Raises ValueError for nothing to report, for moments without a time zone or in
    the wrong order, and for a *report_id* that is none.
    """
    counted = Counter(seen)
    record = published.parsed
    if not counted:
        raise ValueError("there is nothing to report: a report has at least one record")
    if record is None or published.status != "found":
        raise ValueError("published is a policy that was found: dmarc.policy(domain, net=net)")
    if begin.tzinfo is None or end.tzinfo is None or begin >= end:
        raise ValueError("begin and end are moments with a time zone, the earlier one first")
    if not _REPORT_ID.fullmatch(report_id):
        raise ValueError("report_id is of letters, digits, dots and hyphens, with one @ at most")
    root = ET.Element("feedback", {"xmlns": _NAMESPACE})
    _add(root, "version", "1.0")
    metadata = ET.SubElement(root, "report_metadata")
    for name, text in (("org_name", org_name), ("email", email), ("report_id", report_id)):
        _add(metadata, name, text)
    dates = ET.SubElement(metadata, "date_range")
    _add(dates, "begin", str(int(begin.timestamp())))
    _add(dates, "end", str(int(end.timestamp())))
    policy = ET.SubElement(root, "policy_published")
    own = record.policy_for(subdomain=False, exists=True)
    of_others = record.policy_for(subdomain=True, exists=True)
    _add(policy, "domain", published.where)
    _add(policy, "discovery_method", "treewalk")
    _add(policy, "p", own)
    _add(policy, "sp", of_others)
    _add(policy, "np", record.policy_for(subdomain=True, exists=False))
    _add(policy, "fo", ":".join(record.fo))
    _add(policy, "adkim", record.adkim)
    _add(policy, "aspf", record.aspf)
    _add(policy, "testing", "y" if record.testing else "n")
    for message, count in counted.items():
        _add_record(root, message, count)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _add_record(root: ET.Element, message: Seen, count: int) -> None:
    record = ET.SubElement(root, "record")
    row = ET.SubElement(record, "row")
    _add(row, "source_ip", message.source_ip)
    _add(row, "count", str(count))
    evaluated = ET.SubElement(row, "policy_evaluated")
    for name in ("disposition", "dkim", "spf"):
        _add(evaluated, name, getattr(message, name))
    if message.override:
        reason = ET.SubElement(evaluated, "reason")
        _add(reason, "type", message.override)
        _add(reason, "comment", message.comment)
    identifiers = ET.SubElement(record, "identifiers")
    _add(identifiers, "envelope_from", message.envelope_from)
    _add(identifiers, "header_from", message.header_from)
    results = ET.SubElement(record, "auth_results")
    for domain, selector, result in message.signatures[:_MAX_SIGNATURES]:
        signature = ET.SubElement(results, "dkim")
        for name, text in (("domain", domain), ("selector", selector), ("result", result)):
            _add(signature, name, text)
    spf = ET.SubElement(results, "spf")
    for name, text in (("domain", message.spf_domain), ("scope", "mfrom"), ("result", message.spf_result)):
        _add(spf, name, text)


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = visible(text, 1000)


def report_name(receiver: str, published: Discovery, begin: datetime, end: datetime) -> str:
    """Return the name that the gzip file of a report must have: receiver!domain!begin!end.xml.gz (RFC 9990)."""
    return f"{receiver}!{published.where}!{int(begin.timestamp())}!{int(end.timestamp())}.xml.gz"


def report_mail(
    report: bytes,
    published: Discovery,
    *,
    receiver: str,
    sender: str,
    recipient: str,
    report_id: str,
    begin: datetime,
    end: datetime,
) -> bytes:
    """Return the mail that carries *report*, packed, with the subject and the file name that RFC 9990 demands.

    *receiver* is the domain that reports.  The mail must pass DMARC itself: sign it before it is sent.
    """
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"] = sender, recipient
    message["Subject"] = f"Report Domain: {published.where} Submitter: {receiver} Report-ID: <{report_id}>"
    message["Date"] = format_datetime(end)
    message["Message-ID"] = f"<{report_id.partition('@')[0]}.{published.where}@{receiver}>"
    message.set_content(f"This is an aggregate report of {receiver} on mail from {published.where}.\n")
    packed = gzip.compress(report, mtime=0)  # the same report makes the same octets
    name = report_name(receiver, published, begin, end)
    message.add_attachment(packed, maintype="application", subtype="gzip", filename=name)
    message.set_boundary(f"report-{int(end.timestamp())}")
    return message.as_bytes()
