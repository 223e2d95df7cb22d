"""The words in which every probe says what came of it."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Outcome", "Stage", "Verdict"]


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
    """How far an attempt got: a server that greets late is not a blocked port."""

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


class Verdict(StrEnum):
    """What a check concluded.  ``unknown`` means "cannot be told from here", which is not ``fail``."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    INFO = "info"
    UNKNOWN = "unknown"
