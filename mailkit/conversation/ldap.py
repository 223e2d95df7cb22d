"""LDAP up to the go-ahead for TLS: the StartTLS operation (RFC 4511 section 4.14) and its answer, in BER.

LDAP has no greeting and no lines.  Each message says its own length, in the definite form only (RFC 4511 section 5.1),
and that length is judged before anything of the message is read.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailkit.conversation.bounded import ReplyError
from mailkit.conversation.mailbox import Refused
from mailkit.conversation.replies import NotOffered
from mailkit.conversation.upgrade import Upgrade
from mailkit.results import visible

__all__ = ["LDAP", "UNBIND"]

_LONGEST = 64 * 1024  # octets of a message
_NOT_LDAP = "the reply is not LDAP"

_INTEGER, _OCTET_STRING, _ENUMERATED, _SEQUENCE = 0x02, 0x04, 0x0A, 0x30
_EXTENDED_RESPONSE = 0x78  # [APPLICATION 24], constructed

_NAME = b"1.3.6.1.4.1.1466.20037"
# LDAPMessage { messageID 1, ExtendedRequest [APPLICATION 23] { requestName [0] } }
_REQUEST = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x16" + _NAME

# LDAPMessage { messageID 1, UnbindRequest [APPLICATION 2] }: the goodbye, which has no answer (section 4.3)
UNBIND = b"\x30\x05\x02\x01\x01\x42\x00"

_SUCCESS, _PROTOCOL_ERROR = 0, 2
# What RFC 4511 appendix A calls the results that may come here.
_RESULTS = {1: "operationsError", 8: "strongerAuthRequired", 10: "referral", 11: "adminLimitExceeded",
            13: "confidentialityRequired", 50: "insufficientAccessRights", 51: "busy", 52: "unavailable",
            53: "unwillingToPerform", 80: "other"}  # fmt: skip


class LDAP(Upgrade):
    """LDAP up to StartTLS; see :class:`mailkit.conversation.upgrade.Upgrade`."""

    def greeted(self) -> None:
        """LDAP servers wait for the client to speak."""

    def look(self) -> None:
        """The root DSE need not list StartTLS for everybody (RFC 4512 section 5.1), so nothing is asked before."""

    def request(self) -> None:
        """Ask for StartTLS and take the answer: success is the go-ahead."""
        self.wire.send(_REQUEST, shown="StartTLS (LDAP extended operation 1.3.6.1.4.1.1466.20037)")
        answer = self._answer()
        if answer.code == _SUCCESS and answer.message_id == 1:
            return
        said = f": {visible(answer.text, 200)}" if answer.text else ""
        if answer.message_id == 0:  # RFC 4511 section 4.4.1
            raise Refused(f"the server ends the conversation{said}")
        if answer.message_id != 1:
            raise ReplyError("the answer is to a request that was never made")
        if answer.code == _PROTOCOL_ERROR:  # section 4.12: the name of the operation is not known
            raise NotOffered(f"StartTLS is not offered{said}")
        raise Refused(f"{_RESULTS.get(answer.code, 'result')} ({answer.code}){said}")

    def _answer(self) -> _Answer:
        """Return the next message, which must be an ExtendedResponse."""
        head = self._octets(2)
        if head[0] != _SEQUENCE:
            raise ReplyError(_NOT_LDAP)
        if head[1] >= 0x80:
            head += self._octets(_length_octets(head[1]))
        length = _length(head[1:])
        if length > _LONGEST:
            raise ReplyError(f"the message claims {length:,} octets, more than any answer to StartTLS has")
        return _answer(self._octets(length))

    def _octets(self, count: int) -> bytes:
        came = b""
        while len(came) < count:
            piece = self.wire.receive(count - len(came))
            if not piece:
                raise EOFError("the server closed the connection in the middle of a message")
            came += piece
        return came


@dataclass(frozen=True)
class _Answer:
    """An ExtendedResponse: the request it answers, its result code and its diagnostic message."""

    message_id: int
    code: int
    text: str


def _answer(message: bytes) -> _Answer:
    """Return what *message*, the inside of an LDAPMessage, says (RFC 4511 sections 4.1.1, 4.1.9 and 4.12)."""
    message_id, rest = _element(message, _INTEGER)
    response, _controls = _element(rest, _EXTENDED_RESPONSE)
    code, rest = _element(response, _ENUMERATED)
    _matched, rest = _element(rest, _OCTET_STRING)
    text, _name_and_value = _element(rest, _OCTET_STRING)
    return _Answer(_number(message_id), _number(code), text.decode("utf-8", "replace"))


def _number(octets: bytes) -> int:
    """Return the INTEGER or ENUMERATED in *octets*; four are enough for every message id (RFC 4511 section 4.1.1.1)."""
    if not 1 <= len(octets) <= 4 or octets[0] >= 0x80:
        raise ReplyError(f"{_NOT_LDAP}: a number of it is none")
    return int.from_bytes(octets, "big")


def _element(octets: bytes, tag: int) -> tuple[bytes, bytes]:
    """Return what stands in the first element of *octets*, which must bear *tag*, and what follows it."""
    if len(octets) < 2 or octets[0] != tag:
        raise ReplyError(_NOT_LDAP)
    begin = 2 + (_length_octets(octets[1]) if octets[1] >= 0x80 else 0)
    end = begin + _length(octets[1:begin])
    if end > len(octets):
        raise ReplyError(f"{_NOT_LDAP}: an element claims to be longer than the message it stands in")
    return octets[begin:end], octets[end:]


def _length_octets(first: int) -> int:
    """Return how many octets of length follow *first*, the first one; four are more than enough."""
    if not 0x81 <= first <= 0x84:
        raise ReplyError(f"{_NOT_LDAP}: a length of it has no definite form")
    return first & 0x7F


def _length(octets: bytes) -> int:
    """Return the length that *octets* say."""
    return octets[0] if octets[:1] < b"\x80" else int.from_bytes(octets[1:], "big")
