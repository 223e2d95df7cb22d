"""What a sender demands of TLS before it hands a message over, where opportunistic encryption is not enough."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["TlsDemand"]


def _anything(chain: Sequence[bytes]) -> str:
    return ""


@dataclass(frozen=True)
class TlsDemand:
    """TLS with *context*, and with certificates about which ``problem(chain)`` says "": a sentence is a refusal.

    *chain* is in DER, the server's own certificate first.
    """

    context: ssl.SSLContext
    problem: Callable[[Sequence[bytes]], str] = _anything
