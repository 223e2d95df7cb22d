"""Faults of keys, signatures and domains as they are met, each with the right answer and its clause."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st
from support_dkim_dns import SERVFAIL, serving
from test_dkim import DOMAIN, ED, ED_P, MESSAGE, OTHER, RSA, RSA_P, craft, only, signed, zone

from mailkit import dkim
from mailkit.dkim import diagnosis, job, verifier
from mailkit.dkim.edwards import has_small_order
from mailkit.dkim.records import KeyRecordProblem, is_right, parse_record
from mailkit.network import parse_paste
from mailkit.results import AuthResult, Finding, Verdict


def of(found: list[Finding], selector: str) -> Finding:
    (one,) = [finding for finding in found if finding.subject.startswith(f"{selector}._domainkey.")]
    return one


# --- keys ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [255, 254, 253, 252, 200, 100])
def test_a_record_of_which_the_provider_keeps_the_beginning_is_cut_off(kept):
    """RFC 6376 section 3.6.2.2: the strings of one TXT record are put together; here only the first arrived."""
    with serving(zone(sel=[RSA.record[:kept]])) as net:
        key = dkim.key(DOMAIN, "sel", net=net)
        row = only(dkim.verify(signed(), net=net))
    assert key.verdict is Verdict.FAIL and row.result is AuthResult.PERMERROR
    for reason in (key.reason, row.reason):
        assert "the key is cut off: p= holds " in reason and "of its 294 octets" in reason
        assert ("the other strings are gone" in reason) is (kept == 255)
    assert key.reference == "RFC 6376 §3.6.2.2" and "255 octets each" in key.advice


def test_a_key_with_a_damaged_middle_is_not_called_cut_off():
    for record in (RSA.record.replace("MIIB", "MI*B"), f"v=DKIM1; p={'A' * 392}", "v=DKIM1; p=MII"):
        with pytest.raises(KeyRecordProblem) as raised:
            parse_record(record.encode())
        assert "cut off" not in str(raised.value)


SPKI = base64.b64encode(bytes.fromhex("302a300506032b6570032100") + base64.b64decode(ED_P)).decode()


@pytest.mark.parametrize(
    ("record", "says", "advice"),
    [
        (f"v=DKIM1; k=rsa; p={ED_P}", "the key type is wrong: p= holds 32 octets, an Ed25519 key", "Write k=ed25519."),
        (f"v=DKIM1; p={ED_P}", "the key type is wrong: p= holds 32 octets, an Ed25519 key", "Write k=ed25519."),
        (f"v=DKIM1; k=ed25519; p={RSA_P}", "the key type is wrong: the record says k=ed25519", "Write k=rsa."),
        (f"v=DKIM1; k=rsa; p={SPKI}", "the key type is wrong: the record says k=rsa", "generate"),
        (f"v=DKIM1; k=ed25519; p={SPKI}", "before it 12 octets", "last 32 octets"),
        (f"v=DKIM1; k=ed25519; p={ED_P[:20]}", "32 bare octets, but p= holds 15", "generate"),
    ],
    # The keys are new each time, and the processes that share the tests must call them alike.
    ids=["Ed25519 as RSA", "Ed25519 without k", "RSA as Ed25519", "SPKI as RSA", "SPKI as Ed25519", "a piece"],
)
def test_a_key_under_the_wrong_type(record, says, advice):
    """RFC 8463 section 4: k=ed25519 has the 32 octets alone, k=rsa a SubjectPublicKeyInfo."""
    with serving(zone(sel=[record])) as net:
        key = dkim.key(DOMAIN, "sel", net=net)
    assert key.verdict is Verdict.FAIL
    assert says in key.reason and "cut off" not in key.reason
    assert advice in key.advice


@pytest.mark.parametrize(
    "record",
    [f"v=DKIM1; k=rsa; p={ED_P}", f"v=DKIM1; p={ED_P}", f"v=DKIM1; k=ed25519; p={RSA_P}"],
    ids=["Ed25519 as RSA", "Ed25519 without k", "RSA as Ed25519"],
)
def test_the_right_type_is_offered_and_mends_the_record(record):
    with serving(zone(sel=[record])) as net:
        fix = of(dkim.findings(DOMAIN, net=net, selectors=["sel"]), "sel").fix
    [record] = parse_paste(fix)
    with serving({record.name: [record.value]}) as net:
        assert dkim.key(DOMAIN, "sel", net=net).verdict is Verdict.PASS


# The points of small order and their other spellings, as libsodium refuses them, with both signs.
P = 2**255 - 19
ORDER_8 = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"
WEAK_Y = [0, 1, P - 1, P, P + 1, int.from_bytes(bytes.fromhex(ORDER_8), "little")]
WEAK_Y.append(P - WEAK_Y[-1])
WEAK = [(y | sign << 255).to_bytes(32, "little") for y in WEAK_Y for sign in (0, 1)]


def times_eight_is_neutral(y: int) -> bool:
    """Double the points with this y three times on the Edwards curve of RFC 8032 section 5.1."""
    d = -121665 * pow(121666, -1, P) % P
    square = (y * y - 1) * pow(d * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert x * x % P == square, "there is no such point"
    for _ in range(3):
        product = d * x * x * y * y % P
        x, y = 2 * x * y * pow(1 + product, -1, P) % P, (y * y + x * x) * pow(1 - product, -1, P) % P
    return (x, y) == (0, 1)


@pytest.mark.parametrize("y", WEAK_Y)
def test_the_weak_keys_are_the_points_of_small_order(y):
    assert times_eight_is_neutral(y % P)
    assert has_small_order((y | 1 << 255).to_bytes(32, "little"))


@given(st.integers(2, P - 2))
@settings(max_examples=50, deadline=None)
def test_other_points_are_not_called_weak(y):
    try:
        neutral = times_eight_is_neutral(y)
    except AssertionError:
        return
    assert has_small_order(y.to_bytes(32, "little")) is neutral


@pytest.mark.parametrize("key", WEAK, ids=bytes.hex)
def test_a_key_that_fits_anybodys_signature_is_refused(key):
    record = f"v=DKIM1; k=ed25519; p={base64.b64encode(key).decode()}"
    forged = craft(key=ED.private_key, a="ed25519-sha256")
    with serving(zone(sel=[record])) as net:
        judged = dkim.key(DOMAIN, "sel", net=net)
        row = only(dkim.verify(forged, net=net))
        [finding] = dkim.findings(DOMAIN, net=net, selectors=["sel"])
    assert (judged.verdict, finding.verdict, row.result) == (Verdict.FAIL, Verdict.FAIL, AuthResult.PERMERROR)
    assert "small order" in judged.reason and "small order" in row.reason
    assert "dkim.generate()" in finding.advice


def test_a_signature_that_nobody_made_fits_the_weakest_of_them():
    """The neutral element as key and as R, and zero as S: OpenSSL takes that for a signature of anything."""
    neutral = (1).to_bytes(32, "little")
    made_up = neutral + bytes(32)
    assert is_right(Ed25519PublicKey.from_public_bytes(neutral), made_up, b"anything")
    value = base64.b64encode(made_up).decode()
    forged = craft(key=ED.private_key, a="ed25519-sha256").replace(b"; b=", f"; b={value}; n=".encode())
    with serving(zone(sel=[f"v=DKIM1; k=ed25519; p={base64.b64encode(neutral).decode()}"])) as net:
        assert only(dkim.verify(forged, net=net)).result is AuthResult.PERMERROR


def test_an_ed25519_key_alone_is_good_but_gmail_is_named():
    with serving(zone(sel=[ED.record])) as net:
        key = dkim.key(DOMAIN, "sel", net=net)
    assert key.verdict is Verdict.PASS and "Gmail" in key.advice


# --- signatures ------------------------------------------------------------------------------------------------


def test_an_earlier_signature_may_be_signed_but_never_the_new_one():
    """RFC 6376 section 3.5, h=: it must not name the signature itself, may name others."""
    headers = ["From", "Subject", "DKIM-Signature"]
    with serving(zone(sel=[RSA.record], ed=[ED.record])) as net:
        once = signed(selector="ed", key=ED)
        assert [r.result for r in dkim.verify(signed(once, headers=headers), net=net)] == ["pass", "pass"]
        with pytest.raises(ValueError, match="more often than the 1 that the message has"):
            signed(once, headers=[*headers, "dkim-signature"])
        with pytest.raises(ValueError, match="more often than the 0 that"):
            signed(headers=headers)
        # Whoever did so all the same covered the absence of one more; the signature itself does not count.
        own = craft(once, h="from:dkim-signature:dkim-signature")
        assert [r.result for r in dkim.verify(own, net=net)] == ["pass", "pass"]
        coverage = [str(p.coverage) for p in dkim.anatomy(own) if p.name == "DKIM-Signature"]
        assert coverage == ["signed", "oversigned"]


SINGLE = ["Subject", "To", "Cc", "Reply-To", "Date", "Sender", "Message-ID", "Content-Type", "MIME-Version"]


@pytest.mark.parametrize("name", ["From", *SINGLE])
def test_a_second_field_above_a_signed_one_is_warned_of(name):
    """RFC 6376 sections 8.15 and 5.4.2: the lower one is signed, the upper one is what the reader may be shown."""
    message = MESSAGE if f"\n{name}:".encode() in b"\n" + MESSAGE else f"{name}: one\r\n".encode() + MESSAGE
    headers = list(dict.fromkeys(["From", name]))
    whole = f"{name}: other\r\n".encode() + signed(message, headers=headers)
    with serving(zone(sel=[RSA.record])) as net:
        row = only(dkim.verify(whole, net=net))
        assert only(dkim.verify(signed(message, headers=headers), net=net)).warnings == ()
        oversigned = f"{name}: other\r\n".encode() + signed(message, headers=["From", "From", name, name])
        assert only(dkim.verify(oversigned, net=net)).result == "fail"
    assert (row.result, row.verdict) == ("pass", Verdict.WARN)
    assert row.warnings == (f"there are more {name} fields than the signature covers (RFC 6376 §8.15)",)


def test_fields_that_may_be_there_often_are_not_warned_of():
    message = b"Comments: a\r\n" + signed(b"Comments: b\r\n" + MESSAGE, headers=["From", "Comments"])
    with serving(zone(sel=[RSA.record])) as net:
        assert only(dkim.verify(message, net=net)).warnings == ()
        unsigned = b"Subject: a\r\n" + signed(headers=["From", "To"])  # no Subject is signed: no news
        assert only(dkim.verify(unsigned, net=net)).warnings == ()


U_LABEL, A_LABEL = "bücher.example", "xn--bcher-kva.example"


@pytest.mark.parametrize("domain", [U_LABEL, A_LABEL, A_LABEL.upper()])
@pytest.mark.parametrize("identity", [U_LABEL, A_LABEL, f"news.{U_LABEL}", f"news.{A_LABEL}", None])
@pytest.mark.parametrize("local", ["", "用户", "hanako"])
def test_domain_and_identity_in_either_form(domain, identity, local):
    """RFC 8616 section 5: names are compared in A-labels; the local part may be UTF-8."""
    message = craft(d=domain, **({"i": f"{local}@{identity}"} if identity else {}))
    with serving({f"sel._domainkey.{A_LABEL}": [f"v=DKIM1; t=s; p={RSA_P}"]}) as net:
        strict = only(dkim.verify(message, net=net))
    with serving({f"sel._domainkey.{A_LABEL}": [RSA.record]}) as net:
        assert only(dkim.verify(message, net=net)).result == "pass"
    below = identity is not None and identity.startswith("news.")
    assert strict.result == ("permerror" if below else "pass")


@pytest.mark.parametrize(
    "identity", ["@xn--bcher-kvb.example", "@bucher.example", "a@evilbücher.example", "用户@", "@b b"]
)
def test_an_identity_outside_the_domain_in_either_form(identity):
    with serving({f"sel._domainkey.{A_LABEL}": [RSA.record]}) as net:
        row = only(dkim.verify(craft(d=U_LABEL, i=identity), net=net))
    assert row.result == "permerror" and "i=" in row.reason


@pytest.mark.parametrize("bits", [1024, 2048])
def test_too_short_a_key_is_a_permanent_error_and_a_short_one_is_not(bits):
    pair = dkim.generate(bits=bits)
    with serving(zone(sel=[pair.record])) as net:
        assert only(dkim.verify(signed(key=pair), net=net)).result == "pass"


# --- what a message may cost -----------------------------------------------------------------------------------


def counted(monkeypatch: pytest.MonkeyPatch, module: object, name: str) -> list[int]:
    """Count the calls of the function *name* that *module* makes from now on."""
    calls, function = [0], getattr(module, name)

    def counting(*arguments: object) -> object:
        calls[0] += 1
        return function(*arguments)

    monkeypatch.setattr(module, name, counting)
    return calls


def test_guesses_are_counted_for_the_message_as_a_whole(monkeypatch):
    """Five signatures with five keys each: guessing stops at MAX_GUESSES."""
    many = b"".join(b"Subject: [%d] x\r\n" % n for n in range(60)) + MESSAGE
    headers = ["From", *["Subject"] * 61]
    message = many
    for _ in range(5):
        message = signed(message, selector="ed", key=ED, headers=headers)
    message = message.replace(b"[7] x", b"[7] y")
    calls = counted(monkeypatch, diagnosis, "is_right")
    with serving(zone(ed=[ED.record.replace("; p=", f"; n={n}; p=") for n in range(5)])) as net:
        rows = dkim.verify(message, net=net)
    assert [row.result for row in rows] == ["fail"] * 5
    assert calls[0] == diagnosis.MAX_GUESSES


def test_a_guess_with_an_rsa_key_is_a_hash_and_no_arithmetic(monkeypatch):
    calls = counted(monkeypatch, diagnosis, "is_right")
    with serving(zone(sel=[RSA.record])) as net:
        row = only(dkim.verify(signed().replace(b"Subject: ", b"Subject: [staff] "), net=net))
        other = only(dkim.verify(signed(key=OTHER), net=net))
    assert "“[staff]” was put before the Subject" in row.reason
    assert "not made with the published key" in other.reason
    assert calls[0] == 0


def test_a_body_is_hashed_line_by_line_once_for_all_signatures(monkeypatch):
    message = MESSAGE
    for _ in range(5):
        message = signed(message)
    calls = counted(monkeypatch, job, "line_hashes")
    with serving(zone(sel=[RSA.record])) as net:
        rows = dkim.verify(message + b"a footer\r\n", net=net)
    assert ["1 more were added" in row.reason for row in rows] == [True] * 5
    assert calls[0] == 1


def test_a_body_of_very_many_lines_is_not_hashed_line_by_line():
    body = b"a\r\n" * 30_000
    with serving(zone(sel=[RSA.record])) as net:
        row = only(dkim.verify(signed(MESSAGE + body) + b"x", net=net))
    assert row.reason == "the body differs from the one that was signed (body hash)"


def test_lines_added_within_a_length_are_told():
    whole = len(MESSAGE.partition(b"\r\n\r\n")[2])
    message = signed(MESSAGE + b"end\r\n", body_length=whole)
    with serving(zone(sel=[RSA.record])) as net:
        assert only(dkim.verify(message + b"more\r\n", net=net)).result == "pass"
        assert only(dkim.verify(message.replace(b"Good", b"Bad!"), net=net)).result == "fail"


def test_keys_of_16384_bits_with_every_signature_are_done():
    """The largest that OpenSSL takes; five records of it for each of five signatures."""
    number = (1 << 16383) + 11
    body = _der(0x02, b"\0" + number.to_bytes(2048, "big")) + _der(0x02, b"\1\0\1")
    info = _der(0x30, bytes.fromhex("300d06092a864886f70d0101010500") + _der(0x03, b"\0" + _der(0x30, body)))
    record = f"v=DKIM1; p={base64.b64encode(info).decode()}"
    message = MESSAGE
    for _ in range(5):
        message = craft(message)
    value = base64.b64encode(b"\1" * 2048)
    message = message.replace(b"; b=", b"; b=" + value + b"; n=")
    with serving(zone(sel=[record.replace("; p=", f"; n={n}; p=") for n in range(5)])) as net:
        rows = dkim.verify(message, net=net)
        assert parse_record(record.encode()).bits == 16384
    assert [row.result for row in rows] == ["fail"] * 5


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2, "big")
    return bytes([tag]) + length + content


def test_the_deadline_covers_computing_as_well(monkeypatch):
    """Once the time is over, what is left is not evaluated, though its key is at hand."""
    with serving(zone(sel=[RSA.record])) as net:
        monkeypatch.setattr(verifier, "_DEADLINE", 0.0)
        rows = dkim.verify(signed(signed()), net=net)
    assert [(row.result, row.verdict) for row in rows] == [("temperror", Verdict.UNKNOWN)] * 2
    assert "the time for the whole job was used up" in rows[0].reason


# --- what a report says of a domain ----------------------------------------------------------------------------

TENANT = "kaisha-example._domainkey.tenant.service.example"


def rotating() -> dict:
    records = zone(selector1={"CNAME": f"selector1-{TENANT}"}, selector2={"CNAME": f"selector2-{TENANT}"})
    return {**records, f"selector1-{TENANT}": [RSA.record], "tenant.service.example": ["x"]}


def test_the_spare_alias_of_a_service_that_rotates_keys_is_left_alone():
    """RFC 6376 section 3.1: selectors let keys be changed; deleting the second one breaks that."""
    with serving(rotating()) as net:
        found = dkim.findings(DOMAIN, net=net)
        trials = {trial.selector: trial.status for trial in dkim.selectors(DOMAIN, net=net)}
    spare = of(found, "selector2")
    assert (of(found, "selector1").verdict, spare.verdict) == (Verdict.PASS, Verdict.INFO)
    assert trials["selector2"] == "spare"
    assert spare.advice.startswith("Leave it") and "elete" not in spare.advice
    assert spare.reference == "RFC 6376 section 3.1"


@pytest.mark.parametrize("named", [None, ["selector1", "k1"]])
def test_a_dangling_alias_is_asked_about_before_it_is_taken_away(named):
    records = {**rotating(), **zone(k1={"CNAME": "k1.gone.example"})}
    with serving(records) as net:
        finding = of(dkim.findings(DOMAIN, net=net, selectors=named), "k1")
    assert finding.verdict is Verdict.WARN
    assert finding.advice.startswith("Ask whoever runs k1.gone.example") and "Only if" in finding.advice
    assert "section 8.5" not in finding.reference


def test_a_selector_that_its_user_names_and_that_has_no_key_is_warned_of():
    """Who names it says that mail is signed with it: without a record, and with an alias that leads nowhere."""
    records = {**rotating(), **zone(k1={"CNAME": "k1.gone.example"})}
    names = ["selector1", "nosuch", "k1"]
    with serving(records) as net:
        found = dkim.findings(DOMAIN, net=net, selectors=names)
        alone = dkim.findings(DOMAIN, net=net, selectors=["nosuch"])
    assert [f.verdict for f in found] == [Verdict.PASS, Verdict.WARN, Verdict.WARN]
    assert alone[0].verdict is Verdict.FAIL
    assert "leads to no key" in found[2].evidence


@pytest.mark.parametrize("record", ["v=DKIM1; p=", "v=DKIM1; k=rsa; p=;", "p="])
@pytest.mark.parametrize("named", [None, ["s1"], ["s1", "s2"]])
def test_a_parked_domain_whose_wildcard_revokes_every_key_has_no_fault(record, named):
    records = {DOMAIN: ["v=spf1 -all"], f"*._domainkey.{DOMAIN}": [record]}
    with serving(records) as net:
        found = dkim.findings(DOMAIN, net=net, selectors=named)
        last = dkim.selectors(DOMAIN, net=net)[-1]
    assert {f.verdict for f in found} == {Verdict.INFO}
    assert last.verdict is Verdict.INFO and "revokes" in last.reason


def test_a_domain_that_sends_needs_its_named_keys_whatever_the_wildcard():
    records = {DOMAIN: ["v=spf1 mx -all"], f"*._domainkey.{DOMAIN}": ["v=DKIM1; p="]}
    with serving(records) as net:
        assert [f.verdict for f in dkim.findings(DOMAIN, net=net, selectors=["s1"])] == [Verdict.WARN]


def test_a_parked_domain_without_any_name_needs_no_named_key():
    with serving({DOMAIN: ["v=spf1 -all"]}) as net:
        assert [f.verdict for f in dkim.findings(DOMAIN, net=net, selectors=["s1"])] == [Verdict.INFO]
    with serving({DOMAIN: ["v=spf1 -all"], **zone(s1=SERVFAIL)}) as net:
        assert [f.verdict for f in dkim.findings(DOMAIN, net=net, selectors=["s1"])] == [Verdict.UNKNOWN]


def test_a_survey_of_guesses_says_the_same_of_an_alias():
    records = {**rotating(), **zone(k1={"CNAME": "k1.gone.example"})}
    with serving(records) as net:
        guessed = {key.selector: key.verdict for key in dkim.published_keys(DOMAIN, net=net)}
        named = {key.selector: key.verdict for key in dkim.published_keys(DOMAIN, list(guessed), net=net)}
    assert guessed == {"selector1": Verdict.PASS, "selector2": Verdict.INFO, "k1": Verdict.WARN}
    assert named == {"selector1": Verdict.PASS, "selector2": Verdict.FAIL, "k1": Verdict.FAIL}


def test_without_keys_and_without_an_answer_on_spf_nothing_is_concluded():
    with serving({DOMAIN: SERVFAIL}) as net:
        [finding] = dkim.findings(DOMAIN, net=net)
    assert finding.verdict is Verdict.UNKNOWN and "could not be looked up" in finding.advice


@pytest.mark.parametrize(
    ("below", "above", "spf", "verdict"),
    [
        (f"news.{DOMAIN}", zone(s1=[RSA.record]), "v=spf1 mx -all", Verdict.UNKNOWN),
        (f"a.b.{DOMAIN}", zone(s1=[RSA.record]), "v=spf1 mx -all", Verdict.UNKNOWN),
        (f"news.{DOMAIN}", zone(s1=[RSA.record]), "v=spf1 -all", Verdict.INFO),
        (f"news.{DOMAIN}", {}, "v=spf1 mx -all", Verdict.WARN),
    ],
)
def test_a_domain_without_keys_below_one_that_signs_may_be_signed_for(below, above, spf, verdict):
    """A signature of the organization counts for what is below it (RFC 9989 section 4.4)."""
    with serving({DOMAIN: ["v=spf1 -all"], below: [spf], **above}) as net:
        [finding] = dkim.findings(below, net=net)
    assert finding.verdict is verdict
    assert (f"d={DOMAIN}" in finding.advice) is (verdict is Verdict.UNKNOWN)


def test_of_a_domain_that_says_nothing_of_mail_no_key_is_demanded():
    with serving({f"www.{DOMAIN}": ["hello"], DOMAIN: ["hello"]}) as net:
        [finding] = dkim.findings(DOMAIN, net=net)
    assert finding.verdict is Verdict.INFO and "if it sends none" in finding.advice


def test_where_the_dns_is_silent_about_keys_there_is_nothing_to_name():
    with serving({DOMAIN: ["v=spf1 mx -all"], f"*._domainkey.{DOMAIN}": SERVFAIL}) as net:
        [finding] = dkim.findings(DOMAIN, net=net)
    assert (finding.verdict, finding.advice) == (Verdict.UNKNOWN, "Ask again later.")


def test_advice_to_delete_is_never_given_outright():
    records = {
        **rotating(),
        **zone(k1={"CNAME": "k1.gone.example"}, default=["p="], mail=["hello"], s1=[RSA.record] * 2),
    }
    with serving(records) as net:
        advice = [f.advice for f in dkim.findings(DOMAIN, net=net)]
    assert advice and not [text for text in advice if "elete" in text]


# A resolver that denies every name ----------------------------------------------------------------------------------


def test_a_resolver_that_denies_every_name_is_not_believed():
    with serving({}) as lying:
        key = dkim.key(DOMAIN, "sel", net=lying)
        [named] = dkim.published_keys(DOMAIN, ["sel"], net=lying)
        [rest] = dkim.selectors(DOMAIN, net=lying)
        [row] = dkim.verify(signed(), net=lying)
        found = [*dkim.findings(DOMAIN, net=lying), *dkim.findings(DOMAIN, net=lying, selectors=["sel"])]
    for verdict in (key.verdict, named.verdict, rest.verdict, row.verdict, *(finding.verdict for finding in found)):
        assert verdict is Verdict.UNKNOWN
    assert row.result == "temperror" and not any(finding.fix for finding in found)
    for said in (key.reason, named.reason, rest.reason, row.reason, *(finding.evidence for finding in found)):
        assert "the resolver that is asked from here says of names that must exist that they do not" in said


def test_a_revoked_key_under_a_guessed_name_is_no_warning():
    """Nobody said that the domain signs with it; under a name that its user gives, it is one."""
    with serving(zone(sel=[RSA.record], k1=["v=DKIM1; p="], google=[RSA.record])) as net:
        assert of(dkim.findings(DOMAIN, net=net), "k1").verdict is Verdict.INFO
        assert of(dkim.findings(DOMAIN, net=net, selectors=["sel", "k1"]), "k1").verdict is Verdict.WARN
