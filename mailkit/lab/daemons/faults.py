"""One line broken: the faults that lesson 09 has its reader find from the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailkit.mta import Configuration

__all__ = ["FAULTS", "Fault", "fault"]

Break = tuple[str, str, str]
"""A file, the text that stands in it, and what is put in its place."""


@dataclass(frozen=True)
class Fault:
    """What is broken for a ``job``: ``breaks`` for each software, or the signer that does not run."""

    job: str
    breaks: Mapping[str, tuple[Break, ...]] = field(default_factory=dict)
    signer: bool = True


_MAIN, _EXIM = "/etc/postfix/main.cf", "/etc/exim4/exim4.conf"

# In double braces stand words of the description.
FAULTS: Mapping[str, Fault] = {
    "password": Fault("smarthost", {
        "postfix": (("/etc/postfix/sasl_passwd", ":{{password}}\n", ":{{password}}-old\n"),),
        "exim": (("/etc/exim4/passwd.client", ":{{password}}\n", ":{{password}}-old\n"),),
    }),
    "certificate": Fault("smarthost", {
        "postfix": ((_MAIN, "relayhost = [{{relay}}]", "relayhost = [wrong-name.mistakes.example]"),),
        "exim": ((_EXIM, "route_data = {{relay}}", "route_data = wrong-name.mistakes.example"),),
    }),
    # As many instructions have it: TLS if it is offered, and the password in any case.
    "tls": Fault("smarthost", {
        "postfix": (
            (_MAIN, "smtp_tls_security_level = secure", "smtp_tls_security_level = may"),
            (_MAIN, "security_options = noanonymous, noplaintext", "security_options = noanonymous"),
        ),
        "exim": (
            (_EXIM, "  hosts_require_tls = *\n", ""),
            (_EXIM, "<; ${if def:tls_out_cipher{^", "<; ${if def:primary_hostname{^"),
        ),
    }),
    "signer": Fault("smarthost", {
        "exim": ((_EXIM, "dkim_private_key = {{key}}", "dkim_private_key = {{key}}.old"),),
    }, signer=False),
    "relay": Fault("submission", {
        "postfix": ((_MAIN, "mynetworks = 127.0.0.0/8 [::1]/128\n", "mynetworks = 0.0.0.0/0 [::1]/128\n"),),
        "exim": ((_EXIM, "relay_from_hosts = <; 127.0.0.1 ; ::1", "relay_from_hosts = <; 0.0.0.0/0 ; ::1"),),
    }),
}  # fmt: skip
"""Name -> the fault."""


def fault(name: str, configuration: Configuration) -> tuple[list[Break], bool]:
    """Return what the fault *name* breaks of *configuration*, and whether the signer runs; nothing for "".

    Raises ValueError for a fault that there is not, or that is none of this job.
    """
    if not name:
        return [], True
    wanted = configuration.description
    known = [key for key, one in FAULTS.items() if one.job == wanted.job]
    if name not in known:
        raise ValueError(f"no fault {name!r} for the job {wanted.job!r}; there are: {', '.join(known) or 'none'}")
    chosen = FAULTS[name]
    words = {word: getattr(wanted, word) for word in ("password", "relay", "key")}

    def filled(text: str) -> str:
        for word, value in words.items():
            text = text.replace(f"{{{{{word}}}}}", value)
        return text

    breaks = chosen.breaks.get(wanted.software, ())
    return [(path, filled(old), filled(new)) for path, old, new in breaks], chosen.signer
