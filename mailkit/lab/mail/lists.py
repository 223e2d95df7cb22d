"""A mailing list of the practice internet: what it does to a message before its members get it.

It does what most lists do and DKIM does not survive: a tag in the subject and a footer.  The author's From stays, or
is *munged*: the list puts its own address there and the author's into Reply-To, so that DMARC passes for the list.
"""

from __future__ import annotations

import hashlib
from email.utils import formataddr, getaddresses

from mailkit.lab.mail.mailboxes import header_of
from mailkit.lab.world import MailingList
from mailkit.message.fields import Field, parse

__all__ = ["has_passed", "rewritten"]

_MAX_AUTHOR = 10_000  # characters of a From line that are looked at
_OF_THE_BODY = b"content-"  # fields that describe the body go with it when it becomes a part (RFC 2045 section 3)
_REPLACED = (b"list-id", b"list-post", b"list-help", b"list-owner", b"list-unsubscribe", b"list-unsubscribe-post")


def has_passed(content: bytes, mailing_list: MailingList) -> bool:
    """Return whether *content* has been through *mailing_list* already: then it is in a loop."""
    return any(f"<{mailing_list.list_id}>" in str(value) for value in header_of(content).get_all("List-Id", []))


def rewritten(content: bytes, mailing_list: MailingList) -> bytes:
    """Return *content* as *mailing_list* sends it out.  Raises ValueError for what is no message."""
    message = parse(content)
    fields = [field for field in message.fields if field.key not in _REPLACED]
    fields = _tagged(fields, mailing_list)
    if mailing_list.munge_from:
        fields = _munged(fields, content, mailing_list)
    fields, body = _with_footer(fields, message.body, content, mailing_list)
    address, owner = mailing_list.address, mailing_list.owner
    fields += [
        _field("List-Id", f"{mailing_list.name} <{mailing_list.list_id}>"),  # RFC 2919
        _field("List-Post", f"<mailto:{address}>"),  # this and the next three: RFC 2369
        _field("List-Help", f"<mailto:{owner}?subject=help>"),
        _field("List-Owner", f"<mailto:{owner}>"),
        _field("List-Unsubscribe", f"<mailto:{owner}?subject=unsubscribe>"),
    ]
    return b"".join(field.name + b":" + field.value for field in fields) + b"\r\n" + body


def _field(name: str, value: str) -> Field:
    return Field(name.encode(), f" {value}\r\n".encode())


def _tagged(fields: list[Field], mailing_list: MailingList) -> list[Field]:
    tag = f"[{mailing_list.name}]".encode()
    if not any(field.key == b"subject" for field in fields):
        return [*fields, _field("Subject", f"{tag.decode()} (no subject)")]
    return [
        Field(field.name, b" " + tag + b" " + field.value.lstrip(b" \t"))
        if field.key == b"subject" and tag not in field.value
        else field
        for field in fields
    ]


def _munged(fields: list[Field], content: bytes, mailing_list: MailingList) -> list[Field]:
    authors = [str(value)[:_MAX_AUTHOR] for value in header_of(content).get_all("From", [])[:1]]
    name, address = next(iter(getaddresses(authors)), ("", ""))
    shown = f"{name or address.partition('@')[0] or 'Somebody'} via {mailing_list.name}"
    own = _field("From", formataddr((" ".join(shown.split()), mailing_list.address)))
    # Where there is a Reply-To, the author has said already where answers go.
    answers = [] if any(field.key == b"reply-to" for field in fields) else [f for f in fields if f.key == b"from"][:1]
    return [
        *(field for field in fields if field.key != b"from"),
        own,
        *(Field(b"Reply-To", field.value) for field in answers),
    ]


def _with_footer(
    fields: list[Field], body: bytes, content: bytes, mailing_list: MailingList
) -> tuple[list[Field], bytes]:
    """Return header and body with the footer: after plain text, else as one more part, as Mailman does."""
    footer = f"{'_' * 40}\r\n{mailing_list.name}: a list at {mailing_list.address}\r\n".encode()
    head = header_of(content)
    encoding = str(head.get("Content-Transfer-Encoding", "7bit")).strip().lower()
    if head.get_content_type() == "text/plain" and encoding in ("7bit", "8bit"):
        return fields, body + (b"" if body.endswith(b"\r\n") or not body else b"\r\n") + footer
    own = [field for field in fields if field.key.startswith(_OF_THE_BODY)]
    boundary = f"list-{hashlib.sha256(content).hexdigest()[:24]}"
    part = b"".join(field.name + b":" + field.value for field in own) + b"\r\n" + body
    line = f"--{boundary}".encode()
    parts = [line, part, line, b"Content-Type: text/plain; charset=us-ascii\r\n", footer + line + b"--\r\n"]
    outer = [field for field in fields if field not in own and field.key != b"mime-version"]
    outer += [_field("MIME-Version", "1.0"), _field("Content-Type", f'multipart/mixed; boundary="{boundary}"')]
    return outer, b"\r\n".join(parts)
