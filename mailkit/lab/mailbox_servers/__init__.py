"""The servers that mail is read from: IMAP (RFC 3501, with some of RFC 9051) and POP3 (RFC 1939).

``session`` is what both share: lines, TLS, logins.  ``imap`` is the IMAP conversation, ``selected`` its view of a
folder, ``syntax`` its grammar, ``fetching``, ``searching`` and ``parts`` what it says about messages; ``pop3`` is the
other one.
"""

__all__: list[str] = []
