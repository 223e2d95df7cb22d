"""A small authoritative DNS for the SPF tests, any octets in names and texts, served as all DNS of the tests is."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.MX
import dns.rdtypes.ANY.TXT
import dns.rrset
from support_dns import serving
from support_servers import Steady

from mailkit.network import Network, internet

SERVFAIL = "SERVFAIL"
SILENCE = "SILENCE"

_IN = dns.rdataclass.IN


def name_of(text: str) -> dns.name.Name:
    """Return *text* as a name in which only dots are special: test data holds spaces, colons and percent signs."""
    labels = [label.encode("latin-1") for label in text.removesuffix(".").split(".") if label]
    return dns.name.Name([*labels, b""])


def rdata_of(rdtype: str, value: Any) -> dns.rdata.Rdata:
    """Return *value* as a record: text (or a list of pieces, as str or bytes) for TXT, (preference, host) for MX."""
    kind = dns.rdatatype.from_text(rdtype)
    if rdtype in ("TXT", "SPF"):
        pieces = value if isinstance(value, (list, tuple)) else [value]
        octets = [p if isinstance(p, bytes) else str(p).encode("latin-1") for p in pieces]
        split = [o[i : i + 255] for o in octets for i in range(0, max(len(o), 1), 255)]
        return dns.rdtypes.ANY.TXT.TXT(_IN, kind, split or [b""])
    if rdtype == "MX":
        return dns.rdtypes.ANY.MX.MX(_IN, kind, int(value[0]), name_of(value[1]))
    if rdtype in ("CNAME", "PTR"):
        cls = dns.rdata.get_rdata_class(_IN, kind)
        return cls(_IN, kind, name_of(value))
    return dns.rdata.from_text(_IN, kind, str(value))


class DnsServer:
    """Answers from a table that can change at any time; a context manager.

    ``publish`` sets the records of a name and type, ``fail`` makes the questions about a name that nothing is
    published for end in SERVFAIL or silence.
    """

    def __init__(self) -> None:
        self._records: dict[tuple[dns.name.Name, str], list[dns.rdata.Rdata]] = {}
        self._failing: dict[dns.name.Name, str] = {}
        self.asked: list[tuple[str, str]] = []
        self._running = ExitStack()
        self._port = self._running.enter_context(serving(self.answer))

    def __enter__(self) -> DnsServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def net(self, timeout: float = 60.0) -> Network:
        """Return a network whose only resolver is this server; only where it is silent does *timeout* count."""
        return replace(internet(nameservers=[self.address], timeout=timeout), pace=Steady(self.is_silent))

    def is_silent(self, name: str) -> bool:
        """Whether nothing comes back about *name*; with "", about any name at all."""
        if not name:
            return SILENCE in self._failing.values()
        asked = name_of(name).canonicalize()
        for _ in range(20):
            if self._failing.get(asked) == SILENCE:
                return True
            alias = self._records.get((asked, "CNAME"))
            if alias is None:
                break
            asked = alias[0].target.canonicalize()
        return False

    def clear(self) -> None:
        self._records, self._failing, self.asked = {}, {}, []

    def publish(self, name: str, rdtype: str, *values: Any) -> None:
        self._records[name_of(name).canonicalize(), rdtype] = [rdata_of(rdtype, value) for value in values]

    def withdraw(self, name: str, rdtype: str) -> None:
        self._records.pop((name_of(name).canonicalize(), rdtype), None)

    def fail(self, name: str, how: str = SERVFAIL) -> None:
        self._failing[name_of(name).canonicalize()] = how

    def publish_scenario(self, zonedata: dict[str, Iterable[Any]], failure: str = SERVFAIL) -> None:
        """Publish the zone data of one OpenSPF scenario: SPF entries stand for TXT unless the name has its own TXT."""
        self.clear()
        for name, entries in zonedata.items():
            found: dict[str, list[Any]] = {}
            for entry in entries:
                if entry == "TIMEOUT":
                    self.fail(name, failure)
                    continue
                for rdtype, value in entry.items():
                    found.setdefault(rdtype, []).append(value)
            if "SPF" in found and "TXT" not in found:
                found["TXT"] = found["SPF"]
            for rdtype, values in found.items():
                if values != ["NONE"]:
                    self.publish(name, rdtype, *values)

    def answer(self, query: dns.message.Message, *, transport: str) -> dns.message.Message | None:
        """Return the response to one query, None for silence."""
        question = query.question[0]
        name, rdtype = question.name, dns.rdatatype.to_text(question.rdtype)
        self.asked.append((str(name).removesuffix("."), rdtype))
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA | dns.flags.RA
        for _ in range(20):
            key = name.canonicalize()
            found = self._records.get((key, rdtype))
            alias = self._records.get((key, "CNAME"))
            if found is None and alias is None:
                how = self._failing.get(key)
                if how == SILENCE:
                    return None
                if how:
                    response.set_rcode(dns.rcode.SERVFAIL)
                elif not any(known.is_subdomain(key) for known, _ in self._records):
                    response.set_rcode(dns.rcode.NXDOMAIN)
                break
            records = found if found is not None else alias
            rrset = dns.rrset.from_rdata_list(name, 300, records)
            if rrset in response.answer:
                break  # a loop of aliases: what was found so far is all there is
            response.answer.append(rrset)
            if found is not None:
                break
            name = alias[0].target
        return response
