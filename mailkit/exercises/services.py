"""Predictions and questions of lesson 10, clouds and sending services."""

from __future__ import annotations

from collections.abc import Sequence

from mailkit.exercises.checkers import choice, number, results_of, text
from mailkit.exercises.core import YES_NO, Prediction, Question

__all__ = ["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "q1", "q2", "q3", "q4", "q5"]


p1 = Prediction(
    "Port 25 of a large receiver, from a rented machine with a fixed address: what comes back?",
    choices=("open", "refused", "timeout"),
)
p2 = Prediction(
    "The name has no address yet. What does the provider say to the reverse name?", choices=("done", "refused")
)
p3 = Prediction(
    "Port 25 is open, the reverse name is right. Where does the message end up?",
    choices=("inbox", "Junk", "refused"),
    also={"Junk": ("spam", "junk folder"), "inbox": ("the inbox",)},
)
p4 = Prediction("Does port 587 get through in every network of the table?", choices=YES_NO)
p5 = Prediction(
    "Port 587 of the service, from your chair: what comes back?", choices=("open", "refused", "timeout", "unreachable")
)
p6 = Prediction(
    "Nothing is published. Whose name stands in the return path?",
    choices=("ours", "the service's"),
    also={"ours": ("kaisha.example", "kaisha", "the company's"), "the service's": ("sender.example", "sender")},
)
p7 = Prediction("SPF and DKIM both pass. And DMARC?", choices=("pass", "fail"))
p8 = Prediction("The alias for the key alone is published. DMARC now?", choices=("pass", "fail"))
p9 = Prediction(
    "The large receiver refuses the newsletter. Who gets the bounce?",
    choices=("Hanako", "the service"),
    also={"Hanako": ("hanako@kaisha.example", "we", "the author"), "the service": ("service", "sender.example")},
)
p10 = Prediction("Does the reader's program offer one-click unsubscribe?", choices=YES_NO)
p11 = Prediction("After the set-up: does every service put your name into the return path?", choices=YES_NO)
p12 = Prediction(
    "To how many of the services known here do the records of the domain lead?",
    choices=("none", "one", "several"),
    also={"none": ("0",), "one": ("1",), "several": ("two", "more")},
)

q1 = Question(
    "Why is what Amazon does on EC2 not OP25B? Choose A, B or C.",
    choice(
        "B",
        {
            "A": "Both stop connections on their way out, at the sender's side.",
            "C": "Port 25 is the one that both close.",
        },
    ),
    hints=("What must be true of the source address in OP25B (lesson 01)?", "Think of an Elastic IP."),
    explanation="OP25B is about dynamic addresses of consumer lines; EC2 restricts fixed addresses as well.",
    right=("B", "b"),
    wrong=("A", "C", 25),
)

q2 = Question(
    "Under which name stands the alias that put kaisha.example into the return path?",
    text(
        "bounce.kaisha.example",
        "bounce.kaisha.example.",
        otherwise="Read the ticket of section 4: the record whose purpose is the return path, with its whole name.",
    ),
    hints=("The plan has two records; one is for the key.", "It begins with `bounce`."),
    explanation="bounce.kaisha.example, an alias of return.sender.example: SPF is then asked under your own name.",
    right=("bounce.kaisha.example", "bounce.kaisha.example."),
    wrong=("bounce", "return.sender.example", "news._domainkey.kaisha.example", 1),
)


def solution_q3(domain: str, return_path: str, signers: Sequence[str]) -> bool:
    names = [return_path, *signers]
    return any(name == domain or name.endswith("." + domain) for name in names)


_BELOW = "A name below the domain counts too: `bounce.kaisha.example`."
_DOT = "`notkaisha.example` ends in the same letters, and is another domain: mind the dot."
_EITHER = "One of the two is enough: the return path or one signature."

q3 = Question(
    "Write a function that says whether SPF or DKIM, both passing, speaks for the domain in the From line.",
    results_of(
        [
            (("kaisha.example", "sender.example", ["sender.example"]), False, "Both names are the service's."),
            (("kaisha.example", "kaisha.example", []), True, _EITHER),
            (("kaisha.example", "bounce.kaisha.example", ["sender.example"]), True, _BELOW),
            (("kaisha.example", "sender.example", ["sender.example", "kaisha.example"]), True, _EITHER),
            (("kaisha.example", "sender.example", ["news.kaisha.example"]), True, _BELOW),
            (("kaisha.example", "notkaisha.example", ["notkaisha.example"]), False, _DOT),
            (("kaisha.example", "kaisha.example.sender.example", []), False, "The end of a name says whose it is."),
            (("kaisha.example", "sender.example", []), False),
        ]
    ),
    takes_function=True,
    hints=(
        "Put all the names into one list: the return path's, and the d= of each signature.",
        "A name counts when it is the domain itself, or ends in a dot and the domain.",
    ),
    explanation="Relaxed alignment (RFC 9989 section 4.4): the names need only belong to the same organization.",
    right=(solution_q3,),
    wrong=(
        lambda domain, return_path, signers: return_path == domain,
        lambda domain, return_path, signers: return_path == domain or domain in signers,
        lambda domain, return_path, signers: any(n.endswith(domain) for n in [return_path, *signers]),
        lambda domain, return_path, signers: any(domain in n for n in [return_path, *signers]),
        lambda domain, return_path, signers: return_path.endswith("." + domain),
        lambda domain, return_path, signers: bool(signers),
        lambda domain, return_path, signers: all(n.endswith(domain) for n in [return_path, *signers]),
        lambda domain, return_path, signers: True,
        lambda domain, return_path, signers: "yes",
        True,
    ),
)

q4 = Question(
    "Beside List-Unsubscribe, which header field must the signature cover for one-click unsubscribe?",
    text(
        "List-Unsubscribe-Post",
        "List-Unsubscribe-Post:",
        otherwise="Its value is `List-Unsubscribe=One-Click` (RFC 8058 section 3.1).",
    ),
    hints=("Look at the head of the newsletter in section 4.", "It is sent by POST."),
    explanation="List-Unsubscribe-Post. Both fields stand in h= of a signature that passes (RFC 8058 section 4).",
    right=("List-Unsubscribe-Post", "list-unsubscribe-post"),
    wrong=("List-Unsubscribe", "DKIM-Signature", "List-Id", 1),
)

q5 = Question(
    "You rent a Droplet at DigitalOcean and send through a service. Which SMTP port is left by the table?",
    number(2525, reasons=dict.fromkeys((25, 465, 587), "That one is closed there: look along its row in section 2.")),
    hints=("25, 465 and 587 are closed there.", "It is nobody's standard, and many services listen there."),
    explanation="2525. Where that is closed too, the service's HTTPS interface is what is left.",
    right=(2525, "2525"),
    wrong=("587", "25", "465", 587, "submission"),
)
