"""Predictions and questions of lesson 05, DKIM."""

from __future__ import annotations

from typing import Any

from mailkit.dkim.records import KeyRecordProblem, parse_record
from mailkit.exercises.checkers import choice, number, results_of, text
from mailkit.exercises.core import YES_NO, Prediction, Question

__all__ = ["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12"]
__all__ += ["q1", "q2", "q3", "q4", "q5", "q6"]

_RESULTS = ("pass", "fail", "none")
_EDITS = tuple(str(number) for number in range(5))
_FIELDS = tuple(str(number) for number in range(7))

p1 = Prediction("Which header field will the signature leave out?", choices=("From", "Subject", "Date", "Received"))
p2 = Prediction(
    "One word of the body was changed: which value of the signature no longer fits?",
    choices=("bh", "b", "both"),
    also={"bh": ("bh=", "the body hash"), "b": ("b=", "the signature"), "both": ("bh and b", "both of them")},
)
p3 = Prediction("How many of the four edits does simple/simple survive?", choices=_EDITS)
p4 = Prediction("How many of the four edits does relaxed/relaxed survive?", choices=_EDITS)
p5 = Prediction(
    "Six fields, one at a time, are put on top. How many of the six does the signature survive?",
    choices=_FIELDS,
    also={"6": ("six", "all", "all six"), "5": ("five",)},
)
p6 = Prediction("Signed with the key of 2020: which result does the receiver reach?", choices=_RESULTS)
p7 = Prediction("Which is the shortest of the keys that a verifier may accept?", choices=("512", "1024", "2048"))
p8 = Prediction("The key was withdrawn a moment ago. Does the letter still verify?", choices=YES_NO)
p9 = Prediction("The new key was published a moment ago. Does a letter signed with it verify?", choices=YES_NO)
p10 = Prediction("After the mailing list: does the author's signature still fit?", choices=YES_NO)
p11 = Prediction("From: the president; signed by the service. The result?", choices=_RESULTS)
p12 = Prediction("The copy of a signed message, sent on by a stranger: the result?", choices=_RESULTS)

q1 = Question(
    "Which statement does the header prove? Choose A, B or C.",
    choice(
        "B",
        {
            "A": "The From line says bank.example, but neither result names that domain.",
            "C": "Only what h= lists is covered, and Received never is.",
        },
    ),
    hints=("Which domain do the two results name?", "A signature says who answers for the message."),
    explanation="bulk.example signed and answers for the message. Nothing here vouches for bank.example.",
    right=("B", "b"),
    wrong=("A", "C", 2),
)

q2 = Question(
    "Which name in the DNS does the verifier ask for its key?",
    text(
        "sls.dkim._domainkey.example.jp",
        "sls.dkim._domainkey.example.jp.",
        otherwise="The selector comes first, then a fixed label, then the domain of d=.",
    ),
    hints=("RFC 6376 section 3.6.2.1.", "The fixed label begins with an underscore. A selector may contain dots."),
    explanation="Selector, then `_domainkey`, then the domain; the selector here has two labels.",
    right=("sls.dkim._domainkey.example.jp", "SLS.DKIM._domainkey.example.jp."),
    wrong=("_domainkey.example.jp", "dkim._domainkey.example.jp", "sls.dkim.example.jp", 5),
)

q3 = Question(
    "A message has two Reply-To fields, one more than RFC 5322 section 3.6 allows. How often must h= name Reply-To, "
    "so that no third can be added?",
    number(3, reasons={1: "One mention covers one field, the lowest.", 2: "That covers the two, and allows a third."}),
    hints=("Each mention covers one field, from the bottom upwards.", "The last mention must find nothing."),
    explanation="Two mentions cover the two fields; the third covers the absence of another (RFC 6376 section 5.4.2). "
    "The message stays malformed: a signer may also refuse it.",
    right=(3, "3"),
    wrong=(0, 1, 2, 4, "many", "two"),
)


def strings(record: str) -> list[str]:
    return [record[start : start + 255] for start in range(0, len(record), 255)]


q4 = Question(
    "Write a function that cuts a record into strings of at most 255 characters.",
    results_of(
        [
            (("v=DKIM1; p=abc",), ["v=DKIM1; p=abc"]),
            (("a" * 255,), ["a" * 255]),
            (("a" * 255 + "b",), ["a" * 255, "b"]),
            (("x" * 410,), ["x" * 255, "x" * 155]),
            (("v=DKIM1; p=" + "k" * 704,), ["v=DKIM1; p=" + "k" * 244, "k" * 255, "k" * 205]),
        ]
    ),
    takes_function=True,
    hints=("`record[0:255]` is the first of them.", "`range(0, len(record), 255)` gives where each begins."),
    explanation="Receivers put the strings together again with nothing between them (RFC 6376 section 3.6.2.2).",
    right=(strings,),
    wrong=(
        lambda record: [record],
        lambda record: [record[:255], record[255:]],
        lambda record: [record[:255], record[255:]] if len(record) > 255 else [record],
        lambda record: [record[start : start + 256] for start in range(0, len(record), 256)],
        lambda record: [record[start : start + 255] for start in range(0, len(record) + 1, 255)],
        lambda record: record[:255],
        "strings",
    ),
)


def _revokes(answer: Any) -> str | None:
    if not isinstance(answer, str):
        return "The answer is the text of a TXT record, between quotes."
    try:
        record = parse_record(answer.strip().encode())
    except KeyRecordProblem as problem:
        return f"Verifiers could not read that: {problem}."
    return "That record still holds a key." if record.public is not None else None


q5 = Question(
    "Write the TXT record that revokes a key.",
    _revokes,
    hints=("The record stays where it is; the key leaves it.", "RFC 6376 section 3.6.1 says what an empty p= means."),
    explanation="An empty `p=` says: there was a key, and it no longer counts. Verifiers answer with permerror.",
    right=("v=DKIM1; p=", "v=DKIM1; k=rsa; p=;", "p="),
    wrong=("v=DKIM1", "v=DKIM1; p=OC5XWq1EZ29jCbWUwi+rfkQpEMT4tDguOx01IBaXyDc=; k=ed25519", "revoked", 5),
)

q6 = Question(
    "When may the record of the old selector go? Choose A, B or C.",
    choice(
        "C",
        {
            "A": "Letters signed with the old key a minute ago are still in queues.",
            "B": "The TTL says how long caches keep the old record, not how long letters are under way.",
        },
    ),
    hints=("Who still needs the record, once nobody signs with the key?", "How long does a server try to deliver?"),
    explanation="A letter needs the record until the last server has verified it, and queues hold letters for days.",
    right=("C", "c", "c."),
    wrong=("A", "B", "D", "five minutes", 3),
)
