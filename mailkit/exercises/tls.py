"""Predictions and questions of lesson 03, TLS."""

from __future__ import annotations

from fnmatch import fnmatch

from mailkit.exercises.checkers import choice, names, number, results_of, text
from mailkit.exercises.core import YES_NO, Prediction, Question
from mailkit.tls import covers

__all__ = ["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13", "p14"]
__all__ += ["q1", "q2", "q3", "q4", "q5", "q6", "q7"]

_VERSIONS = ("TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3")

p1 = Prediction("Port 465: can a listener read the server's greeting?", choices=YES_NO)
p2 = Prediction("Port 587 with STARTTLS: can a listener read the server's greeting?", choices=YES_NO)
p3 = Prediction("Which is the newest version that the domain's mail server speaks?", choices=_VERSIONS)
p4 = Prediction("Does any door of the domain still speak TLS 1.0 or 1.1?", choices=YES_NO)
p5 = Prediction("For whom is the certificate of a mail server issued?", choices=("the domain", "the host", "both"))
p6 = Prediction(
    "How many days at most is a public certificate valid that is issued today?", choices=("47", "100", "200", "398")
)
p7 = Prediction(
    "Four servers with a bad certificate: how many of them encrypt all the same?", choices=("0", "1", "2", "3", "4")
)
p8 = Prediction(
    "Four servers with a bad certificate: how many get a password from a client that verifies?",
    choices=("0", "1", "2", "3", "4"),
)
p9 = Prediction(
    "Another server, a good certificate in its own name: what keeps the password from it?",
    choices=("the certificate", "the domain", "nothing"),
    also={"the domain": ("the name", "the host"), "the certificate": ("the authority",)},
)
p10 = Prediction(
    "Which word of the server's did the man in the middle take out?", choices=("SIZE", "STARTTLS", "PIPELINING")
)
p11 = Prediction("Does the man in the middle get the password?", choices=YES_NO)
p12 = Prediction("How many of the four settings leaked to nobody?", choices=("0", "1", "2", "3", "4"))
p13 = Prediction("A command said before TLS: does the careless server answer it inside?", choices=YES_NO)
p14 = Prediction("A reply that was said before TLS: does the careless client believe it?", choices=YES_NO)

q1 = Question(
    'A mail program offers "SSL/TLS" and "STARTTLS" for outgoing mail. Which port belongs to "SSL/TLS"?',
    number(
        465,
        reasons={
            587: "587 begins in the clear: that is `STARTTLS`.",
            25: "25 is for servers, and begins in the clear.",
            993: "That is TLS from the start, but for reading mail (IMAP).",
            995: "That is TLS from the start, but for reading mail (POP3).",
        },
    ),
    hints=(
        "It is the one that begins with a handshake.",
        "RFC 8314 section 7.3 registers it, for submission with TLS from the start.",
    ),
    explanation="465, TLS from the first octet. Both menus mean TLS; they differ in when it begins.",
    right=(465, "465"),
    wrong=(587, 25, 993, 995, 2525, "SSL/TLS", True),
)


def solution_q2(pattern: str, host: str) -> bool:
    if not pattern.startswith("*."):
        return pattern == host
    return pattern[2:] == host.partition(".")[2]


q2 = Question(
    "Write a function of a name in a certificate and of a host that says whether the name stands for the host.",
    results_of(
        [
            (("mx.example.com", "mx.example.com"), True),
            (("mx.example.com", "smtp.example.com"), False),
            (("*.example.com", "mx.example.com"), True),
            (("*.example.com", "example.com"), False),
            (("*.example.com", "a.mx.example.com"), False),
            (("m*.example.com", "mx.example.com"), False),
            (("*.example.com", "mx.example.org"), False),
            (("*.example.com", "mx.notexample.com"), False),
            (("mx.example.com", "amx.example.com"), False),
        ]
    ),
    takes_function=True,
    hints=("A star stands for one whole label, at the left.", '`host.partition(".")` cuts the first label off.'),
    explanation="One whole label, the leftmost, and nothing else (RFC 9525 section 6.3).",
    right=(
        solution_q2,
        lambda pattern, host: pattern == host or pattern == "*." + host.partition(".")[2],
        lambda pattern, host: covers([pattern], host),
    ),
    wrong=(
        lambda pattern, host: pattern == host,
        lambda pattern, host: host.endswith(pattern.lstrip("*")),
        lambda pattern, host: pattern.lstrip("*.") in host,
        lambda pattern, host: pattern.partition(".")[2] == host.partition(".")[2],
        lambda pattern, host: pattern == host or (pattern[0] == "*" and host.count(".") == 2),
        lambda pattern, host: pattern == host or (pattern[0] == "*" and host.endswith(pattern[1:])),
        lambda pattern, host: fnmatch(host, pattern),
        lambda pattern, host: True,
        "mx.example.com",
    ),
)

