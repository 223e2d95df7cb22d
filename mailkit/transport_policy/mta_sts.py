"""MTA-STS: does a domain ask senders for verified TLS, and can they read what it asks?  (RFC 8461)

The record in the DNS says only that there is a policy; the policy comes over HTTPS, so that whoever forges the DNS
still lacks the certificate.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailkit.conversation import Attempt
from mailkit.conversation.https import Fetched, get
from mailkit.network import Network, Status
from mailkit.network.names import to_ascii
from mailkit.results import Outcome, Record, hidden, visible
from mailkit.transport_policy.mta_sts_policy import MOST_OCTETS, PolicyFile, matches, parse
from mailkit.transport_policy.mta_sts_record import StsRecord, find_record

__all__ = ["PATH", "MtaSts", "fetch", "mta_sts", "policy_host"]

PATH = "/.well-known/mta-sts.txt"  # section 3.2
_PATIENCE = 2  # lookup and fetch may each take this many of the network's timeouts

_NOT_NOW = (429, 503)  # too many requests, unavailable for a while (RFC 6585 section 4, RFC 9110 section 15.6.4)

_NO_FILE = PolicyFile()
_NOT_FETCHED = "sts-policy-fetch-error"

# What ends an attempt without telling anything about the policy: another place may see more.
_UNSEEN = frozenset(
    {
        *(Outcome.TIMEOUT, Outcome.UNREACHABLE, Outcome.NOT_CONNECTED, Outcome.REFUSED, Outcome.RESET),
        *(Outcome.INTERCEPTED, Outcome.NOT_RUN),
    }
)


@dataclass(frozen=True)
class MtaSts(Record):
    """What a sender learns about the MTA-STS policy of *domain*.

    ``valid`` is True for a policy that can be used, False where there is none or none that can be used, None where it
    cannot be told from here.  ``announced`` says whether a record claims that there is one.  ``record`` and ``policy``
    are the texts that were read; a table has no lines, so the policy is for print().  ``max_age`` is in seconds.
    ``failure`` is what reports call it when a policy that is announced cannot be had (RFC 8460 section 4.3.2.2).
    """

    domain: str
    valid: bool | None
    announced: bool | None
    mode: str = ""
    mx: tuple[str, ...] = ()
    max_age: int = 0
    id: str = ""
    reason: str = ""
    record: str = ""
    policy: str = hidden()
    failure: str = hidden()

    def matches(self, host: str) -> bool:
        """Return whether the policy names *host* (RFC 8461 section 4.1)."""
        return any(matches(pattern, host) for pattern in self.mx)


def policy_host(domain: str) -> str:
    """Return the host that serves the policy of *domain* (RFC 8461 section 3.3)."""
    return f"mta-sts.{domain}"


def mta_sts(domain: str, *, net: Network) -> MtaSts:
    """Return the MTA-STS policy of *domain*: its record, and the file it announces.

    Nothing is fetched where no record announces a policy.  Takes four of the network's timeouts at most.  Raises
    ValueError for what is no domain name.
    """
    name = to_ascii(domain)
    answer = net.lookup(f"_mta-sts.{name}", "TXT")
    if answer.status in (Status.SERVFAIL, Status.TIMEOUT):
        return MtaSts(name, None, None, reason=f"the record cannot be asked for: {answer.reason}")
    record = find_record(answer.texts)
    if not record.id:
        return MtaSts(name, False, record.announced, reason=record.reason, record=record.text)
    return fetch(name, record, net=net)


def fetch(domain: str, record: StsRecord, *, net: Network) -> MtaSts:
    """Return the policy that *record* announces for *domain*, fetched over HTTPS."""

    def found(
        valid: bool | None, reason: str, file: PolicyFile = _NO_FILE, text: str = "", failure: str = _NOT_FETCHED
    ) -> MtaSts:
        read = (file.mode, file.mx, file.max_age, record.id)
        return MtaSts(domain, valid, True, *read, reason, record.text, _shown(text), "" if valid else failure)

    host = policy_host(domain)
    got = get(host, PATH, net=net, seconds=_PATIENCE * net.timeout, most=MOST_OCTETS)
    if isinstance(got, Attempt):
        if got.outcome is Outcome.DNS_FAILURE:
            return found(*_no_address(host, net))
        failure = "sts-webpki-invalid" if got.outcome is Outcome.TLS_FAILURE else _NOT_FETCHED
        return found(None if got.outcome in _UNSEEN else False, f"{host}: {got.reason}", failure=failure)
    if got.status in _NOT_NOW:
        return found(None, f"{host}: it answers {got.status}, which is a no for now only")
    if problem := _refused(got):
        return found(False, f"{host}: {problem}")
    file = parse(got.body)
    text = got.body.decode("utf-8", "replace")
    if file.problem:
        return found(False, f"the policy is not valid: {file.problem}", file, text, "sts-policy-invalid")
    return found(True, f"mode {file.mode}, to be kept for {file.max_age} seconds", file, text)


def _shown(policy: str) -> str:
    """Return *policy* line by line, as much of it as anybody reads."""
    return "\n".join(visible(line, 200) for line in policy[:4000].splitlines())


def _no_address(host: str, net: Network) -> tuple[bool | None, str]:
    for rdtype in ("A", "AAAA"):
        answer = net.lookup(host, rdtype)
        if answer.status in (Status.SERVFAIL, Status.TIMEOUT):
            return None, f"{host}: the address cannot be asked for ({answer.reason})"
    return False, f"{host} has no address, so nobody can fetch the policy"


def _refused(got: Fetched) -> str:
    """Return why what the web server sent is no policy, "" when it may be one (RFC 8461 sections 3.2 and 3.3)."""
    if 300 <= got.status < 400:
        return f"it redirects ({got.status}), and a policy must not be fetched from anywhere else"
    if got.status != 200:
        return f"it answers {got.status}, not 200"
    if got.media_type != "text/plain":
        return f"it serves {visible(got.media_type, 60) or 'no media type'}, not text/plain"
    if got.cut:
        return f"the file is larger than {MOST_OCTETS // 1024} kB"
    return ""
