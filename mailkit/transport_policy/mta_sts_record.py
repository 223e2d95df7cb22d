"""The TXT record at ``_mta-sts``: there is a policy, and its id tells when that has changed (RFC 8461 section 3.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailkit.results import visible

__all__ = ["StsRecord", "find_record"]

_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_VALUE = re.compile(r"[!-:<>-~]{1,255}")  # neither "=" nor ";" nor a space
_VERSION = "v=STSv1"


@dataclass(frozen=True)
class StsRecord:
    """What stands in the DNS: ``id`` is "" where there is no usable record, and then ``reason`` says why.

    ``announced`` is False only where nobody claims to have a policy: no record begins with ``v=STSv1``.
    """

    text: str = ""
    id: str = ""
    reason: str = ""
    announced: bool = True


def find_record(texts: Sequence[bytes]) -> StsRecord:
    """Return the MTA-STS record among the TXT records *texts*.

    Records that do not begin with ``v=STSv1`` are passed over; of the others there must be exactly one, and its
    syntax must be right, or there is no policy (RFC 8461 section 3.1).
    """
    decoded = [text.decode("ascii", "backslashreplace") for text in texts]
    named = [text for text in decoded if text.partition(";")[0].rstrip(" \t") == _VERSION]
    if not named:
        almost = [text for text in decoded if "stsv1" in text.lower()[:40]]
        if almost:
            reason = "the record does not begin with v=STSv1; (capitals count, nothing may stand in front)"
            return StsRecord(visible(almost[0], 500), reason=reason)
        return StsRecord(reason="no MTA-STS record", announced=False)
    if len(named) > 1:
        reason = f"{len(named)} records begin with v=STSv1; senders then take it that there is no policy"
        return StsRecord("; ".join(visible(text, 200) for text in named[:3]), reason=reason)
    identifier, reason = _read(named[0])
    return StsRecord(visible(named[0], 500), identifier, reason)


def _read(text: str) -> tuple[str, str]:
    """Return the id in *text*, or "" and why there is none."""
    if len(text) > 2000:
        return "", "the record is longer than 2,000 characters"
    identifier = ""
    fields = [field.strip(" \t") for field in text.split(";")[1:]]
    if fields and not fields[-1]:
        fields.pop()  # behind the last semicolon there may be nothing
    for field in fields:
        name, equals, value = field.partition("=")
        if not equals or not _NAME.fullmatch(name):
            return "", f"{visible(field, 60)!r} is not of the form name=value"
        if name == "id" and not _ID.fullmatch(value):
            return "", f"id={visible(value, 60)} is not 1 to 32 letters and digits"
        if not _VALUE.fullmatch(value):
            return "", f"the value of {name} is empty, or has characters that may not stand there"
        if name == "id" and not identifier:  # of two the first counts (section 3.2)
            identifier = value
    return identifier, "" if identifier else "the record has no id="
