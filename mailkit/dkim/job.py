"""What is done once for all the signatures of a message, however many there are and whatever keys are tried."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from mailkit.dkim.canonical import canonical_body
from mailkit.dkim.diagnosis import MAX_GUESSES, line_hashes
from mailkit.dkim.signature import Signature, covered, signed_data
from mailkit.message.fields import Message
from mailkit.network import Network

__all__ = ["Job"]


@dataclass
class Job:
    """One call of verify.

    ``net`` is where to ask, and until when; ``now`` is the time in seconds since 1970, ``tries`` what may still be
    guessed.  The rest is filled as it is needed.
    """

    message: Message
    net: Network
    now: float
    tries: Iterator[int] = field(default_factory=lambda: iter(range(MAX_GUESSES)))
    bodies: dict[str, bytes] = field(default_factory=dict)
    hashes: dict[tuple[str, int], bytes] = field(default_factory=dict)
    lines: dict[str, dict[bytes, int]] = field(default_factory=dict)
    headers: dict[int, bytes] = field(default_factory=dict)

    def body(self, algorithm: str) -> bytes:
        """Return the body in the canonical form *algorithm*."""
        if algorithm not in self.bodies:
            self.bodies[algorithm] = canonical_body(self.message.body, algorithm)
        return self.bodies[algorithm]

    def body_hash(self, algorithm: str, length: int) -> bytes:
        """Return the SHA-256 of the first *length* octets of that form."""
        if (algorithm, length) not in self.hashes:
            self.hashes[algorithm, length] = hashlib.sha256(self.body(algorithm)[:length]).digest()
        return self.hashes[algorithm, length]

    def header(self, signature: Signature) -> bytes:
        """Return what *signature* signed of the header, the same for every key that is tried."""
        if id(signature.field) not in self.headers:
            fields = covered(self.message.fields, signature)
            data = signed_data(fields, signature.field, signature.header_canonicalization)
            self.headers[id(signature.field)] = data
        return self.headers[id(signature.field)]

    def line_hashes(self, algorithm: str) -> dict[bytes, int]:
        """Return what :func:`mailkit.dkim.diagnosis.line_hashes` says of that form."""
        if algorithm not in self.lines:
            self.lines[algorithm] = line_hashes(self.body(algorithm))
        return self.lines[algorithm]
