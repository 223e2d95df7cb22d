"""The words in which every probe says what came of it."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["AuthResult", "Outcome", "Stage", "Verdict"]


class Outcome(StrEnum):
    """How an attempt to talk to a server ended."""

    OPEN = "open"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    RESET = "reset"
    INTERCEPTED = "intercepted"
    NOT_CONNECTED = "not_connected"
    DNS_FAILURE = "dns_failure"
    TLS_FAILURE = "tls_failure"
    PROTOCOL_ERROR = "protocol_error"
    REJECTED = "rejected"
    NOT_RUN = "not_run"


class Stage(StrEnum):
    """How far an attempt got: no connection at all and no greeting after it are different findings."""

    DNS = "dns"
    PROXY = "proxy"
    CONNECT = "connect"
    TLS = "tls"
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    QUIT = "quit"


class AuthResult(StrEnum):
    """What came of an authentication method such as SPF or DKIM, in the words of RFC 8601 section 2.7.

    ``none``: there was nothing to check.  ``fail``: it was checked and does not fit; ``softfail``, of SPF only:
    probably not.  ``neutral``: nothing is asserted.  ``policy``: not accepted here, whether it fits or not.
    ``temperror``: a later try may succeed.  ``permerror``: what was published or signed is unusable and stays so.
    Which of them a method uses, and what follows from each, is for the method to say.
    """

    NONE = "none"
    PASS = "pass"
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"
    POLICY = "policy"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class Verdict(StrEnum):
    """What a check concluded.  ``unknown`` means "cannot be told from here", which is not ``fail``."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    INFO = "info"
    UNKNOWN = "unknown"
