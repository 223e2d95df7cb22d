"""What the settings of one Postfix mean, listener by listener."""

from __future__ import annotations

from collections.abc import Iterator

from mailkit.mta.judgement import judged
from mailkit.mta.lint_postfix_client import smarthost
from mailkit.mta.lint_postfix_relaying import networks, relaying
from mailkit.mta.lint_postfix_server import chroot, logins, milters, pipelining, smuggling
from mailkit.mta.lint_versions import postfix_versions
from mailkit.mta.postfix_files import Postfix, Service
from mailkit.results import Finding, Verdict, visible

__all__ = ["judge_postfix"]


def judge_postfix(postfix: Postfix, subject: str) -> list[Finding]:
    """Return the findings on what was read of one Postfix."""
    # master.cf was not read: what main.cf says holds for a plain listener.
    listed = [one for one in postfix.services if one.command == "smtpd" and one.kind in ("inet", "pass")]
    servers: list[Service | None] = [*listed] or [None]
    found = [finding for server in servers for finding in _server(postfix, server, subject)]
    own = [server for server in listed if {"mynetworks", "mynetworks_style"} & server.options.keys()]
    for server in [*own] if len(own) == len(servers) else [None, *own]:
        found += networks(postfix, server, _named(server, subject))
    found += [*smarthost(postfix, subject), *postfix_versions(postfix, subject), *_twice(postfix, subject)]
    return list(dict.fromkeys(found))


def _named(server: Service | None, subject: str) -> str:
    return f"{subject}, service {visible(server.name, 80)}" if server else subject


def _server(postfix: Postfix, server: Service | None, subject: str) -> Iterator[Finding]:
    name = _named(server, subject)
    yield relaying(postfix, server, name)
    yield from logins(postfix, server, name)
    yield from milters(postfix, server, name)
    yield smuggling(postfix, server, name)
    yield pipelining(postfix, server, name)
    yield from chroot(postfix, server, name)


def _twice(postfix: Postfix, subject: str) -> Iterator[Finding]:
    for name in postfix.twice:
        yield judged(
            "set twice",
            subject,
            Verdict.WARN,
            f"{name} = {postfix.main[name]}",
            "The last one counts: take the other out.",
            reference="postconf(5)",
        )
