"""Predictions and questions of lesson 09, Postfix and Exim."""

from __future__ import annotations

from mailkit.exercises.checkers import choice, number, results_of, text
from mailkit.exercises.core import YES_NO, Prediction, Question

__all__ = ["FAULTS", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "q1", "q2", "q3", "q4", "q5"]

_FATES = ("sent", "deferred", "bounced")
_BROKEN = ("password", "certificate", "signer")

FAULTS = ("signer", "password", "certificate")
"""What is broken in the three logs of the lesson, which asks before it tells."""

p1 = Prediction("From home, straight to port 25: what does the log say in the end?", choices=_FATES)
p2 = Prediction("Through the smarthost of the provider: where does the letter end up?", choices=("inbox", "Junk"))
p3 = Prediction("And what does the receiver's SPF say of it?", choices=("pass", "fail"))
p4 = Prediction("Port 587, before TLS: does EHLO offer a login?", choices=YES_NO)
p5 = Prediction("A stranger wants to send through port 25 to another company: is he let?", choices=YES_NO)
p6 = Prediction("The first log: which line is broken?", choices=_BROKEN)
p7 = Prediction("The second log: which line is broken?", choices=_BROKEN)
p8 = Prediction("The third log: which line is broken?", choices=_BROKEN)
p9 = Prediction("TLS only if it is offered, and a man in the middle: what does the log say?", choices=_FATES)
p10 = Prediction("The network of everybody in mynetworks: is a stranger let now?", choices=YES_NO)
p11 = Prediction("How many of the mail servers' ports 25 offer a login?", choices=("none", "some", "all"))

q1 = Question(
    "What keeps the password from a smarthost that shows the certificate of another?",
    choice(
        "C",
        {
            "A": "A port is open or not; it proves nobody's name.",
            "B": "encrypt takes any certificate: the line is secret, and the wrong one listens.",
        },
    ),
    hints=("Which of the three looks at a name?", "Section 5: what did Postfix say instead of the password?"),
    explanation="Only a verified name ties the line to the smarthost: secure in Postfix, "
    "tls_verify_hosts with tls_verify_cert_hostnames in Exim.",
    right=("C", "c"),
    wrong=("A", "B", 587),
)

q2 = Question(
    "Users cannot send. Which program is down in postfix_signer_down.log?",
    text("OpenDKIM", "opendkim", "the signer", "milter", otherwise="What should listen on port 8891 of this machine?"),
    hints=("Look at the row with the fate `warning`.", "A milter on 127.0.0.1:8891: section 1 says who listens there."),
    explanation="OpenDKIM does not listen; with milter_default_action = tempfail nothing leaves unsigned meanwhile.",
    right=("OpenDKIM", " opendkim "),
    wrong=("Postfix", "Dovecot", "smtpd", 8891),
)


def solution_q3(settings: dict[str, str]) -> bool:
    return settings.get("smtp_tls_security_level") in ("secure", "verify", "fingerprint", "dane-only")


q3 = Question(
    "Write a function that says whether Postfix checks who the smarthost is before it says the password.",
    results_of(
        [
            (({"smtp_tls_security_level": "secure"},), True),
            (({"smtp_tls_security_level": "verify"},), True),
            (({"smtp_tls_security_level": "encrypt"},), False, "encrypt takes any certificate."),
            (({"smtp_tls_security_level": "may"},), False),
            (({"smtp_use_tls": "yes"},), False, "That is the old word for may."),
            (({},), False, "Before 3.11 the default is no TLS at all, and then it is may."),
            (({"smtpd_tls_security_level": "secure"},), False, "smtpd_ is the side of the server."),
            (({"smtp_tls_security_level": "fingerprint"},), True),
            (({"smtp_tls_security_level": "dane-only"},), True),
        ]
    ),
    takes_function=True,
    hints=(
        "Only some levels check a certificate: secure, verify, fingerprint, dane-only.",
        "A dictionary's get() returns None where there is no such setting.",
    ),
    explanation="Four levels check whom one talks to (TLS_README). may and encrypt take any certificate.",
    right=(solution_q3,),
    wrong=(
        lambda settings: "smtp_tls_security_level" in settings,
        lambda settings: settings.get("smtp_tls_security_level") != "may",
        lambda settings: settings.get("smtp_tls_security_level") == "secure",
        lambda settings: "secure" in settings.values(),
        lambda settings: True,
        "secure",
    ),
)

q4 = Question(
    "A receiver refuses whatever fails SPF. Which of these letters does it lose?",
    choice(
        "B",
        {
            "A": "That one is better lost: nothing speaks for it.",
            "C": "SPF passes there, whoever else has signed.",
        },
    ),
    hints=("Which of the three has something that speaks for its author?", "Section 3, before the record was mended."),
    explanation="The letter was signed by its author's domain. SPF speaks of the last server only, and is asked before "
    "DKIM can be looked at (RFC 9989 section 7.1).",
    right=("B", "b"),
    wrong=("A", "C", "spf=fail"),
)

q5 = Question(
    "With which code did the relay answer in exim_login_refused_by_the_relay.log?",
    number(
        535,
        reasons={
            42: "defer (-42) is Exim's own number for why it waits.",
            5: "That is the beginning of the enhanced code: the three digits stand before it.",
        },
    ),
    hints=("`mta.read_log(LOGS / ...)` shows it in the column reply.", "Look at the row with the fate `warning`."),
    explanation="535: the name or the password is wrong (RFC 4954 section 6). TLS was fine, so mend the password file.",
    right=(535, "535"),
    wrong=(42, 5, 250, 550, "fifty", [535]),
)
