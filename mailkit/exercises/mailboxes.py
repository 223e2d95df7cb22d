"""Predictions and questions of lesson 08, mailbox protocols."""

from __future__ import annotations

from mailkit.exercises.checkers import choice, results_of, text
from mailkit.exercises.core import YES_NO, Prediction, Question

__all__ = ["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "q1", "q2", "q3", "q4", "q5"]

_DIGITS = ("2", "5")

p1 = Prediction("Hanako has a password for sending. Does it open her mailbox?", choices=YES_NO)
p2 = Prediction("Port 143, before TLS: can one log in?", choices=YES_NO)
p3 = Prediction("Hanako fetched the text with BODY: is the letter marked as read?", choices=YES_NO)
p4 = Prediction("The letter was retrieved with POP3: is it still on the server?", choices=YES_NO)
p5 = Prediction(
    'STARTTLS is hidden from a program set to "STARTTLS, if available": what does he get?',
    choices=("the password", "nothing"),
    also={"the password": ("password", "everything")},
)
p6 = Prediction('The same attack, and a program set to "SSL/TLS": can the victim read mail?', choices=YES_NO)
p7 = Prediction("Jiro sends without having fetched his mail: which digit does the reply begin with?", choices=_DIGITS)
p8 = Prediction("Jiro has fetched his mail. A stranger behind the same address sends: which digit?", choices=_DIGITS)
p9 = Prediction("Twenty minutes later the stranger tries again: which digit?", choices=_DIGITS)
p10 = Prediction("Does a program that asks autoconfig learn the servers of the domain?", choices=YES_NO)

q1 = Question(
    "Which word of an IMAP server forbids LOGIN?",
    text("LOGINDISABLED", otherwise="It is one of the words of port 143 before TLS in section 2."),
    hints=("Look at what `capabilities` says before TLS.", "It says what it does: login, disabled."),
    explanation="LOGINDISABLED (RFC 9051 section 6.2.3) takes back the LOGIN command, which every server has.",
    right=("LOGINDISABLED", "logindisabled", "`LOGINDISABLED`.", "ＬＯＧＩＮＤＩＳＡＢＬＥＤ"),
    wrong=("STARTTLS", "IMAP4rev1", "AUTH=PLAIN", "disabled", 143),
)


def solution_q2(words: list[str]) -> bool:
    return "LOGINDISABLED" not in words or "AUTH=PLAIN" in words or "AUTH=LOGIN" in words


q2 = Question(
    "Write a function that says whether a client may say its password in the clear here.",
    results_of(
        [
            ((["IMAP4REV1", "STARTTLS", "LOGINDISABLED"],), False),
            ((["IMAP4REV1", "STARTTLS", "AUTH=PLAIN"],), True),
            ((["IMAP4REV1", "STARTTLS"],), True),
            ((["IMAP4REV1"],), True),
            ((["IMAP4REV1", "LOGINDISABLED", "AUTH=PLAIN"],), True),
            ((["IMAP4REV1", "LOGINDISABLED", "AUTH=LOGIN"],), True),
            ((["IMAP4REV1", "LOGINDISABLED", "AUTH=SCRAM-SHA-256"],), False),
            ((["IMAP4REV1", "AUTH=SCRAM-SHA-256"],), True),
        ]
    ),
    takes_function=True,
    hints=(
        "The command LOGIN is there unless the server takes it back.",
        "LOGINDISABLED says nothing of the mechanisms PLAIN and LOGIN: those are on the list by themselves.",
    ),
    explanation="There are two ways to say a password in IMAP, LOGIN and SASL, and a server must close both.",
    right=(solution_q2,),
    wrong=(
        lambda words: "LOGINDISABLED" not in words,
        lambda words: "AUTH=PLAIN" in words,
        lambda words: "AUTH=PLAIN" in words or "AUTH=LOGIN" in words,
        lambda words: "STARTTLS" not in words,
        lambda words: len(words) < 3,
        lambda words: True,
        False,
    ),
)

q3 = Question(
    "Which setting keeps the password safe and mail readable, whoever sits on the way?",
    choice(
        "C",
        {
            "A": "Whoever hides STARTTLS has the password: the third column of section 4.",
            "B": "Safe, but nobody can read then: the attacker decides whether there is mail.",
        },
    ),
    hints=("Section 4 tried all three.", "Where TLS is there from the first octet, nothing can be hidden."),
    explanation="TLS from the first octet, with the certificate verified: RFC 8314 section 3.",
    right=("C", "c"),
    wrong=("A", "B", 993),
)

q4 = Question(
    "What was wrong with POP before SMTP?",
    choice(
        "B",
        {
            "A": "It is not slow: one login, then no more.",
            "C": "With POP3 inside TLS nobody reads the password, and the stranger in section 5 still sends.",
        },
    ),
    hints=("Who could send in section 5?", "What did the server know of the sender?"),
    explanation="It vouches for an address, and behind one address there may be a house, a hotel, a whole provider.",
    right=("B",),
    wrong=("A", "C", "RFC 2595"),
)

q5 = Question(
    "Whose login opened the relay for the spam in the log?",
    text("jiro@isp.example", "jiro", otherwise="Look for a POP3 login from the spammer's address, shortly before."),
    hints=("Which address sent to 900 recipients?", "Who logged in from there less than twenty minutes before?"),
    explanation="Jiro did nothing wrong: he read his mail behind an address that he shares.",
    right=("jiro@isp.example", " Jiro@isp.example ", "Jiro"),
    wrong=("win@spoof.example", "hanako@kaisha.example", "198.51.100.187", "jiro@isp"),
)
