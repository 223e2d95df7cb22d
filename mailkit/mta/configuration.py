"""``configure``: the files of a mail server from one small description."""

from __future__ import annotations

from typing import Any

from mailkit.mta.description import describe
from mailkit.mta.exim import exim
from mailkit.mta.postfix import postfix
from mailkit.mta.settings import Configuration

__all__ = ["configure"]


def configure(job: str, **description: Any) -> Configuration:
    """Return the configuration files of a mail server for *job*.

    ``submission`` takes mail on 587 and 465 after AUTH inside TLS, signs it and delivers it.  ``smarthost`` stands
    behind OP25B and hands everything to a relay, after AUTH inside verified TLS.  ``receiving`` takes mail on port 25,
    checks SPF, DKIM and DMARC, and records what they said; Exim does what its build supports.

    Every job takes ``domain``, ``hostname``, ``software`` ("postfix" or "exim") and ``version`` (Postfix 3.7 to 3.11,
    Exim 4.96 to 4.100).  ``submission`` needs ``selector``, ``key``, ``certificate`` and ``certificate_key``, and takes
    ``ed25519_selector`` and ``ed25519_key``.  ``smarthost`` needs ``relay``, ``user`` and ``password``, and takes
    ``relay_port``, ``ca_file`` and the four words for signing.  ``receiving`` needs ``certificate``,
    ``certificate_key`` and ``postmaster``, an account of the machine.  Keys and certificates are full paths.

    Raises ValueError or TypeError, with a sentence, for what is missing, is not known, or cannot be written safely.
    """
    wanted = describe(job, **description)
    return postfix(wanted) if wanted.software == "postfix" else exim(wanted)
