"""Predictions and questions of lesson 02, SMTP-AUTH and submission."""

from __future__ import annotations

from mailkit.exercises.checkers import choice, results_of, text
from mailkit.exercises.core import YES_NO, Prediction, Question

__all__ = ["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12"]
__all__ += ["q1", "q2", "q3", "q4", "q5", "q6"]

_CODES = ("250", "530", "535", "550")

p1 = Prediction(
    "A stranger asks an MX to carry a message to somebody at another domain: which digit does the reply begin with?",
    choices=("2", "4", "5"),
)
p2 = Prediction("Port 587, before TLS: is AUTH in the list?", choices=YES_NO)
p3 = Prediction("Does port 25 of the MX offer AUTH at all?", choices=YES_NO)
p4 = Prediction(
    "What does one need to read the password in that line?",
    choices=("nothing", "the server's key"),
    also={"the server's key": ("a key", "password")},
)
p5 = Prediction("MAIL on port 587 before anything else: which code comes back?", choices=_CODES)
p6 = Prediction("Right name, wrong password: which code comes back?", choices=_CODES)
p7 = Prediction("The list of accounts cannot be read: how does the server refuse?", choices=("4xx", "5xx"))
p8 = Prediction(
    "What of a submission with STARTTLS can an eavesdropper read?",
    choices=("the password", "the addresses", "neither"),
    also={"neither": ("nothing", "none", "neither of them")},
)
p9 = Prediction("Hanako logs in and writes as Taro: does the message arrive?", choices=YES_NO)
p10 = Prediction("Alice tries the same at the other company: does it arrive?", choices=YES_NO)
p11 = Prediction("A letter was sent without a Date: does the copy that arrives have one?", choices=YES_NO)
p12 = Prediction("Can a server that does not know the password pass for the real one?", choices=YES_NO)

q1 = Question(
    "A capture holds `AUTH PLAIN AHRhbmFrYUBrYWlzaGEuZXhhbXBsZQBuZWtvLTIy`. What is the password?",
    text("neko-22", exact=True, otherwise="Decode the last word; the parts stand between NULs, the password last."),
    hints=("`smtp_auth.decode` takes the whole line.", "PLAIN: identity to act as (often empty), user, password."),
    explanation="Base64 has no key: whoever has the line has the password.",
    right=("neko-22", " neko-22 "),
    wrong=("NEKO-22", "neko -22", "neko", "tanaka@kaisha.example", "AHRhbmFrYUBrYWlzaGEuZXhhbXBsZQBuZWtvLTIy", 22),
)


def solution_q2(mechanisms: list[str], encrypted: bool) -> bool:
    return not encrypted and any(name in ("PLAIN", "LOGIN") for name in mechanisms)


q2 = Question(
    "Write a function that says whether this offer lets an eavesdropper read a password.",
    results_of(
        [
            ((["PLAIN", "LOGIN"], False), True),
            ((["PLAIN", "LOGIN"], True), False),
            ((["PLAIN"], False), True),
            ((["LOGIN"], False), True),
            ((["LOGIN"], True), False),
            ((["CRAM-MD5", "LOGIN"], False), True),
            ((["SCRAM-SHA-256", "PLAIN"], False), True),
            ((["SCRAM-SHA-256"], False), False),
            ((["SCRAM-SHA-256", "SCRAM-SHA-1"], False), False),
            ((["CRAM-MD5", "SCRAM-SHA-256", "DIGEST-MD5"], False), False),
            ((["CRAM-MD5"], True), False),
            (([], False), False),
            (([], True), False),
        ]
    ),
    takes_function=True,
    hints=("Two mechanisms send the password itself.", "Inside TLS nobody on the way reads anything."),
    explanation="Which mechanism, and inside what: it takes both to judge an offer.",
    right=(solution_q2,),
    wrong=(
        lambda mechanisms, encrypted: not encrypted,
        lambda mechanisms, encrypted: encrypted,
        lambda mechanisms, encrypted: "PLAIN" in mechanisms,
        lambda mechanisms, encrypted: not encrypted and "PLAIN" in mechanisms,
        lambda mechanisms, encrypted: not encrypted and "LOGIN" in mechanisms,
        lambda mechanisms, encrypted: not encrypted and "PLAIN" in mechanisms and "LOGIN" in mechanisms,
        lambda mechanisms, encrypted: not encrypted and len(mechanisms) > 1,
        lambda mechanisms, encrypted: not encrypted and bool(mechanisms),
        lambda mechanisms, encrypted: not encrypted and "SCRAM-SHA-256" not in mechanisms,
        lambda mechanisms, encrypted: not encrypted and mechanisms[:1] != ["SCRAM-SHA-256"] and mechanisms != [],
        True,
    ),
)

q3 = Question(
    "A mail program gets `454 4.7.0` after AUTH. What should it do?",
    choice(
        "B",
        {
            "A": "That is for 535. Asking now makes people type their password again and again for nothing.",
            "C": "Never: whoever can cause a 454 on the way would then get the password in clear text.",
        },
    ),
    hints=("The first digit says whether waiting helps.", "RFC 4954 section 6 says what not to do with a 454."),
    explanation="4xx is temporary: keep the message, tell the user that the server is in trouble, try later.",
    right=("B",),
    wrong=("A", "C", 454),
)

q4 = Question(
    "What does a successful AUTH vouch for?",
    choice(
        "A",
        {
            "B": "Hanako's message said From: Taro, and her login was in order.",
            "C": "A login ends at the submission server; the receiver sees none of it.",
        },
    ),
    hints=("Look at the From line of section 6.", "Whom does the server's log name?"),
    explanation="The account that handed the message in. For the From line the server must add a rule of its own.",
    right=("A",),
    wrong=("B", "C", 587),
)

q5 = Question(
    "In the log excerpt: which account handed in the message that went out?",
    text(
        "jiro@kaisha.example",
        otherwise="Find the line with a queue identifier; the account stands behind `sasl_username=`.",
    ),
    hints=("A failed login gets no queue identifier.", "The From line is not in the log at all."),
    explanation="`sasl_username=` names the account. That the failed tries came for it first makes it look guessed.",
    right=("jiro@kaisha.example",),
    wrong=("hanako@kaisha.example", "203.0.113.88", 1),
)

q6 = Question(
    "A colleague wants CRAM-MD5 instead of PLAIN inside TLS: it does not send the password. What speaks against it?",
    choice(
        "C",
        {
            "A": "TLS hides both alike from whoever listens.",
            "B": "It is spoken almost everywhere, and has been for long.",
        },
    ),
    hints=("Look at the column `server_keeps` in annex D.", "What does a thief of the server's disk get?"),
    explanation="The server must keep what is as good as the passwords. For PLAIN a slow, salted hash will do.",
    right=("C",),
    wrong=("A", "B", 5),
)
