"""Predictions and questions of lesson 04, SPF; :mod:`mailkit.exercises.spf_records` checks a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mailkit.exercises.checkers import number, results_of, text
from mailkit.exercises.core import Prediction, Question
from mailkit.exercises.spf_records import record_for

__all__ = ["SENDERS", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13", "p14", "p15"]
__all__ += ["q1", "q2", "q3", "q4", "q5"]

_RESULTS = ("none", "neutral", "pass", "fail", "softfail", "temperror", "permerror")

p1 = Prediction(
    "The letter with Hanako's name, brought by a stranger: what does SPF say?", choices=("pass", "fail", "none")
)
p2 = Prediction(
    "Mail of example.jp from the address in its record: what does SPF say?",
    choices=("pass", "fail", "none", "permerror"),
)
p3 = Prediction("The sending service behind two includes: what does it get?", choices=("pass", "fail", "permerror"))
p4 = Prediction(
    "A stranger sends for the same domain: what does he get?", choices=("fail", "softfail", "neutral", "none")
)
p5 = Prediction(
    "The invoices, sent by the last service in the record: what is the result?", choices=("pass", "fail", "permerror")
)
p6 = Prediction("A stranger sends as news.kaisha.example: what is the result?", choices=("pass", "fail", "none"))
p7 = Prediction(
    "The company's server returns a message, with no sender on the envelope: the result?",
    choices=("pass", "fail", "none"),
)
p8 = Prediction(
    "Hanako's letter arrives by way of forward.example: what does SPF say at the end?",
    choices=("pass", "fail", "softfail", "none"),
)
p9 = Prediction(
    "The new record is published, and a receiver checks at once: the result?", choices=("pass", "fail", "temperror")
)
p10 = Prediction(
    "Two records stand side by side, each right in itself: the result?", choices=("pass", "neutral", "permerror")
)
p11 = Prediction("The address your mail leaves from, for your own domain: what does it get?", choices=_RESULTS)
p12 = Prediction("How many lookups does your own record cost?", choices=("under 5", "5 to 10", "over 10"))
p13 = Prediction(
    "A stranger chooses the name that the record asks about: what does he get?", choices=("pass", "fail", "permerror")
)
p14 = Prediction(
    "A stranger rents a machine at the same provider: what does he get?", choices=("pass", "fail", "softfail")
)
p15 = Prediction(
    "A stranger registers the name that an old include leads to: what does he get?",
    choices=("pass", "fail", "none", "permerror"),
)

# Who sends for many.mistakes.example, as the lesson lists them.
SENDERS: Mapping[str, str] = {
    "192.0.2.210": "web server",
    "192.0.2.211": "mail server",
    "192.0.2.212": "application server",
    "192.0.2.213": "fax gateway",
    "203.0.113.41": "newsletter",
    "203.0.113.46": "newsletter",
    "203.0.113.162": "customer care",
    "203.0.113.165": "invoices",
}


# Nobody's, or somebody else's: a range that is wider than its hosts lets one of these in.
_OUTSIDERS: Mapping[str, str] = {
    "203.0.113.77": "a stranger",
    "192.0.2.209": "a neighbour of your hosts",
    "192.0.2.214": "a neighbour of your hosts",
    "192.0.2.1": "another company in the same /24",
    "192.0.77.1": "a stranger in 192.0.0.0/8",
    "203.0.113.39": "a neighbour of the service",
    "203.0.113.48": "a neighbour of the service",
    "203.0.113.168": "a neighbour of the service",
    "203.0.200.1": "a stranger in 203.0.0.0/8",
    "8.8.4.4": "a stranger far away",
    "2001:db8:ffff::1": "a stranger with an IPv6 address",
}


q1 = Question(
    "Write a record for many.mistakes.example that needs at most ten lookups and loses no sender.",
    record_for(
        "many.mistakes.example",
        senders=SENDERS,
        outsiders={"198.51.100.50": "the cancelled survey service", **_OUTSIDERS},
        includes=("_spf.sender.example", "_crm.sender.example", "_bill.sender.example"),
    ),
    hints=(
        "Which terms name hosts of your own, whose addresses you know? Which one names a service you left?",
        "`ip4:` costs nothing, and your own hosts are 192.0.2.210 to 192.0.2.213, with strangers on both sides. Keep "
        "the three includes of sender.example: they cost seven.",
    ),
    explanation="Your own hosts by `ip4`, the services by their includes, and nothing for the one you left: 7 lookups.",
    right=(
        "v=spf1 ip4:192.0.2.210 ip4:192.0.2.211 ip4:192.0.2.212 ip4:192.0.2.213 include:_spf.sender.example "
        "include:_crm.sender.example include:_bill.sender.example -all",
        "v=spf1 a mx a:app.many.mistakes.example ip4:192.0.2.213 include:_spf.sender.example "
        "include:_crm.sender.example include:_bill.sender.example ~all",
        "v=spf1 ip4:192.0.2.210/31 ip4:192.0.2.212/31 include:_bill.sender.example include:_crm.sender.example "
        "include:_spf.sender.example -all",
        "V=SPF1 a mx IP4:192.0.2.212/31 include:_spf.sender.example include:_crm.sender.example "
        "include:_BILL.sender.example  -all ",
        "v=spf1 -ip4:192.0.2.209 ip4:192.0.2.210/31 ip4:192.0.2.212/31 include:_spf.sender.example "
        "include:_crm.sender.example redirect=_bill.sender.example",
    ),
    wrong=(
        *(
            f"v=spf1 {wide} include:_spf.sender.example include:_crm.sender.example include:_bill.sender.example -all"
            for wide in (
                "ip4:192.0.0.0/8",
                "ip4:192.0.2.0/24",
                "ip4:192.0.2.208/29",
                "ip4:192.0.2.192/27",
                "ip4:192.0.2.210/31 ip4:192.0.2.212/31 ip4:203.0.113.160/27",
                "ip4:192.0.2.210/31 ip4:192.0.2.212/31 ip4:203.0.113.0/24",
                "ip4:192.0.2.210/31 ip4:192.0.2.212/31 ip6:2001:db8::/32",
                "ip4:192.0.2.210/31 ip4:192.0.2.212/31 ip6:::/0",
                "ip4:192.0.2.210/31 ip4:192.0.2.212/31 ip4:0.0.0.0/0",
                "a:www.many.mistakes.example mx/24 ip4:192.0.2.212/31",
                "ip4:192.0.2.210/31 ip4:192.0.2.212/31 ip4:10.0.0.0/8",
                "ip4:192.0.2.210/31 ip4:192.0.2.212/31 ip4:192.0.2.230",
                "ip4:192.0.2.210/31 ip4:192.0.2.212/31 ip6:2001:db8:7::/64",
                "ip4:192.0.2.210/31 ip4:192.0.2.212/31 a:mx.kaisha.example",
                "ip4:192.0.2.210/31 ip4:192.0.2.212/31 a:fax.many.mistakes.example/29",
                "ip4:192.0.2.210/31 ip4:192.0.2.212/31 include:example.net",
                "ip4:192.0.2.210/31 ip4:192.0.2.212/31 ptr",
                "ip4:192.0.2.210/31 ip4:192.0.2.212/31 exists:%{i}.ok.example.net",
            )
        ),
        "v=spf1 a mx a:www.many.mistakes.example a:app.many.mistakes.example a:fax.many.mistakes.example "
        "include:_left.many.mistakes.example include:_spf.sender.example include:_crm.sender.example "
        "include:_bill.sender.example -all",
        "v=spf1 ip4:192.0.2.210/30 include:_spf.sender.example -all",
        "v=spf1 ip4:192.0.2.208/29 ip4:203.0.113.40/29 ip4:203.0.113.160/29 -all",
        "v=spf1 ip4:192.0.2.208/29 include:_left.many.mistakes.example include:_spf.sender.example "
        "include:_crm.sender.example include:_bill.sender.example -all",
        "v=spf1 ip4:192.0.2.208/29 include:_spf.sender.example include:_crm.sender.example "
        "include:_bill.sender.example",
        "v=spf1 +all",
        "ip4:192.0.2.208/29 -all",
        "v=spf1 " + "ip4:192.0.2.208/29 " * 200,
        "v=spf1 \ud800 -all",
        "v=spf1 a mx\nip4:192.0.2.212/31 -all",
        10,
    ),
)


def solution_q2(terms: Sequence[tuple[str, bool]]) -> str:
    words = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
    for qualifier, matches in terms:
        if matches:
            return words[qualifier]
    return "neutral"


q2 = Question(
    "Write a function that takes pairs of qualifier and match, in the order of a record, and returns the result.",
    results_of(
        [
            (([("+", True), ("-", True)],), "pass"),
            (([("+", False), ("-", True)],), "fail"),
            (([("+", False), ("~", True)],), "softfail"),
            (([("?", True), ("+", True), ("-", True)],), "neutral"),
            (([("-", True), ("+", True)],), "fail"),
            (([("+", False), ("-", False)],), "neutral"),
            (([],), "neutral"),
            (([("+", False), ("-", False), ("~", True), ("-", True)],), "softfail"),
            (([("+", False), ("?", False), ("+", True), ("-", True)],), "pass"),
        ]
    ),
    takes_function=True,
    hints=("The first term that matches decides; return at once.", "What is said when no term matches at all?"),
    explanation="The first match decides, by its qualifier. No match at all is neutral (RFC 7208 section 4.7).",
    right=(solution_q2,),
    wrong=(
        lambda terms: "pass" if any(matches for _, matches in terms) else "fail",
        lambda terms: {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}[terms[-1][0]],
        lambda terms: {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}[
            next(((qualifier, hit) for qualifier, hit in terms if hit), ("-", True))[0]
        ],
        lambda terms: "fail" if ("-", True) in terms else "pass",
        lambda terms: terms[0][0],
        "pass",
    ),
)

q3 = Question(
    "How many lookups does that record need for a stranger?",
    number(
        6,
        reasons={
            4: "That is the record alone. What `_spf.sender.example` includes counts as well.",
            5: "The record of `_spf.sender.example` holds two includes of its own.",
            8: "`ip4` and `all` ask the DNS nothing.",
        },
    ),
    hints=(
        "`ip4`, `ip6` and `all` cost nothing; the others cost one each.",
        "The tree of section 4 shows what `include:_spf.sender.example` costs.",
    ),
    explanation="mx 1, a 1, exists 1, and the include 3: itself and the two inside it (RFC 7208 section 4.6.4).",
    right=(6, "6"),
    wrong=(4, 5, 8, 10, "many"),
)

q4 = Question(
    "Write the one record that twice.mistakes.example should have.",
    record_for(
        "twice.mistakes.example",
        senders={"192.0.2.201": "its own server", "203.0.113.41": "the sending service"},
        outsiders={**_OUTSIDERS, "192.0.2.200": "a neighbour of your server", "192.0.2.202": "a neighbour"},
        includes=("_spf.sender.example",),
    ),
    hints=("One `v=spf1`, the terms of both records, one `all`.", "What stands after `all` is never looked at."),
    explanation="One record with the terms of both, and `all` once, at the end (RFC 7208 sections 3.2 and 5.1).",
    right=(
        "v=spf1 ip4:192.0.2.201 include:_spf.sender.example ~all",
        "v=spf1 include:_spf.sender.example ip4:192.0.2.201 -all",
    ),
    wrong=(
        "v=spf1 ip4:192.0.2.201 -all include:_spf.sender.example ~all",
        "v=spf1 ip4:192.0.2.201 -all v=spf1 include:_spf.sender.example ~all",
        "v=spf1 ip4:192.0.2.201, include:_spf.sender.example ~all",
        "v=spf1 ip4:192.0.2.201 ip4:203.0.113.40/29 -all",
        "v=spf1 ip4:192.0.2.201 include:_spf.sender.example",
        "v=spf1 ip4:192.0.2.201 include:_spf.sender.example ?all",
        "v=spf1 ip4:192.0.0.0/8 include:_spf.sender.example ~all",
        "v=spf1 ip4:192.0.2.201/24 include:_spf.sender.example -all",
        "v=spf1 ip4:192.0.2.200/31 include:_spf.sender.example -all",
        "v=spf1 ip4:192.0.2.201 include:_spf.sender.example +all",
        "v=spf1 ip4:192.0.2.201 include:_spf.sender.example include:_crm.sender.example -all",
        "v=spf1 ip4:192.0.2.201 a:mx.kaisha.example include:_spf.sender.example -all",
    ),
)

q5 = Question(
    "Under which name does the receiver of the bounce look for an SPF record?",
    text(
        "mx.kaisha.example",
        "mx.kaisha.example.",
        otherwise="SPF never reads the From line, and this envelope has no sender: what else did the server say?",
    ),
    hints=("The sender of the envelope is empty: `MAIL FROM:<>`.", "Look at the first command of the session."),
    explanation="With an empty sender SPF judges postmaster@ the EHLO name (RFC 7208 section 2.4).",
    right=("mx.kaisha.example", "MX.kaisha.example."),
    wrong=("kaisha.example", "example.org", 25),
)
