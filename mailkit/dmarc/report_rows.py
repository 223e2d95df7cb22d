"""What the elements of an aggregate report say: a header once, and a row for each record (RFC 9990 appendix A)."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass

from mailkit.message.report_files import ReportProblem
from mailkit.results import visible

__all__ = ["SHAPE", "Header", "Reader", "Row", "Shape"]

_MAX_RECORDS = 5_000_000
_MAX_TEXT = 255  # characters of a value; a domain name has no more
_MAX_COUNT = 1 << 38  # of messages in one record: as many records as are read can be added up in 64 bits
_MAX_MOMENT = 9_000_000_000  # seconds since 1970: the year 2255, which pandas can still hold
_MAX_NAMES = 1000  # element names remembered


@dataclass(frozen=True)
class Header:
    """What a report says once: who sent it, for which time and domain, and the policy it saw published."""

    org_name: str
    email: str
    report_id: str
    begin: int
    end: int
    domain: str
    p: str
    sp: str
    np: str
    adkim: str
    aspf: str
    testing: str
    discovery_method: str
    format: str


# What a record says besides address and count, in the order of the columns.
Shape = tuple[str, ...]
SHAPE = (
    "disposition",
    "dkim",
    "spf",
    "header_from",
    "envelope_from",
    "envelope_to",
    "reason",
    "comment",
    "dkim_domain",
    "dkim_selector",
    "dkim_result",
    "spf_domain",
    "spf_result",
)
Row = tuple[str, int, Shape]


class Reader:
    """Turns completed elements below the root into a header and rows."""

    def __init__(self, form: str) -> None:
        self._form = form
        self._names: dict[str, str] = {}
        self._metadata: dict[str, str] | None = None
        self._published: dict[str, str] | None = None
        self._header: Header | None = None
        self._records = 0

    def take(self, elements: list[ET.Element]) -> list[Row]:
        """Return the rows of the records among *elements*, children of the root; keep what the header needs."""
        rows = []
        for element in elements:
            name = self._local(element.tag)
            if name == "record":
                self.count(1)
                rows.append(self._row(element))
            elif name == "report_metadata" and self._metadata is None:
                self._metadata = self._texts(element)
            elif name == "policy_published" and self._published is None:
                self._published = self._texts(element)
        return rows

    def count(self, records: int) -> None:
        """Note that so many more *records* were met.  Raises ReportProblem when they are too many."""
        self._records += records
        if self._records > _MAX_RECORDS:
            raise ReportProblem(f"the report has more than {_MAX_RECORDS} records")

    @property
    def header(self) -> Header:
        """What the report says once.  Raises ReportProblem when it has not said it before the records."""
        if self._header is None:
            self._header = self._make_header()
        return self._header

    def finish(self) -> None:
        """Raise ReportProblem when the report was none after all."""
        if not self._records and self.header:
            raise ReportProblem("the report has no records")

    def _local(self, tag: str) -> str:
        """Return *tag* without its namespace."""
        name = self._names.get(tag)
        if name is None:
            name = tag.rpartition("}")[2]
            if len(self._names) < _MAX_NAMES:
                self._names[tag] = name
        return name

    def _texts(self, element: ET.Element) -> dict[str, str]:
        """Return the texts of the children of *element*, those of date_range among them."""
        texts: dict[str, str] = {}
        for child in element:
            name = self._local(child.tag)
            if name == "date_range":
                texts |= {self._local(each.tag): _clean(each.text) for each in child}
            else:
                texts.setdefault(name, _clean(child.text))
        return texts

    def _make_header(self) -> Header:
        if self._metadata is None or self._published is None:
            missing = "report_metadata" if self._metadata is None else "policy_published"
            raise ReportProblem(f"it is no whole report: {missing} does not come before the records")
        said, published = self._metadata, self._published
        for name in ("org_name", "report_id", "begin", "end"):
            if not said.get(name):
                raise ReportProblem(f"the report does not say its {name}")
        if not published.get("domain"):
            raise ReportProblem("the report does not say which domain it is about")
        return Header(
            org_name=said["org_name"],
            email=said.get("email", ""),
            report_id=said["report_id"],
            begin=_number(said["begin"], "begin", _MAX_MOMENT),
            end=_number(said["end"], "end", _MAX_MOMENT),
            domain=published["domain"].lower().rstrip("."),
            p=published.get("p", "").lower(),
            sp=published.get("sp", "").lower(),
            np=published.get("np", "").lower(),
            adkim=published.get("adkim", "").lower(),
            aspf=published.get("aspf", "").lower(),
            testing=published.get("testing", "").lower(),
            discovery_method=published.get("discovery_method", "").lower(),
            format=self._form,
        )

    def _row(self, record: ET.Element) -> tuple[str, int, Shape]:
        """Return source_ip, count and shape of one record."""
        local = self._local
        row: dict[str, str] = {}
        reasons: list[str] = []
        comments: list[str] = []
        signatures: list[dict[str, str]] = []
        envelope: dict[str, str] = {}
        for section in record:
            part = local(section.tag)
            if part == "row":
                for child in section:
                    name = local(child.tag)
                    if name != "policy_evaluated":
                        row[name] = _clean(child.text)
                        continue
                    for verdict in child:
                        name = local(verdict.tag)
                        if name == "reason":
                            said = {local(each.tag): _clean(each.text) for each in verdict}
                            reasons.append(said.get("type", ""))
                            comments.append(said.get("comment", ""))
                        else:
                            row[name] = _clean(verdict.text)
            elif part in ("identifiers", "identities"):
                for child in section:
                    row[local(child.tag)] = _clean(child.text)
            elif part == "auth_results":
                for child in section:
                    name = local(child.tag)
                    if name == "dkim":
                        signatures.append({local(each.tag): _clean(each.text) for each in child})
                    elif name == "spf" and not envelope:
                        envelope = {local(each.tag): _clean(each.text) for each in child}
        if "source_ip" not in row or "header_from" not in row:
            missing = "source_ip" if "source_ip" not in row else "header_from"
            raise ReportProblem(f"record {self._records} has no {missing}")
        get = row.get
        shape = (
            get("disposition", "").lower(),
            get("dkim", "").lower(),
            get("spf", "").lower(),
            get("header_from", "").lower(),
            get("envelope_from", "").lower(),
            get("envelope_to", "").lower(),
            _joined(reasons),
            _joined(comments),
            _joined([s.get("domain", "").lower() for s in signatures]),
            _joined([s.get("selector", "") for s in signatures]),
            _joined([s.get("result", "").lower() for s in signatures]),
            envelope.get("domain", "").lower(),
            envelope.get("result", "").lower(),
        )
        return row["source_ip"], _number(get("count", ""), f"count of record {self._records}", _MAX_COUNT), shape


def _joined(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else ", ".join(texts[:20])


def _clean(text: str | None) -> str:
    """Return *text* fit for a table: without space around it, what deceives the eye spelled out, bounded."""
    if not text:
        return ""
    text = text.strip()
    return text if len(text) <= _MAX_TEXT and text.isascii() and text.isprintable() else visible(text, _MAX_TEXT)


def _number(text: str, what: str, limit: int) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 18 and int(text) <= limit:
        return int(text)
    raise ReportProblem(f"{what} is {visible(text, 40) or 'missing'}, no number that can be used")
