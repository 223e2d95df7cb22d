"""TLS-RPT: where senders shall report how TLS went with this domain (RFC 8460 section 3)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from mailkit.network import Network, Status
from mailkit.network.names import to_ascii
from mailkit.results import Record, visible

__all__ = ["TlsRpt", "mail_addresses", "read_record", "tls_rpt"]

_VERSION = "v=TLSRPTv1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_VALUE = re.compile(r"[!-:<>-~]{1,255}")
_URI = re.compile(r"[!-+\--:<-~]{1,1000}")  # printable, without "," and ";", which must be written as %2C and %3B
_ADDRESS = re.compile(r"[^@\s<>,;\x00-\x1f\x7f]{1,64}@[A-Za-z0-9.-]{1,253}")
_LONGEST, _MOST_URIS = 4000, 20


@dataclass(frozen=True)
class TlsRpt(Record):
    """The TLS-RPT record of *domain*: ``valid`` is None where it cannot be asked for; ``rua`` are the URIs in it."""

    domain: str
    valid: bool | None
    rua: tuple[str, ...] = ()
    reason: str = ""
    record: str = ""


def tls_rpt(domain: str, *, net: Network) -> TlsRpt:
    """Return where *domain* wants reports on TLS.  Raises ValueError for what is no domain name."""
    name = to_ascii(domain)
    answer = net.lookup(f"_smtp._tls.{name}", "TXT")
    if answer.status in (Status.SERVFAIL, Status.TIMEOUT):
        return TlsRpt(name, None, reason=f"the record cannot be asked for: {answer.reason}")
    return read_record(name, answer.texts)


def read_record(domain: str, texts: Sequence[bytes]) -> TlsRpt:
    """Return what the TXT records *texts* of ``_smtp._tls`` say.

    Records that do not begin with ``v=TLSRPTv1`` are passed over; of the others there must be exactly one.
    """
    decoded = [text.decode("ascii", "backslashreplace") for text in texts]
    named = [text for text in decoded if text.partition(";")[0].rstrip(" \t") == _VERSION]
    if not named:
        almost = [text for text in decoded if "tlsrpt" in text.lower()[:40]]
        if almost:
            reason = "the record does not begin with v=TLSRPTv1; (capitals count, nothing may stand in front)"
            return TlsRpt(domain, False, reason=reason, record=visible(almost[0], 500))
        return TlsRpt(domain, False, reason="no TLS-RPT record")
    if len(named) > 1:
        shown = "; ".join(visible(text, 200) for text in named[:3])
        return TlsRpt(domain, False, reason=f"{len(named)} records begin with v=TLSRPTv1; none counts", record=shown)
    rua, problem = _read(named[0], domain)
    usable = [uri for uri in rua if _scheme(uri) in ("mailto", "https")]
    if not problem and not usable:
        problem = "none of the addresses begins with mailto: or https:"
    reason = problem or f"reports go to {', '.join(usable)}"
    return TlsRpt(domain, not problem, rua if not problem else (), reason, visible(named[0], 500))


def mail_addresses(rua: Sequence[str]) -> tuple[str, ...]:
    """Return the mail addresses among the URIs *rua* that a report can be sent to."""
    found = [unquote(urlsplit(uri).path) for uri in rua if _scheme(uri) == "mailto"]
    return tuple(address for address in found if _ADDRESS.fullmatch(address))


def _scheme(uri: str) -> str:
    return uri.partition(":")[0].lower()


def _read(text: str, domain: str) -> tuple[tuple[str, ...], str]:
    """Return the URIs in *text*, the record of *domain*, and what is wrong with it, "" when nothing is."""
    if len(text) > _LONGEST:
        return (), f"the record is longer than {_LONGEST:,} characters"
    rua: tuple[str, ...] = ()
    fields = [field.strip(" \t") for field in text.split(";")[1:]]
    if fields and not fields[-1]:
        fields.pop()
    for field in fields:
        name, equals, value = field.partition("=")
        if not equals or not _NAME.fullmatch(name):
            return (), f"{visible(field, 60)!r} is not of the form name=value"
        if name != "rua":
            if not _VALUE.fullmatch(value):
                return (), f"the value of {name} is empty, or has characters that may not stand there"
        elif not rua:
            rua = tuple(uri.strip(" \t") for uri in value.split(","))
            if problem := _problem(rua, domain):
                return (), problem
    return rua, "" if rua else "the record has no rua="


def _problem(rua: Sequence[str], domain: str) -> str:
    if len(rua) > _MOST_URIS:
        return f"rua= names more than {_MOST_URIS} addresses, which are not read"
    for uri in rua:
        shown = visible(uri, 80)
        if not _URI.fullmatch(uri) or ":" not in uri:
            return f"rua={shown} is not a URI such as mailto:tls@{domain}"
        if _scheme(uri) == "mailto" and not mail_addresses([uri]):
            return f"rua={shown} has no mail address behind mailto:"
        if _scheme(uri) == "https" and not _has_host(uri):
            return f"rua={shown} names no host"
    return ""


def _has_host(uri: str) -> bool:
    try:
        return bool(urlsplit(uri).hostname)
    except ValueError:
        return False
