"""What the checks of ``lint`` share: whom they are about, and how they say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mailkit.dmarc.asking import Node
from mailkit.dmarc.discovery import Discovery
from mailkit.dmarc.records import DmarcRecord, Policy, parse_record
from mailkit.dmarc.spoilt import meant
from mailkit.network import DnsRecord, Network, Status, paste
from mailkit.network.endpoints import mail_exchangers
from mailkit.results import Finding, Verdict, visible

__all__ = ["LintedPolicy", "finding", "rank", "rebuilt"]


def rank(policy: Policy | None) -> int:
    """Return how strict *policy* is, 0 for none."""
    return list(Policy).index(policy) if policy is not None else 0


def finding(
    check: str, domain: str, verdict: Verdict, evidence: str, reference: str, advice: str = "", fix: str = ""
) -> Finding:
    """Return a finding of the DMARC lesson; *reference* is a section or appendix of RFC 9989, or begins with "RFC"."""
    part = "section" if reference[0].isdigit() else "appendix"
    source = reference if reference.startswith("RFC") else f"RFC 9989 {part} {reference}"
    return Finding(f"DMARC {check}", domain, verdict, visible(evidence, 600), advice, fix, source, "06_dmarc")


@dataclass(frozen=True)
class LintedPolicy:
    """A domain with what is published for it; ``record`` is its own, or the one of its organization."""

    domain: str
    discovery: Discovery
    record: DmarcRecord
    net: Network

    @property
    def own(self) -> Node:
        """What stands at the domain itself."""
        assert self.discovery.walk is not None
        return self.discovery.walk.nodes[0]

    @property
    def takes_mail(self) -> bool | None:
        """Whether mail to the domain arrives somewhere, None when the DNS does not say."""
        found = mail_exchangers(self.domain, net=self.net)
        if found.status in (Status.SERVFAIL, Status.TIMEOUT):
            return None
        return bool(found.hosts) and not found.implicit

    @property
    def mailbox(self) -> str:
        """An address for reports to offer, "" where the domain takes no mail."""
        return f"mailto:dmarc@{self.domain}" if self.takes_mail else ""

    @property
    def addresses(self) -> dict[str, str]:
        """The tags rua, ruf and fo, their addresses as they were probably meant."""
        as_meant = parse_record(meant(self.record.typed))
        tags = {name: ",".join(uri.text for uri in getattr(as_meant, name)) for name in ("rua", "ruf")}
        return {**tags, "fo": ":".join(as_meant.fo) if as_meant.fo != ("0",) else ""}

    @property
    def reports_to(self) -> str:
        """What to offer for rua: the addresses that are there, or a mailbox of the domain; "" where it has none."""
        return self.addresses["rua"] or self.mailbox

    def line(self, **changes: Any) -> str:
        """Return the record to paste: this one, written anew with *changes*."""
        changes = {**self.addresses, **changes}
        return paste(DnsRecord(f"_dmarc.{self.domain}", "TXT", rebuilt(self.record, **changes)))


def rebuilt(record: DmarcRecord, **changes: Any) -> str:
    """Return *record* written anew, without what was faulty, removed or default; a change to None takes a tag out."""
    tags: dict[str, str | None] = {
        "p": str(Policy.NONE if record.invalid_policy or record.p is None else record.p),
        "sp": str(record.sp) if record.sp and not record.invalid_policy else None,
        "np": str(record.np) if record.np and not record.invalid_policy else None,
        "psd": record.psd if record.psd != "u" else None,
        "t": "y" if record.testing else None,
        "adkim": record.adkim if record.adkim != "r" else None,
        "aspf": record.aspf if record.aspf != "r" else None,
        "rua": ",".join(uri.text for uri in record.rua) or None,
        "ruf": ",".join(uri.text for uri in record.ruf) or None,
        "fo": ":".join(record.fo) if record.fo != ("0",) else None,
    }
    tags |= changes
    return "; ".join(["v=DMARC1", *(f"{name}={value}" for name, value in tags.items() if value)])
