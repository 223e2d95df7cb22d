"""Predictions and questions of lesson 06, DMARC."""

from __future__ import annotations

from typing import Any

from mailkit.dmarc import Policy
from mailkit.dmarc.records import is_policy_record, parse_record
from mailkit.dmarc.spoilt import spoiler
from mailkit.exercises.checkers import choice, names, number, results_of
from mailkit.exercises.core import Prediction, Question
from mailkit.results import visible

__all__ = ["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12"]
__all__ += ["q1", "q2", "q3", "q4", "q5", "q6"]

_COUNTS = tuple(str(count) for count in range(9))
_FATES = ("inbox", "Junk", "refused")
_JUNK = {
    "Junk": ("junk folder", "spam", "quarantine", "quarantined", "the spam folder"),
    "refused": ("reject", "rejected", "bounce", "bounced"),
}

p1 = Prediction(
    "The letter is false. Which of SPF and DKIM pass at the receiver?",
    choices=("neither", "SPF", "DKIM", "both"),
    also={"neither": ("none of them", "none"), "both": ("SPF and DKIM", "both of them")},
)
p2 = Prediction("What becomes of the same letter now?", choices=_FATES, also=_JUNK)
p3 = Prediction("In how many of the eight cases does DMARC pass, with relaxed alignment?", choices=_COUNTS)
p4 = Prediction("And in how many with strict alignment?", choices=_COUNTS)
p5 = Prediction(
    "Whose record applies to mail from the shop?",
    choices=("the branch's", "the company's", "neither"),
    also={"the branch's": ("tokyo.kaisha.example", "tokyo"), "the company's": ("kaisha.example",)},
)
p6 = Prediction(
    "Which policy applies to mail from the name that does not exist?", choices=("none", "quarantine", "reject")
)
p7 = Prediction("p=reject, and the forgery looks like list mail: what becomes of it?", choices=_FATES, also=_JUNK)
p8 = Prediction(
    "Twenty ways to forge, against p=reject: how many land in the inbox?",
    choices=("0", "2", "8", "20"),
    also={"20": ("all",)},
)
p9 = Prediction(
    "One letter through two lists: which copy passes DMARC?", choices=("neither", "plain", "munged", "both")
)
p10 = Prediction(
    "One letter through two forwarders: which copy passes DMARC?",
    choices=("neither", "without SRS", "with SRS", "both"),
    also={"without SRS": ("without",), "with SRS": ("with", "SRS")},
)
p11 = Prediction("How many of the five addresses pass DMARC?", choices=("0", "1", "2", "3", "4", "5"))
p12 = Prediction(
    "Which policy applies to mail of your domain?",
    choices=("no record", "none", "quarantine", "reject"),
    also={
        "no record": ("no DMARC", "nothing"),
        "none": ("p=none",),
        "quarantine": ("p=quarantine",),
        "reject": ("p=reject",),
    },
)


def passes(author: str, identifiers: list[tuple[str, str]]) -> bool:
    return any(result == "pass" and domain == author for result, domain in identifiers)


q1 = Question(
    "Write a function that says whether DMARC passes.",
    results_of(
        [
            (("a.example", [("pass", "a.example"), ("pass", "a.example")]), True),
            (("a.example", [("fail", "a.example"), ("pass", "a.example")]), True, "One of them is enough."),
            (("a.example", [("pass", "a.example"), ("none", "")]), True, "One of them is enough."),
            (("a.example", [("pass", "b.example"), ("pass", "b.example")]), False, "Both pass for somebody else."),
            (("a.example", [("pass", "b.example"), ("fail", "a.example")]), False, "Pass and domain belong together."),
            (("a.example", []), False, "Nothing speaks for the author."),
            (
                ("a.example", [("fail", "a.example"), ("pass", "b.example"), ("pass", "a.example")]),
                True,
                "There may be several signatures.",
            ),
            (("a.example", [("softfail", "a.example"), ("temperror", "a.example")]), False, "Only pass is a pass."),
        ]
    ),
    takes_function=True,
    hints=(
        "For one identifier ask two things at once: did it pass, and is its domain the author's?",
        "`any(… for result, domain in identifiers)`",
    ),
    explanation="One identifier that passed **and** is aligned is enough (RFC 9989 section 4.4). A pass for another "
    "domain and a failure for the right one do not add up.",
    right=(passes,),
    wrong=(
        lambda author, identifiers: any(result == "pass" for result, domain in identifiers),
        lambda author, identifiers: all(result == "pass" for result, domain in identifiers),
        lambda author, identifiers: any(domain == author for result, domain in identifiers),
        lambda author, identifiers: all(pair == ("pass", author) for pair in identifiers),
        lambda author, identifiers: ("pass", author) in identifiers[:2],
        lambda author, identifiers: (
            any(result == "pass" for result, _ in identifiers) and any(domain == author for _, domain in identifiers)
        ),
        lambda author, identifiers: any(result != "fail" and domain == author for result, domain in identifiers),
        "passes",
    ),
)

