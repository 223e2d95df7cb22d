"""A user name with a password that nothing shows, and how the password is kept out of what a server says.

A password reaches a screen in more ways than one: a table of records, a data frame, a traceback that prints the
variables of each frame, a server that echoes the line it was sent.  So it is kept in an object of its own, which only
a login opens, and goes to the socket as a memoryview, whose repr shows no octet.
"""

from __future__ import annotations

import base64
import hmac
import html
from dataclasses import dataclass, field
from typing import NoReturn

from mailkit.results import visible

__all__ = ["Credentials", "Mask", "Password"]

_REDACTED = b"(redacted)"
_SHORTEST_PART = 4  # octets: what was typed may be anything, and a part of one letter would blot out whole replies


class Password:
    """A secret text: no display, table, copy or traceback shows it, only :meth:`reveal` gives it away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError("a password is a text")
        self._text = text

    def reveal(self) -> str:
        """Return the secret: for the one expression that puts it on its way, never for a variable."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "(not shown)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Password) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __deepcopy__(self, memo: object) -> Password:
        return self  # what dataclasses.asdict asks for; there is nothing in it to change

    def __reduce__(self) -> NoReturn:
        raise TypeError("a password is not pickled: that would write it down")


@dataclass(frozen=True, init=False)
class Credentials:
    """A user name and a password: ``Credentials(user, password)``.

    The dataclass holds a :class:`Password`, so that no table of its fields shows what is in it; the attribute
    ``password`` is the text itself.
    """

    user: str
    secret: Password = field(repr=False)

    def __init__(self, user: str, password: str | Password) -> None:
        if not isinstance(user, str):
            raise TypeError("credentials are Credentials(user, password), both of them texts")
        object.__setattr__(self, "user", user)
        object.__setattr__(self, "secret", password if isinstance(password, Password) else Password(password))

    @property
    def password(self) -> str:
        """The password as a text."""
        return self.secret.reveal()

    def _repr_html_(self) -> str:
        return f"<code>{html.escape(visible(self.user))}</code> (password not shown)"


class Mask:
    """What was said to a server in secret, taken out of whatever it says: ``mask(line)``.

    It works on the octets as they came, before anything is cut or decoded.
    """

    def __init__(self) -> None:
        self._secrets: set[bytes] = set()

    def keep(self, credentials: Credentials) -> None:
        """Keep the password of *credentials* secret, as it is and in base64."""
        self.add(credentials.secret.reveal().encode())
        self.add(base64.b64encode(credentials.secret.reveal().encode()))

    def add(self, secret: bytes) -> None:
        """Keep *secret* out of sight as well: a response as it was sent."""
        if secret:
            self._secrets.add(secret)

    def add_response(self, encoded: str) -> None:
        """Keep secret what somebody typed as a response: base64, what it says, and each part of that."""
        self.add(encoded.encode())
        try:
            decoded = base64.b64decode(encoded, validate=True)
        except ValueError:
            return
        for part in (decoded, *decoded.split(b"\0")):
            if len(part) >= _SHORTEST_PART:
                self.add(part)

    def __call__(self, data: bytes, *, cut: bool = False) -> bytes:
        """Return *data* without any secret; with *cut*, without the beginning of one at its end either."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            data = data.replace(secret, _REDACTED)
        if cut:
            for secret in self._secrets:
                data = _without_beginning(data, secret)
        return data


def _without_beginning(data: bytes, secret: bytes) -> bytes:
    """Return *data*, and if it ends with a beginning of *secret*, without that."""
    for length in range(min(len(secret), len(data)), 0, -1):
        if data.endswith(secret[:length]):
            return data[:-length] + _REDACTED
    return data
