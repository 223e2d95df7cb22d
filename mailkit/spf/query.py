"""pyspf's questions asked over a :class:`~mailkit.network.Network`, and its macros expanded by the letter of RFC 7208.

:class:`Query` is the lower half of an evaluation: how names are looked up and macro strings expanded.  Where pyspf
strays from the RFC, the override says so with its section.  Attributes of one letter are macro values in pyspf:
none may be added here.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import quote

import spf

from mailkit.network import Status
from mailkit.spf.characters import readable
from mailkit.spf.macros import MACRO, check_macros, fit_name
from mailkit.spf.reasons import NotAscii
from mailkit.spf.resolver import Resolver, is_name, raw_name

__all__ = ["Query"]

_MAX_SPEC = 1000  # characters of a domain-spec before its macros are expanded
_MAX_LABEL = 200  # and of each part between dots: pyspf's patterns take quadratic time on endless labels
_LITERAL = {"%%": "%", "%_": " ", "%-": "%20"}


class Query(spf.query):  # type: ignore[misc]
    """The client *ip*, greeting as *helo*, sending for ``local@domain``."""

    def __init__(self, ip: str, local: str, domain: str, helo: str, resolver: Resolver) -> None:
        net = resolver.net
        super().__init__(i=ip, s=f"{local}@{domain}", h=helo, receiver=net.local_hostname)
        self.l, self.o, self.d = local, domain, domain  # split here, not at the first @ as pyspf does
        self.ascii_local = local.isascii()
        self.t = str(int(net.now().timestamp()))
        self.resolver = resolver

    def check_time(self) -> None:
        """Raise TempError once the time allowed for the whole check has passed (section 4.6.4)."""
        if self.resolver.expired:
            raise spf.TempError("the time allowed for the whole check has passed")

    def count_void(self, qtype: str) -> None:
        """Called for each lookup that found nothing."""

    def dns(self, name: str, qtype: str, cnames: object = None, ignore_void: bool = False) -> list[Any]:
        """Return the values of *name*; an empty list for NXDOMAIN and NODATA, which count as void lookups.

        Looking for the sender's own record, or for an explanation, is no lookup of a term and never void.
        """
        name = name.removesuffix(".")
        if not is_name(name):
            return []  # nothing that could be asked, so no lookup: it does not match (RFC 7208 section 4.8)
        answer = self.resolver.lookup(name, qtype)
        if answer.rdata:
            return [_value(rdata, qtype) for rdata in answer.rdata]
        if answer.status in (Status.SERVFAIL, Status.TIMEOUT):
            raise spf.TempError(f"the {qtype} records of {name} cannot be had: {answer.reason}")
        if not ignore_void:
            self.count_void(qtype)
        return []

    def dns_spf(self, domain: str) -> str | None:
        """Return the record of *domain*; one that is not ASCII raises PermError with the character to blame."""
        try:
            return super().dns_spf(domain)  # type: ignore[no-any-return]
        except spf.PermError as error:
            if not str(error).startswith("Non-ascii"):
                raise
            texts = self.resolver.lookup(domain.removesuffix("."), "TXT").texts
            record = next(text for text in texts if spf.RE_SPF.match(text) and not text.isascii())
            raise NotAscii(readable(record)) from None

    def validated_ptrs(self) -> list[str]:
        """Return the client's names that lead back to it, of the first ten (sections 4.6.4 and 5.5).

        A DNS error makes ``ptr`` not match, or skips the name.  Only the PTR lookup itself can be void: the names
        are the client's choice, and must not be able to turn the domain's result into permerror.
        """
        own = []
        for name in self._patient(f"{spf.reverse_dots(self.i)}.{self.v}.arpa", "PTR")[: spf.MAX_PTR]:
            addresses = self._patient(name, self.A, ignore_void=True)
            if any(ipaddress.ip_address(address) == self.ipaddr for address in addresses):
                own.append(name)
        return own

    def _patient(self, name: str, qtype: str, ignore_void: bool = False) -> list[Any]:
        """Return what :meth:`dns` does, and nothing when the DNS fails."""
        try:
            return self.dns(name, qtype, ignore_void=ignore_void)
        except spf.TempError:
            self.check_time()
            return []

    def expand_domain(self, arg: str) -> str:
        """Return the domain-spec *arg* expanded; an implied domain is a name already and holds no macros."""
        if arg == self.d:
            return arg
        if len(arg) > _MAX_LABEL and (len(arg) > _MAX_SPEC or max(map(len, arg.split("."))) > _MAX_LABEL):
            raise spf.PermError("Domain too long", arg)
        return super().expand_domain(arg)  # type: ignore[no-any-return]

    def expand(self, s: str, stripdot: bool = True) -> str:
        """Return the macro string *s* expanded (section 7.3): a name to look up, or the text of an explanation."""
        check_macros(s, explanation=not stripdot)
        text = MACRO.sub(self._expansion, s) if "%" in s else s
        return fit_name(text) if stripdot else text

    def _expansion(self, macro: re.Match[str]) -> str:
        letter = macro[1]
        if letter is None:
            return _LITERAL[macro[0]]
        name = letter.lower()
        value: str = self.getp() if name == "p" else getattr(self, name)
        value = spf.expand_one(value, macro[0][3:-1], ".")
        return value if letter == name else quote(value, safe="~")


def _value(rdata: Any, qtype: str) -> Any:
    """Return *rdata* as pyspf wants it."""
    if qtype in ("A", "AAAA"):
        return rdata.address
    if qtype == "MX":
        return rdata.preference, raw_name(rdata.exchange)
    if qtype == "PTR":
        return raw_name(rdata.target)
    return rdata.strings