q3 = Question(
    "Your MX shows a self-signed certificate. What happens to mail from most other servers? Choose A, B or C.",
    choice(
        "B",
        {
            "A": "They would refuse only if they verified. Between servers most do not.",
            "C": "A certificate that convinces nobody still gives a key to encrypt with.",
        },
    ),
    hints=("Look at the rows for port 25 in section 4.", "Encrypted is one thing, knowing with whom is another."),
    explanation="Opportunistic TLS takes any certificate: listeners read nothing, a man in the middle reads all.",
    right=("B", "b"),
    wrong=("A", "C", 25),
)

q4 = Question(
    "Which client settings leaked the password to none of the men in the middle? Give the set of their names.",
    names({"verify", "implicit"}),
    hints=("Look for the columns without ✗.", "A client that refuses has leaked nothing."),
    explanation="Those that insist on TLS and on the right certificate. With the others it takes one attacker more.",
    right=({"verify", "implicit"}, "verify, implicit", ["implicit", "verify"], "Implicit verify"),
    wrong=({"verify"}, {"implicit"}, {"encrypt", "verify", "implicit"}, {"opportunistic"}, 2, "all"),
)

q5 = Question(
    "In the excerpt from the log: which of the three deliveries (1, 2 or 3) could no man in the middle have read?",
    number(
        3,
        reasons={
            1: "No line about TLS stands before it: it travelled in the clear.",
            2: "`Untrusted` means that nobody vouched for the certificate: it may have been his.",
        },
    ),
    hints=("Which word says that authority and name were both right?", "There are three words, and one line has none."),
    explanation="`Verified`: a trusted authority, and the name that the sender insisted on.",
    right=(3, "3"),
    wrong=(1, 2, 23, "all"),
)

q6 = Question(
    "Which Postfix parameter value makes a client go on only with TLS and a verified certificate? "
    "(smtp_tls_security_level = …)",
    text(
        pattern=r"(?:smtp_tls_security_level\s*=\s*)?(?:secure|verify|fingerprint|dane-only)",
        otherwise="`may` and `dane` may go on without a proof; `encrypt` insists on TLS, but not on whose.",
    ),
    hints=("The levels are none, may, encrypt, …", "Postfix's TLS_README calls it the level for a known relay."),
    explanation="`secure`; or `verify`, which also trusts what the DNS says the host is called; or, with other proofs, "
    "`fingerprint` and `dane-only`.",
    right=("secure", "verify", "Secure ", "smtp_tls_security_level = secure", "fingerprint", "dane-only"),
    wrong=("may", "encrypt", "dane", "none", "smtp_tls_security_level = encrypt", "secured", "secure encrypt", 25),
)

q7 = Question(
    "A new submission server's certificate has the right name in its common name only. What do you do: A, B or C?",
    choice(
        "B",
        {
            "A": "Then they take any certificate at that moment, a man in the middle's as well, and learn to click.",
            "C": "STARTTLS comes to the same certificate, and the programs refuse it there as well.",
        },
    ),
    hints=("Which field of a certificate does a client compare?", "RFC 9525 section 2 has the reason."),
    explanation="Only subjectAltName counts; the common name is free text (RFC 9525 section 2).",
    right=("B", "b"),
    wrong=("A", "C", "CN", 465),
)
