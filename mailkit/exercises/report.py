"""Predictions and questions of lesson 11, the report; the ten findings to be sorted, and what mends the bad domain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mailkit import report
from mailkit.exercises.checkers import choice, number, results_of, text
from mailkit.exercises.core import YES_NO, Prediction, Question
from mailkit.lab import Lab
from mailkit.results import Finding, Record, Rows, Verdict, visible

__all__ = ["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "q1", "q2", "q3", "q4", "q5"]
__all__ += ["REPAIRS", "ToSort", "ten"]

p1 = Prediction("How many of the four have full marks?", choices=("none", "one", "two", "four"))
p2 = Prediction("The same company, seen from home. Its marks?", choices=("full", "lower"), also={"full": ("the same",)})
p3 = Prediction("No name server answers. What does the report say?", choices=("fail", "unknown", "an error"))
p4 = Prediction("The dead mail server leaves the MX. What changes in the marks?", ("more pass", "fewer can fail"))
p5 = Prediction("Three terms leave the SPF record, and ?all becomes ~all. Are all checks of SPF content?", YES_NO)
p6 = Prediction("The old key is revoked. What does the report say of it?", choices=("pass", "info", "fail"))
p7 = Prediction("It asks for quarantine, not for reject. Full marks in lesson 06?", YES_NO)
p8 = Prediction("The last records are pasted. Full marks?", YES_NO)
p9 = Prediction("Full marks. What becomes of Nami's message?", choices=("inbox", "Junk", "refused", "not sent"))
p10 = Prediction("Do all checks of SPF, DKIM and DMARC pass at your domain?", YES_NO)
p11 = Prediction("What does the report say of one-click unsubscribe?", choices=("pass", "fail", "unknown"))
p12 = Prediction("Of how many of the 200 can the survey not say whether they sign?", choices=("none", "some", "all"))

REPAIRS: Mapping[str, str] = {
    "MX": "minato.example. 300 IN MX 10 mail.hosting.example.",
    "SPF": 'minato.example. 300 IN TXT "v=spf1 include:_spf.hosting.example include:_spf.sender.example ~all"',
    "DKIM": (
        "s1._domainkey.minato.example. 300 IN CNAME s1._domainkey.hosting.example.\n"
        'default._domainkey.minato.example. 300 IN TXT "v=DKIM1; p="'
    ),
    "DMARC": '_dmarc.minato.example. 300 IN TXT "v=DMARC1; p=quarantine; rua=mailto:nami@minato.example"',
    "the rest": (
        "_submissions._tcp.minato.example. 300 IN SRV 0 0 465 mail.hosting.example.\n"
        "_submission._tcp.minato.example. 300 IN SRV 10 0 587 mail.hosting.example.\n"
        '_smtp._tls.minato.example. 300 IN TXT "v=TLSRPTv1; rua=mailto:nami@minato.example"'
    ),
}
"""What to publish, step by step, until minato.example has full marks."""

_MINE, _DNS, _PROVIDER, _IGNORE = "mine", "DNS team's", "provider's", "ignore"
# Ten findings and whose they are: (seen from, domain, check, subject, whose).
_TEN = (
    ("office", "minato.example", "MX name", "old.minato.example", _DNS),
    ("office", "mistakes.example", "AUTH before TLS", "mistakes.example", _MINE),
    ("office", "minato.example", "TLS at a provider", "minato.example", _PROVIDER),
    ("home", "kaisha.example", "MX reachable", "mx.kaisha.example", _IGNORE),
    ("office", "mistakes.example", "SPF all", "mistakes.example", _DNS),
    ("office", "mistakes.example", "reverse DNS", "192.0.2.202", _PROVIDER),
    ("office", "mistakes.example", "login before TLS", "imap.mistakes.example:143", _MINE),
    ("office", "minato.example", "TLS-RPT", "minato.example", _DNS),
    ("office", "kaisha.example", "DKIM selectors", "kaisha.example", _IGNORE),
    ("office", "mistakes.example", "submission on 465", "smtp.mistakes.example", _MINE),
)
_LESSONS = {
    "kaisha.example": ["01_op25b", "05_dkim"],
    "minato.example": ["01_op25b", "03_tls", "07_transport_policy"],
    "mistakes.example": ["01_op25b", "02_smtp_auth", "04_spf", "08_mailboxes"],
}


@dataclass(frozen=True)
class ToSort(Record):
    """One of the ten findings to be sorted by whose work it is."""

    number: int
    domain: str
    seen_from: str
    check: str
    subject: str
    verdict: Verdict
    evidence: str


def ten(lab: Lab) -> Rows[ToSort]:
    """Return ten findings on domains of *lab*, made now; one that is not there any more is unknown, and says so."""
    reports: dict[tuple[str, str], Rows[Finding]] = {}
    rows = []
    for place, (vantage, domain, check, subject, _) in enumerate(_TEN, 1):
        if (vantage, domain) not in reports:
            net, lessons = lab.network(vantage), _LESSONS[domain]
            reports[vantage, domain] = report.audit(domain, net=net, lessons=lessons, progress=False)
        found = next(iter(reports[vantage, domain].where(check=check, subject=subject)), None)
        verdict, seen = (found.verdict, found.evidence) if found else (Verdict.UNKNOWN, _GONE)
        rows.append(ToSort(place, domain, vantage, check, subject, verdict, seen))
    return Rows(ToSort, rows, caption="ten findings, of reports made just now")


_GONE = "not to be found just now: lab.reset() brings it back"
_WORDS = {
    _MINE: ("mine", "my", "me", "own"),
    _DNS: ("dns team's", "dns teams", "dns team", "dns", "the dns team's"),
    _PROVIDER: ("provider's", "providers", "provider", "the provider's"),
    _IGNORE: ("ignore", "ignored", "nothing", "nobody", "nobody's"),
}


def _sorted_rightly(answer: Any) -> str | None:
    """Check who is to do what about the ten findings: a dict by number, or a list of ten words."""
    if isinstance(answer, (list, tuple)):
        answer = dict(enumerate(answer, 1))
    if not isinstance(answer, dict):
        return 'Give a dictionary: `{1: "mine", 2: "ignore", …}`.'
    given = {str(key).strip(): word for key, word in list(answer.items())[:100]}
    wrong, missing = [], []
    for place, (*_, whose) in enumerate(_TEN, 1):
        word = given.get(str(place))
        if word is None or word is Ellipsis or str(word).strip() in ("", "...", "…"):
            missing.append(place)
            continue
        plain = visible(str(word), 40).strip().casefold().replace("’", "'")
        if not any(plain in words for words in _WORDS.values()):
            return f'Number {place}: `{plain}` is none of `"mine"`, `"DNS team\'s"`, `"provider\'s"` and `"ignore"`.'
        if plain not in _WORDS[whose]:
            wrong.append(f"Number {place} is not `{plain}`. {_HINTS[whose]}")
    if wrong:
        right = len(_TEN) - len(wrong) - len(missing)
        return f"{right} of {len(_TEN)} are right. {wrong[0]}"
    return f"Right so far; still to be sorted: {', '.join(map(str, missing))}." if missing else None


_HINTS = {
    _MINE: "Could a record or another company mend it? Whose machine is it?",
    _DNS: "What would mend it: a record, a setting of a server, or a letter?",
    _PROVIDER: "Who can change that: look at the name of the server, or at who assigned the address.",
    _IGNORE: "Does it say that something is wrong with the domain?",
}
_RIGHT = {place: entry[4] for place, entry in enumerate(_TEN, 1)}

q1 = Question(
    "Who is to do something about each of the ten findings?",
    _sorted_rightly,
    hints=(
        "First those that say nothing against the domain: of the place where one sits, or for your information.",
        "Then whose machine it is. What is left is a record in the zone of the domain.",
    ),
    explanation=(
        "1, 5 and 8 are records of the domain. 2, 7 and 10 are settings of its own servers. 3 stands on"
        " a provider's server, and 6 in the zone of whoever assigned the address. 4 speaks of the place where one sits,"
        " and 9 says that nothing is wrong."
    ),
    right=(_RIGHT, list(_RIGHT.values()), {str(place): word.upper() for place, word in _RIGHT.items()}),
    wrong=(
        "mine",
        {1: "mine"},
        {},
        dict.fromkeys(range(1, 11), "mine"),
        dict.fromkeys(range(1, 11), "DNS team's"),
        {**_RIGHT, 3: "mine"},
        {**_RIGHT, 4: "mine"},
        {**_RIGHT, 6: "DNS team's"},
        {**_RIGHT, 10: "boss"},
        list(_RIGHT.values())[:9],
    ),
)

q2 = Question(
    "A report has 40 pass, 2 warn, 1 fail, 5 info and 3 unknown. What are the marks?",
    text(
        "40 of 43",
        "40/43",
        "40 / 43",
        otherwise="How many pass, of how many that can fail: `info` and `unknown` count nowhere.",
    ),
    hints=("Write it as the scorecard does: `x of y`.", "Pass, warn and fail can fail; the other two cannot."),
    explanation="40 of 43: pass, warn and fail together are 43. Nobody has failed at what could not be seen.",
    right=("40 of 43", "40/43"),
    wrong=("40 of 51", "40 of 41", "42 of 43", "40 of 46", 40, 0.93),
)


def solution_q3(verdicts: list[str]) -> int:
    if "fail" in verdicts:
        return 1
    return 3 if "unknown" in verdicts else 0


_FAIL_FIRST = "A failure weighs more than what was not seen."
_WARN = "A warning is no failure: the job is not to wake anybody for it."
_UNSEEN = "Something could not be seen, so all is well cannot be said."

q3 = Question(
    "Write the exit status of a scheduled job: 1 when something failed, else 3 when something is unknown, else 0.",
    results_of(
        [
            ((["pass", "pass", "info"],), 0),
            ((["pass", "fail"],), 1),
            ((["unknown", "fail", "pass"],), 1, _FAIL_FIRST),
            ((["pass", "unknown"],), 3, _UNSEEN),
            ((["warn", "pass"],), 0, _WARN),
            ((["warn", "unknown"],), 3, _UNSEEN),
            (([],), 0),
        ]
    ),
    takes_function=True,
    hints=("Ask for `fail` first.", '`"fail" in verdicts` is True when one of them is.'),
    explanation="So does `python -m mailkit.report`: a monitoring system can tell broken from not seen.",
    right=(solution_q3,),
    wrong=(
        lambda verdicts: 1 if "fail" in verdicts else 0,
        lambda verdicts: 3 if "unknown" in verdicts else 1 if "fail" in verdicts else 0,
        lambda verdicts: 1 if "fail" in verdicts or "unknown" in verdicts else 0,
        lambda verdicts: 1 if "fail" in verdicts or "warn" in verdicts else 3 if "unknown" in verdicts else 0,
        lambda verdicts: 0 if all(v == "pass" for v in verdicts) else 1,
        lambda verdicts: {"fail": 1, "unknown": 3}.get(verdicts[0], 0),
        3,
    ),
)

q4 = Question(
    "Of 50 domains 20 sign, 18 do not, and of 12 it cannot be seen. How many may sign at most?",
    number(
        32,
        reasons={
            20: "So many at least: you have seen their keys. What of those that could not be seen?",
            30: "Those are the ones that may not sign, at most.",
            38: "So many could be judged.",
        },
    ),
    hints=("What if all of the 12 sign, under selectors that nobody guesses?",),
    explanation="32, which is 20 and 12: the share lies between 40 % and 64 %. A survey that says less says too much.",
    right=(32, "32"),
    wrong=(20, 30, 38, 12, 50, 40, "all"),
)

q5 = Question(
    "The MX is a provider's, and its certificate has expired. What does your domain get for it? Choose A, B or C.",
    choice(
        "C",
        {
            "A": "You cannot renew it. Look at what the report says of minato.example.",
            "B": "A warning counts against your marks, and no record of yours would take it away.",
        },
    ),
    hints=("Look for *TLS at a provider* in the first report.", "Whose marks should a certificate lower?"),
    explanation="`info`, said once, with whom to tell. It counts for nothing, and is not harmless for that: section 4.",
    right=("C", "c"),
    wrong=("A", "B", "fail", 1),
)
