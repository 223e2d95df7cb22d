"""Predictions and questions of lesson 07, transport policy."""

from __future__ import annotations

from mailkit.exercises.checkers import choice, number, results_of, text
from mailkit.exercises.core import Prediction, Question

__all__ = ["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "q1", "q2", "q3", "q4", "q5"]

_FATE = ("unread", "read", "waits")
_SAID = {"read": ("he reads it",), "waits": ("wait", "deferred"), "unread": ("delivered", "delivered unread")}

p1 = Prediction("He takes STARTTLS away; the sender knows no policy. What becomes of the message?", _FATE, _SAID)
p2 = Prediction("The same, to a sender that looks for an MTA-STS policy for the first time. The message?", _FATE, _SAID)
p3 = Prediction("Forged certificates, to a sender that looks for an MTA-STS policy for the first time?", _FATE, _SAID)
p4 = Prediction("Forged certificates, to a sender that honours DANE. The message?", _FATE, _SAID)
p5 = Prediction(
    "Which MTA-STS policy does the domain have?",
    choices=("enforce", "testing", "none"),
    also={"none": ("no policy", "no", "nothing")},
)
p6 = Prediction("How many of the seven policies can a sender use?", choices=("0", "1", "4", "7"))
p7 = Prediction("How many of the three messages does he read?", choices=("0", "1", "2", "3"))
p8 = Prediction(
    "How does the chain of signatures down to the mail server end?", choices=("secure", "insecure", "bogus", "unknown")
)
p9 = Prediction("He hides the TLSA record from a sender that honours DANE. The message?", _FATE, _SAID)
p10 = Prediction("The policy is in testing, the certificate forged. The message?", _FATE, _SAID)
p11 = Prediction(
    "The certificate is new, the TLSA record old. Which sender still delivers?",
    choices=("MTA-STS", "DANE", "both", "neither"),
    also={"neither": ("none", "nobody")},
)
p12 = Prediction(
    "The new mail server is in the DNS and not in the policy. The message?",
    ("delivered", "waits"),
    {"waits": _SAID["waits"]},
)

q1 = Question(
    "Which of the three protects the very first message when he can forge every certificate? Choose A, B or C.",
    choice(
        "C",
        {
            "A": "Opportunistic TLS takes any certificate: look at its column in section 1.",
            "B": "He stands between the sender and the policy's web server, too: look at the first contact.",
        },
    ),
    hints=("For which of them can he forge what says how the server is known?", "He has no key of the DNS root."),
    explanation="DANE: the record is signed from the root down, and its absence would have to be signed as well.",
    right=("C", "c"),
    wrong=("A", "B", "DANE", 3),
)

q2 = Question(
    "A policy shall bind senders for two weeks. What number follows `max_age:`?",
    number(
        1_209_600,
        reasons={
            14: "That is in days.",
            336: "That is in hours.",
            20_160: "That is in minutes.",
            86_400: "That is one day.",
            604_800: "That is one week.",
        },
    ),
    hints=("The unit is the second (RFC 8461 section 3.2).", "A day has 86400."),
    explanation="14 × 86400 = 1209600 seconds. The longest is 31557600, about a year.",
    right=(1_209_600, "1209600"),
    wrong=(14, 336, 20_160, 86_400, 604_800, 2_419_200, "two weeks"),
)


def solution_q3(pattern: str, host: str) -> bool:
    if pattern.startswith("*."):
        host = host.partition(".")[2]
        pattern = pattern[2:]
    return host.lower() == pattern.lower()


_ONE = "The star stands for exactly one label, the leftmost (RFC 8461 section 4.1)."
_WHOLE = "Compare whole names: the end alone says nothing."

q3 = Question(
    "Write a function that says whether an `mx` line of a policy names a host.",
    results_of(
        [
            (("mx.kaisha.example", "mx.kaisha.example"), True),
            (("mx.kaisha.example", "mx2.kaisha.example"), False),
            (("mx.kaisha.example", "MX.Kaisha.example"), True, "Names are compared without regard to capitals."),
            (("*.kaisha.example", "mx.kaisha.example"), True, _ONE),
            (("*.kaisha.example", "a.mx.kaisha.example"), False, _ONE),
            (("*.kaisha.example", "kaisha.example"), False, _ONE),
            (("*.kaisha.example", "mx.notkaisha.example"), False, _WHOLE),
            (("kaisha.example", "mx.kaisha.example"), False, _WHOLE),
        ]
    ),
    takes_function=True,
    hints=(
        "Without a star the two names must be the same, but for capitals.",
        "With a star, take the first label off both, and compare the rest: `host.partition('.')[2]`.",
    ),
    explanation="As in certificates: a star is one whole label at the left (RFC 8461 section 4.1, RFC 6125).",
    right=(solution_q3,),
    wrong=(
        lambda pattern, host: pattern == host,
        lambda pattern, host: host.lower().endswith(pattern.lstrip("*.")),
        lambda pattern, host: host.lower().endswith(pattern.lstrip("*")),
        lambda pattern, host: __import__("fnmatch").fnmatch(host.lower(), pattern),
        lambda pattern, host: host.partition(".")[2] == pattern.partition(".")[2],
        lambda pattern, host: True,
        lambda pattern, host: "yes",
        True,
    ),
)

q4 = Question(
    "A mail server with a TLSA record gets a new key. What comes first? Choose A, B or C.",
    choice(
        "A",
        {
            "B": "Then senders that honour DANE wait until the record follows: section 5.",
            "C": "Senders keep the old record until its TTL has passed, and find no certificate for it.",
        },
    ),
    hints=("What do senders still hold that asked a minute ago?", "A name may have two TLSA records."),
    explanation="The new record beside the old one, one TTL before the new certificate (RFC 7671 section 8.1).",
    right=("A", "a"),
    wrong=("B", "C", "record", 1),
)

q5 = Question(
    "From which host do senders fetch the policy of mail.kaisha.example, if that is the domain of the addresses?",
    text(
        "mta-sts.mail.kaisha.example",
        "https://mta-sts.mail.kaisha.example",
        "https://mta-sts.mail.kaisha.example/",
        "https://mta-sts.mail.kaisha.example/.well-known/mta-sts.txt",
        otherwise="`mta-sts.`, and behind it the whole domain of the addresses (RFC 8461 section 3.3).",
    ),
    hints=("What stands behind the @ counts, not the organization.", "It begins with `mta-sts.`"),
    explanation="mta-sts.mail.kaisha.example: a policy holds for one domain, and for none below it.",
    right=("mta-sts.mail.kaisha.example", "MTA-STS.mail.kaisha.example.", "https://mta-sts.mail.kaisha.example/"),
    wrong=("mta-sts.kaisha.example", "mail.kaisha.example", "_mta-sts.mail.kaisha.example", 1),
)
