"""What is wrong with the certificates that a server showed, and which of them it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mailkit.conversation.alerts import ABOUT_TIME
from mailkit.tls.certificates import Certificate, covers, read_certificate, weaknesses

__all__ = ["Shown", "look_at"]


@dataclass(frozen=True)
class Shown:
    """The server's ``own`` certificate (None when it cannot be read), the ``others``, and the ``faults`` in words.

    ``name_ok`` says whether its own is for the host that was asked, None without one.
    """

    own: Certificate | None
    others: tuple[Certificate, ...]
    name_ok: bool | None
    faults: tuple[str, ...]


def look_at(chain: Sequence[bytes], host: str, *, now: datetime, distrust: str) -> Shown:
    """Return what *chain* (DER, the server's own first) shows to one who asked for *host* at the time *now*.

    *distrust* is why OpenSSL did not accept it, in the words of :mod:`mailkit.conversation.alerts`, or "".
    """
    if not chain:
        return Shown(None, (), None, ("no certificate was seen",))
    try:
        own = read_certificate(chain[0])
    except ValueError as error:
        return Shown(None, (), None, (str(error),))
    others = tuple(certificate for der in chain[1:] if (certificate := _read_if_possible(der)))
    name_ok = covers(own.names, host)
    faults = [] if name_ok else [_wrong_name(own, host)]
    if own.not_after < now:
        faults.append(f"its certificate expired on {own.not_after:%Y-%m-%d}")
    if own.not_before > now:
        faults.append(f"its certificate is not valid before {own.not_before:%Y-%m-%d}")
    if distrust in ABOUT_TIME:
        faults += _untimely(own, others)
    elif distrust:
        faults.append(f"its certificate {distrust}")
    faults += weaknesses(own)
    if len(others) < len(chain) - 1:
        faults.append("a certificate behind its own cannot be read")
    return Shown(own, others, name_ok, tuple(faults))


def _read_if_possible(der: bytes) -> Certificate | None:
    try:
        return read_certificate(der)
    except ValueError:
        return None


def _wrong_name(own: Certificate, host: str) -> str:
    if not own.names and f"cn={host}".lower() in own.subject.lower().split(","):
        # RFC 9525 section 2: the common name is no host's name, even where it looks like one.
        return "its certificate bears this name in the common name only, which does not count (no subjectAltName)"
    if not own.names:
        return "its certificate names no host (no subjectAltName)"
    more = f" and {len(own.names) - 1} more" if len(own.names) > 1 else ""
    return f"its certificate is for {own.names[0]}{more}, not for this host"


def _untimely(own: Certificate, others: Sequence[Certificate]) -> list[str]:
    """Return whose certificate OpenSSL found expired or not valid yet: it goes by this machine's clock.

    Nothing when it is the server's own, which the network's clock has judged already.
    """
    today = datetime.now(UTC)
    if not own.not_before <= today <= own.not_after:
        return []
    late = [other for other in others if not other.not_before <= today <= other.not_after]
    if not late:
        return ["an authority's certificate above its own has expired or is not valid yet"]
    when = [f"{other.subject}, valid from {other.not_before:%Y-%m-%d} to {other.not_after:%Y-%m-%d}" for other in late]
    return [f"not its own certificate, but an authority's above it has expired or is not valid yet ({'; '.join(when)})"]
