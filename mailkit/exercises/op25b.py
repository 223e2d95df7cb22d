"""Predictions and questions of lesson 01, OP25B."""

from __future__ import annotations

from mailkit.exercises.checkers import choice, names, results_of, text
from mailkit.exercises.core import YES_NO, Prediction, Question

__all__ = ["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "q1", "q2", "q3", "q4", "q5"]

_OUTCOMES = ("open", "refused", "timeout", "unreachable", "intercepted", "rejected")
_FOUR = ("open", "refused", "timeout", "unreachable")

p1 = Prediction("Port 25 of the mail server, from your chair: what comes back?", choices=_OUTCOMES)
p2 = Prediction("Port 25 of the same server from home: what comes back?", choices=_OUTCOMES)
p3 = Prediction("A server that is switched off, asked from the office: what comes back?", choices=_FOUR)
p4 = Prediction("An address that no router knows a way to: what comes back?", choices=_FOUR)
p5 = Prediction(
    "A server that greets late: in which stage does the scan give up?", choices=("connect", "greeting", "ehlo")
)
p6 = Prediction(
    "From an odd line you dial port 25 of mx.kaisha.example: whose name stands in the greeting?",
    choices=("the company's", "somebody else's", "nobody's"),
    also={
        "the company's": ("mx.kaisha.example", "kaisha", "company"),
        "somebody else's": ("the provider's", "provider", "another", "isp", "filter.isp.example"),
    },
)
p7 = Prediction(
    "Is port 25 open from your chair: which verdict?",
    choices=("pass", "warn", "fail", "unknown"),
    also={"pass": ("yes", "open"), "fail": ("no",)},
)
p8 = Prediction("Port 25 of the provider's own server, from home: what comes back?", choices=_FOUR)
p9 = Prediction("The home server said 250. Is the message in Bob's mailbox?", choices=YES_NO)
p10 = Prediction("The same message by submission on 587, from home: does it arrive?", choices=YES_NO)
p11 = Prediction("Port 25 is open now. Does bigmail.example take the message?", choices=YES_NO)
p12 = Prediction("The address has a name of its own. Does bigmail.example take the message?", choices=YES_NO)

q1 = Question(
    "Which packets does OP25B stop? Choose A, B or C.",
    choice(
        "A",
        {
            "B": "That would stop the provider's own mail servers and every customer with a fixed address too.",
            "C": "That is the receiver's half: IP25B.",
        },
    ),
    hints=(
        "Two things must be true of a packet: where it comes from, and where it goes.",
        "Look at the filter of `home` in section 6.",
    ),
    explanation="From a dynamic address, to port 25 of a host outside the provider's network. Both must hold.",
    right=("A", "a"),
    wrong=("B", "C", 25),
)

q2 = Question(
    "From which vantage points did the company's own mail server answer on port 25? Give the set of their names.",
    names({"office"}),
    hints=("Filter the rows for port 25 and the outcome `open`.", "`intercepted` is not an answer of the server."),
    explanation="Only `office`. From `intercepted` something did answer, but it was not the company's server.",
    right=({"office"}, "office"),
    wrong=({"office", "intercepted"}, {"office", "home"}, 25),
)


_ANSWERED = "`rejected` means that a mail server answered and said no: port 25 let you through."
_CONTROL = "The control was not `open`, so it may be anything."


def solution_q3(port_25: str, port_587: str) -> bool:
    return port_25 in ("timeout", "refused", "unreachable") and port_587 == "open"


q3 = Question(
    "Write a function of two outcomes, of port 25 and of port 587, that returns True when they look like a block.",
    results_of(
        [
            (("timeout", "open"), True),
            (("refused", "open"), True),
            (("unreachable", "open"), True, "A filter may also answer with an error of the network."),
            (("open", "open"), False),
            (("timeout", "timeout"), False, _CONTROL),
            (("refused", "refused"), False, _CONTROL),
            (("unreachable", "unreachable"), False, _CONTROL),
            (("dns_failure", "dns_failure"), False, _CONTROL),
            (("timeout", "refused"), False, _CONTROL),
            (("open", "timeout"), False, "Port 25 is open."),
            (("open", "refused"), False, "Port 25 is open."),
            (("rejected", "open"), False, _ANSWERED),
        ]
    ),
    takes_function=True,
    hints=(
        "The control decides: if 587 does not answer either, it may be anything.",
        "True needs 587 to be `open`, and 25 to be `timeout`, `refused` or `unreachable`.",
    ),
    explanation="A block shows only beside a port that passes. With nothing passing, the answer is: cannot tell.",
    right=(solution_q3,),
    wrong=(
        lambda port_25, port_587: port_25 == "timeout",
        lambda port_25, port_587: port_25 == "timeout" and port_587 == "open",
        lambda port_25, port_587: port_25 != port_587,
        lambda port_25, port_587: port_25 != "open" and port_587 == "open",
        lambda port_25, port_587: port_25 != "open",
        lambda port_25, port_587: port_587 == "open",
        lambda port_25, port_587: port_25 in ("timeout", "refused") and port_587 != port_25,
        lambda port_25, port_587: True,
        lambda port_25, port_587: "yes" if port_25 == "timeout" else "no",
        True,
    ),
)

q4 = Question(
    "Which status code does the bounce give? (three numbers with dots, RFC 3463)",
    text("4.4.1", otherwise="Look for the line that begins with `Status:` in the part for programs."),
    hints=(
        "The bounce has three parts; the second one is for programs.",
        "It begins with a 4: the failure was temporary.",
    ),
    explanation="4.4.1: no answer from host (RFC 3463 section 3.5). Five days of that, and the server gave up.",
    right=("4.4.1",),
    wrong=("5.1.1", "250", 4),
)

q5 = Question(
    "Under which name in the DNS does the reverse name of 203.0.113.77 stand?",
    text(
        "77.113.0.203.in-addr.arpa",
        "77.113.0.203.in-addr.arpa.",
        otherwise="The four numbers stand in reverse order, and a suffix follows.",
    ),
    hints=(
        "RFC 1035 section 3.5 gives the suffix.",
        "The most general part of a DNS name stands last; in an address it stands first.",
    ),
    explanation="Names are read from the right, so the numbers are reversed; `in-addr.arpa` is the suffix for IPv4.",
    right=("77.113.0.203.in-addr.arpa", "77.113.0.203.in-addr.arpa."),
    wrong=("203.0.113.77.in-addr.arpa", "77.113.0.203", 77),
)
