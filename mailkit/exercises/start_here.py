"""Predictions and questions of lesson 00, start here."""

from __future__ import annotations

from email import message_from_bytes, policy
from typing import Any

from mailkit import lab
from mailkit.exercises.checkers import choice, results_of, text
from mailkit.exercises.core import YES_NO, CannotCheck, Prediction, Question
from mailkit.results import Outcome
from mailkit.start_here import dialogue

__all__ = ["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "q1", "q2", "q3", "q4"]

_CLASSES = ("2xx", "4xx", "5xx")

p1 = Prediction(
    "You connect to port 25. Who speaks first?", choices=("server", "client"), also={"client": ("me", "you", "i")}
)
p2 = Prediction("You name a mailbox that does not exist: how does the reply begin?", choices=_CLASSES)
p3 = Prediction(
    "Which of the two senders does Hanako's mail program show her?",
    choices=("envelope", "header"),
    also={"envelope": ("mail from", "taro"), "header": ("from", "president")},
)
p4 = Prediction("Can Hanako see in her message that Taro got a copy?", choices=YES_NO)
p5 = Prediction("MAIL FROM on port 587, right after EHLO: how does the reply begin?", choices=_CLASSES)
p6 = Prediction("How many Received fields has the message in Jiro's mailbox?", choices=("0", "1", "2", "3"))
p7 = Prediction("Is the host that takes the domain's mail called just like the domain?", choices=YES_NO)
p8 = Prediction(
    "The MX of the recipient is switched off. What does the message do?", choices=("arrive", "wait", "bounce")
)
p9 = Prediction(
    "The mailbox does not exist, and her own server has taken the message. What does Hanako get?",
    choices=("nothing", "a bounce"),
    also={"a bounce": ("an error", "error", "a mail", "a message", "a report", "550"), "nothing": ("none",)},
)

q1 = Question(
    "A message was typed without its final dot, and the connection broke. Choose A, B or C.",
    choice(
        "C",
        {
            "A": "Without the dot the server cannot know that the message was complete.",
            "B": "A bounce tells about a message that some server had taken over; this one nobody had.",
        },
    ),
    hints=("Which reply makes a server responsible for a message?", "The one that comes after the dot."),
    explanation="Only the 250 after the dot hands the message over (RFC 5321 section 6.1). The sender still has it.",
    right=("C", "c"),
    wrong=("A", "B", 250),
)


def solution_q2(code: int) -> str:
    return {2: "done", 3: "go on", 4: "wait", 5: "give up"}[code // 100]


q2 = Question(
    'Write a function that turns a reply code into "done", "go on", "wait" or "give up".',
    results_of(
        [
            *(((code,), "done") for code in (250, 220, 221, 235, 251)),
            *(((code,), "go on") for code in (354, 334)),
            *(((code,), "wait") for code in (451, 421, 432, 450, 454)),
            *(((code,), "give up") for code in (550, 500, 530, 554)),
        ]
    ),
    takes_function=True,
    hints=("Only the first digit counts.", "code // 100 is the first digit of a number with three."),
    explanation="RFC 5321 section 4.2.1: a client that knows no more than the first digit still does the right thing.",
    right=(solution_q2,),
    wrong=(
        lambda code: "done" if code == 250 else "give up",
        lambda code: {250: "done", 220: "done", 354: "go on", 451: "wait", 421: "wait"}.get(code, "give up"),
        lambda code: "done" if code < 300 else "wait" if code < 500 else "give up",
        lambda code: ["done", "go on", "wait", "give up"][code % 4],
        lambda code: "wait",
        lambda code: code // 100,
        "wait",
    ),
)

q3 = Question(
    "Which host took the message over from Carol's mail program? Read the three Received lines.",
    text(
        "smtp2.mistakes.example",
        "smtp2.mistakes.example.",
        otherwise="Start at the bottom: the lowest line is the oldest, and `by` names the server that wrote it.",
    ),
    hints=("Received lines are stacked: each server puts its own on top.", "Look for `by` in the lowest of them."),
    explanation="The lowest line was written first, by smtp2.mistakes.example, after a login (the A of ESMTPSA).",
    right=("smtp2.mistakes.example", "SMTP2.mistakes.example"),
    wrong=("mx.example.org", "relay.mistakes.example", "pc7", 3),
)

_SERVER, _BLIND = "mx.example.jp", "info@example.jp"
_STAMPS = frozenset({"Received", "Return-Path", "Delivered-To", "Authentication-Results"})  # written by servers


def _typed(answer: Any) -> str | None:
    """Type the lines at a server of the practice internet and look into the mailbox."""
    lines = answer.splitlines() if isinstance(answer, str) else answer
    if not isinstance(lines, (list, tuple)) or not lines or not all(isinstance(line, str) for line in lines):
        return "The answer is a list of lines, each a text between quotes."
    if any(set(line) & set("\r\n") for line in lines):
        return "One of your lines holds a line break: make two lines of it."
    ground = lab.start()
    before = len(ground.inbox(_BLIND))
    talk = dialogue.open(_SERVER, net=ground.network("office"))
    said = talk.say(*lines)
    talk.quit()
    if said.outcome is Outcome.REJECTED:
        return f"`{said.lines[-2].text}` was answered with `{said.lines[-1].text}`."
    if said.outcome not in (Outcome.OPEN, Outcome.NOT_RUN):
        raise CannotCheck(f"The conversation broke: {said.reason}. Check again.")
    arrived = ground.inbox(_BLIND)[before:]
    if not arrived:
        return "Nothing arrived. Was the last line a single dot, and was DATA answered with 354 before the message?"
    header = message_from_bytes(arrived[0].message, policy=policy.compat32)
    tell = [name for name, value in header.items() if name.title() not in _STAMPS and _BLIND in str(value).lower()]
    if tell:
        return f"It arrived, but its {tell[0]} field names {_BLIND}, so that everybody can see that copy."
    named = " ".join(str(value) for value in header.get_all("To", []))
    if "@" not in named:
        return "It arrived, but no To field names anybody. Write one, and an empty line after the header."
    return None


def _letter(*message: str) -> list[str]:
    """Return the lines that hand *message* to the blind copy's mailbox: for the answers to be tested."""
    return ["EHLO x.example", "MAIL FROM:<a@kaisha.example>", f"RCPT TO:<{_BLIND}>", "DATA", *message, "."]


q4 = Question(
    "Write the lines that give info@example.jp a blind copy of a mail to somebody else.",
    _typed,
    hints=(
        "EHLO, MAIL FROM, RCPT TO, DATA, the fields, an empty line, the text, a dot: nine lines or so.",
        "Name info@example.jp in RCPT TO, and somebody else in the To field. (This server takes mail for example.jp "
        "only, so the other one stands in the field, not in the envelope.)",
    ),
    explanation="The envelope decides who gets it; the fields are only text (RFC 5321 section 7.2).",
    right=(
        [
            "EHLO office.kaisha.example",
            "MAIL FROM:<hanako@kaisha.example>",
            "RCPT TO:<info@example.jp>",
            "DATA",
            "From: Hanako <hanako@kaisha.example>",
            "To: taro@kaisha.example",
            "Subject: The new office",
            "",
            "We move in March.",
            ".",
        ],
        _letter("To: taro@kaisha.example", "", "info@example.jp is to know."),
        [*_letter("to: Taro <taro@kaisha.example>, bob@example.org", ""), "QUIT"],
        "\n".join(_letter("To: taro@kaisha.example", "", "Hello")),
    ),
    wrong=(
        ["EHLO x.example", "MAIL FROM:<a@kaisha.example>", "RCPT TO:<nobody@example.jp>", "DATA", "To: b", "", "."],
        _letter("To: b@example.org")[:-1],
        _letter("Hello", ""),
        _letter("To: info@example.jp", ""),
        _letter("To: b@example.org, Info <INFO@example.jp>", ""),
        _letter("To: b@example.org", "Cc: info@example.jp", ""),
        _letter("To: b@example.org", "Bcc: info@example.jp", ""),
        _letter("To: b@example.org", "Reply-To: info@example.jp", ""),
        _letter("To:", "", "Hello"),
        _letter("Subject: no field names anybody", "", "To: b@example.org"),
        ["EHLO x.example", "MAIL FROM:<a@kaisha.example>", "RCPT TO:<b@example.org>", "DATA", "To: b", "", "."],
        ["EHLO x.example\r\nQUIT"],
        ["EHLO x.example", "QUIT"],
        "EHLO",
        [],
        [25],
        25,
    ),
)