q2 = Question(
    "What makes the newsletter pass DMARC? Choose A, B or C.",
    choice(
        "B",
        {
            "A": "SPF looks at the envelope's domain, which is the service's: the record of the From line's domain is "
            "not even read.",
            "C": "That asks receivers to refuse your own newsletter.",
        },
    ),
    hints=(
        "Both checks pass already. For whom?",
        "One of the two has to speak for the domain in the From line.",
    ),
    explanation="A signature with your d=, or an envelope sender in a subdomain of yours, is aligned. An include in "
    "your SPF record helps only mail that has your domain on its envelope.",
    right=("B", "b", "(b)"),
    wrong=("A", "C", "D", 2),
)

q3 = Question(
    "How many questions does a full tree walk ask?",
    number(
        8,
        reasons={
            11: "From eight labels on, the walk jumps to the seven rightmost.",
            2: "That was the old way, with the Public Suffix List.",
            7: "The seven rightmost, and the name itself before them.",
        },
    ),
    hints=("Count the labels: there are eleven.", "RFC 9989 section 4.10: the name itself, then the rightmost seven."),
    explanation="The name itself, then the seven rightmost labels, down to one: eight, however long the name is.",
    right=(8, "8"),
    wrong=(11, 2, 7, 10, "many"),
)


def _protects(answer: Any) -> str | None:
    """Judge a record for a domain that sends no mail."""
    if not isinstance(answer, str):
        return "The answer is the text of a TXT record, between quotes."
    text = answer.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':  # as it stands in a zone file
        text = text[1:-1]
    if not is_policy_record(text):
        return f"Receivers do not take that for a DMARC record: {visible(spoiler(text), 200)}."
    record = parse_record(text)
    if record.faults:
        return f"Nearly: {record.faults[0]}."
    if any(tag.startswith("pct=") and tag != "pct=100" for tag in record.removed):
        return "pct is ignored today, and receivers of the old way would apply the policy to a part only."
    if record.testing:
        return "With t=y the policy is one level lower."
    if record.psd == "y":
        return "psd=y is for registries: it says that names below this one belong to strangers."
    asked = [record.policy_for(subdomain=False, exists=True)]
    asked += [record.policy_for(subdomain=True, exists=exists) for exists in (True, False)]
    if any(policy is not Policy.REJECT for policy in asked):
        weak = next(policy for policy in asked if policy is not Policy.REJECT)
        return f"For the domain, its subdomains or names that do not exist it asks for {weak} only."
    return None


q4 = Question(
    "Write the record for a domain that sends no mail.",
    _protects,
    hints=("Nothing in its name is genuine, so nothing can be lost.", "Two tags are enough: what it is, and p=."),
    explanation="Subdomains follow p where sp and np are absent. Add `v=spf1 -all`. Here p=reject harms nobody.",
    right=(
        "v=DMARC1; p=reject",
        "v=DMARC1;p=reject;",
        '"v=DMARC1; p=reject"',
        "v=DMARC1; p=reject; sp=reject; rua=mailto:d@example.jp",
        "v=DMARC1; p=reject; psd=n",
    ),
    wrong=(
        "p=reject",
        "v=DMARC1 p=reject",
        "v=dmarc1; p=reject",
        "v=DMARC1; p=rejected",
        "v=DMARC1; p=quarantine",
        "v=DMARC1; p=reject; sp=none",
        "v=DMARC1; p=reject; np=quarantine",
        "v=DMARC1; p=reject; t=y",
        "v=DMARC1; p=reject; pct=10",
        "v=DMARC1; p=reject; psd=y",
        '_dmarc.example.jp. IN TXT "v=DMARC1; p=reject"',
        "v=DMARC1\\; p=reject",
        "v=DMARC1",
        "v=spf1 -all",
        5,
    ),
)

q5 = Question(
    "Which policy suits a domain whose people write to mailing lists? Choose A, B or C.",
    choice(
        "B",
        {
            "A": "Lists break signatures, and RFC 9989 section 7.4 tells such domains not to ask for reject.",
            "C": "Without a record nobody reports, and large receivers demand at least p=none.",
        },
    ),
    hints=("What becomes of their letters behind a list that does not change the From line?", "RFC 9989 section 7.4."),
    explanation="Sign everything, read the reports, and stay at quarantine: a list's copy is then found in Junk, "
    "and nobody is thrown off the list by refusals.",
    right=("B", "b."),
    wrong=("A", "C", "reject", 1),
)

q6 = Question(
    "Which of the addresses are the company's own and do not pass yet?",
    names(("192.0.2.20", "203.0.113.40")),
    hints=(
        "Of each address ask: is it ours, or did we hire it? Its name in the reverse DNS helps.",
        "There are two: one in the office, one of a service.",
    ),
    explanation="The scanner in the office and the newsletter's service. A forgery is not to be mended: that it fails "
    "is what the policy is for.",
    right=(
        ("192.0.2.20", "203.0.113.40"),
        "203.0.113.40, 192.0.2.20",
        {"192.0.2.20", "203.0.113.40"},
        "192.0.2.20; 203.0.113.40",
        "192.0.2.20 and 203.0.113.40",
    ),
    wrong=(
        "192.0.2.20",
        "203.0.113.40",
        "192.0.2.58",
        "192.0.2.20, 203.0.113.40, 203.0.113.150",
        "192.0.2.20, 203.0.113.40, 203.0.113.140",
        ["192.0.2.58", "192.0.2.20", "203.0.113.40"],
        5,
    ),
)
