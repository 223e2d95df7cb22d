"""Lesson 00, start here: an SMTP dialogue typed by hand, one line at a time (RFC 5321).

What goes over the wire is what was typed: a command a line, and after DATA the message, ended by a dot on a line of
its own (section 4.1.1.4).  Every turn has a deadline and the conversation an octet budget, so a server that drips,
floods or leaves costs one turn that says so.  Commands that begin a mail or a login go to a practice internet only:
on the real one the workbook looks, and sends nothing.
"""

from __future__ import annotations

import html
from dataclasses import dataclass

from mailkit.clients import SMTP, Line, begins_with_tls
from mailkit.conversation.attempts import FAILURES, Attempt, explain
from mailkit.network import Network
from mailkit.results import BADGES, Outcome, Record, Stage, hidden, visible

__all__ = ["Dialogue", "Exchange", "open"]

_STAGES = {
    "EHLO": Stage.EHLO,
    "HELO": Stage.EHLO,
    "AUTH": Stage.AUTH,
    "MAIL": Stage.MAIL,
    "RCPT": Stage.RCPT,
    "DATA": Stage.DATA,
    "QUIT": Stage.QUIT,
}
_HARMLESS = frozenset({"EHLO", "HELO", "NOOP", "RSET", "HELP", "QUIT"})
_BEFORE = frozenset({"EHLO", "HELO", "QUIT"})  # what may be said to a server that refused to talk
_LONGEST_LINE = 998  # octets before CRLF, RFC 5321 section 4.5.3.1.6

# The first digit of a reply says how it went (RFC 5321 section 4.2.1): mark, the badge whose colour it takes, words.
_CLASSES = {
    2: ("✓", "pass", "2xx: done"),
    3: ("→", "intercepted", "3xx: go on"),
    4: ("!", "warn", "4xx: not now, try again later"),
    5: ("✗", "fail", "5xx: no; said again the same way it stays no"),
}
_NO_REPLY = ("–", "info", "no reply: until a line with a single dot, every line is part of the message")
_BOX = "font-family:monospace;font-size:13px;line-height:1.5;white-space:pre-wrap;overflow-wrap:anywhere;margin:4px 0"
_BADGE = "color:#fff;border-radius:4px;padding:1px 7px;font-size:12px"


@dataclass(frozen=True)
class Exchange(Record):
    """One turn: what both sides said, and the code of the last reply (0 when there was none).

    ``outcome`` is ``open`` after a reply of 2xx or 3xx, ``rejected`` after 4xx or 5xx, otherwise how the
    conversation broke; ``reason`` says so in words.
    """

    lines: tuple[Line, ...]
    code: int
    outcome: Outcome
    stage: Stage
    reason: str = ""
    detail: str = hidden()

    def _in_words(self) -> tuple[str, str, str]:
        """Return mark, badge and sentence that go below the lines."""
        if self.reason:
            mark, _ = BADGES[str(self.outcome)]
            return mark, str(self.outcome), f"{self.outcome}: {self.reason}"
        return _CLASSES.get(self.code // 100, _NO_REPLY)

    def __repr__(self) -> str:
        mark, _, sentence = self._in_words()
        return "\n".join([*(f"{line.who}: {line.text}" for line in self.lines), f"{mark} {sentence}"])

    def _repr_html_(self) -> str:
        mark, badge, sentence = self._in_words()
        _, colour = BADGES[badge]
        said = "".join(_line_html(line) for line in self.lines)
        note = f'<span style="background:{colour};{_BADGE}">{mark} {html.escape(visible(sentence))}</span>'
        return f'<div style="{_BOX}">{said}{note}</div>'


def _line_html(line: Line) -> str:
    weight = "font-weight:600" if line.who == "C" else ""
    return (
        f'<div><span style="opacity:.65">{html.escape(line.who)}: </span>'
        f'<span style="{weight}">{html.escape(visible(line.text))}</span></div>'
    )


class Dialogue:
    """A conversation with one server, begun by :func:`open`.  Its own display is the last turn."""

    def __init__(self, host: str, port: int, *, net: Network, timeout: float, implicit_tls: bool) -> None:
        self._net, self._allowed = net, timeout
        self._smtp = SMTP(net, host, port, timeout=timeout)
        self._in_message = self._in_login = False
        self._introduced = True  # until the server refuses an introduction
        self._over = ""  # why nothing more can be said
        self._last = self._connect(implicit_tls=implicit_tls)

    @property
    def lines(self) -> tuple[Line, ...]:
        """All that was said so far, in order: what the figure ``ladder`` draws."""
        return tuple(self._smtp.lines)

    def say(self, *lines: str) -> Exchange:
        """Send each of *lines* as it stands and return what came back; after a reply of 4xx or 5xx, send no more.

        Once DATA was answered with 354 the lines are the message, and the server stays silent until a line with
        a single dot.  A line of the message that begins with a dot needs a second one (RFC 5321 section 4.5.2).
        What server and network do is in the outcome.  Raises ValueError or TypeError for what is no line.
        """
        if not lines:
            raise ValueError('say what? For instance talk.say("EHLO me.example")')
        typed = [_checked(line) for line in lines]
        before = len(self._smtp.lines)
        code, ended = 0, Attempt(Outcome.NOT_RUN, self._smtp.stage)
        for line in typed:
            code, ended = self._turn(line)
            if ended.outcome is not Outcome.OPEN:
                break
        return self._noted(before, code, ended)

    def quit(self) -> Exchange:
        """Say QUIT and hang up; in the middle of a message, only hang up, and the message is not sent."""
        if not self._in_message:
            return self.say("QUIT")
        self._close("the conversation is over, and the unfinished message was not sent")
        return self._noted(len(self._smtp.lines), 0, Attempt(Outcome.NOT_RUN, Stage.DATA, reason=self._over))

    def __repr__(self) -> str:
        return repr(self._last)

    def _repr_html_(self) -> str:
        return self._last._repr_html_()

    def _connect(self, *, implicit_tls: bool) -> Exchange:
        try:
            self._smtp.connect(context=self._net.tls_context() if implicit_tls else None)
            self._smtp.stage = Stage.GREETING
            code = self._smtp.read_reply().code
        except FAILURES as error:
            return self._noted(0, 0, self._broken(error))
        self._introduced = code == 220
        return self._noted(0, code, self._answered(code))

    def _turn(self, line: str) -> tuple[int, Attempt]:
        """Send one line and read its reply, if it gets one."""
        verb = "" if self._in_message or self._in_login else line.split(" ", 1)[0].upper()
        if refusal := self._over or self._refusal(verb):
            return 0, Attempt(Outcome.NOT_RUN, self._smtp.stage, reason=refusal)
        self._smtp.stage = _STAGES.get(verb, self._smtp.stage)
        try:
            self._smtp.wire.allow(self._allowed, longer=True)
            if self._in_message and line != ".":
                self._smtp.wire.send(line.encode() + b"\r\n")
                return 0, Attempt(Outcome.OPEN, Stage.DATA)
            code = self._smtp.say(line).code
        except FAILURES as error:
            return 0, self._broken(error)
        if verb in ("EHLO", "HELO"):
            self._introduced = code == 250
        self._in_message = verb == "DATA" and code == 354
        self._in_login = code == 334 and (verb == "AUTH" or self._in_login)
        ended = self._answered(code)
        if verb == "QUIT":
            self._close("the conversation is over: open another")
        return code, ended

    def _refusal(self, verb: str) -> str:
        """Return why a command is not sent at all, or an empty text."""
        if self._in_message or self._in_login:
            return ""
        if verb == "STARTTLS":
            return "after STARTTLS both sides speak TLS, which no hand can type: see lesson 03"
        if not self._introduced and verb not in _BEFORE:
            return f"{visible(verb, 20)} is not said to a server that did not take the introduction with 250"
        if verb not in _HARMLESS and not self._net.takes_test_mail:
            return f"{visible(verb, 20)} is for the practice internet only: on the real one nothing is sent by hand"
        return ""

    def _answered(self, code: int) -> Attempt:
        """Return what a reply of this *code* means; 421 ends the conversation (RFC 5321 section 3.8)."""
        if code == 421:
            self._close("the server has closed the conversation: open another")
        if 200 <= code < 400:
            return Attempt(Outcome.OPEN, self._smtp.stage)
        reason = "" if code // 100 in _CLASSES else "the reply's code is none of SMTP's"
        return Attempt(Outcome.REJECTED if not reason else Outcome.PROTOCOL_ERROR, self._smtp.stage, reason=reason)

    def _broken(self, error: BaseException) -> Attempt:
        ended = explain(error, self._smtp.stage)
        self._close("there is no connection any more: open another")
        if ended.outcome is Outcome.RESET and ended.stage not in (Stage.CONNECT, Stage.GREETING):
            # RFC 5321 section 4.5.3.2.7: a server should wait at least five minutes for the next command.
            reason = f"{ended.reason}; a server waits some minutes for the next line, not for ever"
            ended = Attempt(ended.outcome, ended.stage, reason=reason, detail=ended.detail)
        return ended

    def _close(self, why: str) -> None:
        self._smtp.close()
        self._in_message = self._in_login = False
        self._over = why

    def _noted(self, before: int, code: int, ended: Attempt) -> Exchange:
        said = tuple(self._smtp.lines[before:])
        self._last = Exchange(said, code, ended.outcome, ended.stage, ended.reason, ended.detail)
        return self._last


def open(
    host: str, port: int = 25, *, net: Network, timeout: float | None = None, implicit_tls: bool | None = None
) -> Dialogue:
    """Connect to *host*:*port* and return the dialogue; its display is the server's greeting, or why there is none.

    *timeout* is the deadline of each turn, in seconds (default: twice the network's).  With *implicit_tls* (default:
    on port 465 and the like) the conversation is encrypted from the first octet and the certificate is verified.
    """
    implicit = begins_with_tls(port, implicit_tls)
    return Dialogue(host, port, net=net, timeout=timeout or 2 * net.timeout, implicit_tls=implicit)


def _checked(line: str) -> str:
    """Return *line* if it is one that can be sent."""
    if not isinstance(line, str):
        raise TypeError(f"a line is a text: talk.say('NOOP'), not {line!r}")
    if set(line) & set("\r\n"):
        raise ValueError('one line at a time: talk.say("Subject: Lunch", "", "Today?", ".")')
    if len(line.encode("utf-8", "replace")) > _LONGEST_LINE:
        raise ValueError(f"a line has at most {_LONGEST_LINE} octets (RFC 5321 section 4.5.3.1.6)")
    return line
