"""The practice internet's IMAP servers: read by imaplib and curl, and talked to by a client that means no good."""

from __future__ import annotations

import imaplib
import re
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from support_mailboxes import PATIENCE, imap, raw, say_and_listen

from mailkit import clients
from mailkit.lab import Lab

HOST, HANAKO, TARO = "imap.kaisha.example", "hanako@kaisha.example", "taro@kaisha.example"


@pytest.fixture(scope="module")
def world() -> Iterator[Lab]:
    with Lab() as running:
        yield running
        assert running.errors == []


@pytest.fixture
def lab(world: Lab) -> Lab:
    world.reset()
    return world


def letter(number: int = 1, text: str = "Hello", **fields: str) -> bytes:
    head = {"From": "Bob <bob@example.org>", "To": HANAKO, "Subject": f"Letter {number}", **fields}
    return "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in head.items()).encode() + (
        f"\r\n{text}\r\n".encode()
    )


def filled(lab: Lab, count: int = 3) -> imaplib.IMAP4:
    """A client that has selected an INBOX with *count* messages."""
    for number in range(1, count + 1):
        lab.mailboxes.put(HANAKO, "bob@example.org", letter(number))
    client = imap(lab, HOST, 993, user=HANAKO)
    assert client.select() == ("OK", [str(count).encode()])
    return client


# What is offered before TLS and inside it.


@pytest.mark.parametrize(
    ("host", "port", "before", "after"),
    [
        (HOST, 143, {"STARTTLS", "LOGINDISABLED"}, {"AUTH=SCRAM-SHA-256", "AUTH=PLAIN", "AUTH=LOGIN"}),
        ("pop.isp.example", 143, {"STARTTLS", "LOGINDISABLED"}, {"AUTH=PLAIN", "AUTH=LOGIN"}),
        ("imap.mistakes.example", 143, {"STARTTLS", "AUTH=PLAIN", "AUTH=LOGIN"}, {"AUTH=PLAIN", "AUTH=LOGIN"}),
        (HOST, 993, None, {"AUTH=SCRAM-SHA-256", "AUTH=PLAIN", "AUTH=LOGIN"}),
    ],
)
def test_capabilities(lab: Lab, host: str, port: int, before: set[str] | None, after: set[str]) -> None:
    always = {"IMAP4REV1", "LITERAL+", "SASL-IR"}
    client = imap(lab, host, port)
    if before is not None:
        assert set(client.capabilities) == always | before
        client.starttls(lab.network().tls_context())
    assert set(client.capabilities) == always | after
    client.logout()


def test_no_login_before_tls(lab: Lab) -> None:
    with raw(lab, HOST, 143) as client:
        assert client.ask(f'a LOGIN {HANAKO} "{lab.account(HANAKO).password}"').startswith("a NO [PRIVACYREQUIRED]")
        assert client.ask("b AUTHENTICATE PLAIN AGEAYg==").startswith("b NO [PRIVACYREQUIRED]")
        # A password in a literal is not asked for.
        assert client.ask(f"c LOGIN {HANAKO} {{6}}").startswith("c NO [PRIVACYREQUIRED]")
        assert client.ask("d NOOP") == "d OK Nothing done"
    assert not any("password" in entry.event for entry in lab.log)


def test_the_same_accounts_as_for_handing_mail_in(lab: Lab) -> None:
    credentials = lab.account(HANAKO)
    sent = clients.send(
        "smtp.kaisha.example", 465, letter(), sender=HANAKO, recipients=[HANAKO], net=lab.network(),
        credentials=credentials,
    )  # fmt: skip
    assert sent.outcome == "open"
    lab.settle()
    client = imap(lab, HOST, 143, user=HANAKO)
    assert client.select()[1] == [b"1"]
    client.logout()
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        imap(lab, HOST, 993).login(HANAKO, "wrong")
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):  # an account of somebody else's server
        imap(lab, HOST, 993).login("jiro@isp.example", lab.account("jiro@isp.example").password)


@pytest.mark.parametrize(("mechanism", "good"), [("PLAIN", True), ("PLAIN", False), ("LOGIN", True)])
def test_authenticate(lab: Lab, mechanism: str, good: bool) -> None:
    password = lab.account(HANAKO).password if good else "wrong"
    answers = iter([HANAKO, password])
    said = {"PLAIN": lambda _: f"\0{HANAKO}\0{password}".encode(), "LOGIN": lambda _: next(answers).encode()}
    client = imap(lab, HOST, 993)
    if good:
        assert client.authenticate(mechanism, said[mechanism])[0] == "OK"
        assert client.list()[0] == "OK"
    else:
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            client.authenticate(mechanism, said[mechanism])
    client.logout()


def test_mechanisms_that_are_not_there_and_exchanges_that_break_off(lab: Lab) -> None:
    with raw(lab, HOST, 993) as client:
        assert client.ask("a AUTHENTICATE CRAM-MD5") == "a NO Unrecognized authentication type"
        assert client.ask("b AUTHENTICATE PLAIN") == "+ "
        assert client.ask("*") == "b BAD Authentication cancelled"
        assert client.ask("c AUTHENTICATE PLAIN %%%") == "c BAD Cannot decode base64"
        assert client.ask("d AUTHENTICATE").startswith("d BAD")
        assert client.ask("e SELECT INBOX") == "e BAD Log in first"


# STARTTLS.


def test_nothing_said_in_the_clear_counts_inside_tls(lab: Lab) -> None:
    with raw(lab, HOST, 143) as client:
        client.say(b"a STARTTLS\r\nb LOGOUT\r\n")
        assert client.line() == "a BAD Nothing may follow STARTTLS before TLS begins"
        # What was said ahead is forgotten, and the conversation goes on in the clear.
        assert client.ask("c NOOP") == "c OK Nothing done"


def test_starttls_once_only(lab: Lab) -> None:
    with raw(lab, HOST, 993) as client:
        assert client.ask("a STARTTLS") == "a BAD This is inside TLS already"


def test_a_handshake_that_is_none_ends_the_connection(lab: Lab) -> None:
    with raw(lab, HOST, 143) as client:
        assert client.ask("a STARTTLS") == "a OK Begin TLS now"
        client.say(b"b NOOP\r\n" * 20)
        assert client.line() == ""


# Reading.


def test_fetch(lab: Lab) -> None:
    client = filled(lab)
    status, (described,) = client.fetch("2", "(FLAGS UID INTERNALDATE RFC822.SIZE ENVELOPE)")
    assert status == "OK" and isinstance(described, bytes)
    assert described == (
        b'2 (FLAGS () UID 2 INTERNALDATE "24-Nov-2026 00:00:00 +0000" RFC822.SIZE %d ENVELOPE (NIL "Letter 2" '
        b'(("Bob" NIL "bob" "example.org")) (("Bob" NIL "bob" "example.org")) (("Bob" NIL "bob" "example.org")) '
        b'((NIL NIL "hanako" "kaisha.example")) NIL NIL NIL NIL))' % len(letter(2))
    )
    assert client.fetch("1", "(BODY.PEEK[])")[1][0] == (b"1 (BODY[] {%d}" % len(letter()), letter())
    assert client.fetch("1", "(FLAGS)")[1] == [b"1 (FLAGS ())"]  # looked at, not read
    assert client.fetch("1", "(RFC822)")[1][0] == (b"1 (RFC822 {%d}" % len(letter()), letter())
    assert client.fetch("1", "(FLAGS)")[1] == [b"1 (FLAGS (\\Seen))"]
    assert client.fetch("3", "BODY.PEEK[HEADER.FIELDS (SUBJECT X-NONE)]")[1][0][1] == b"Subject: Letter 3\r\n\r\n"
    assert client.fetch("3", "BODY.PEEK[HEADER.FIELDS.NOT (From To)]")[1][0][1] == b"Subject: Letter 3\r\n\r\n"
    assert client.fetch("3", "BODY.PEEK[TEXT]")[1][0][1] == b"Hello\r\n"
    assert client.fetch("3", "BODY.PEEK[1]<1.3>")[1][0] == (b"3 (BODY[1]<1> {3}", b"ell")
    assert client.uid("FETCH", "2:*", "(UID)")[1] == [b"2 (UID 2)", b"3 (UID 3)"]
    assert client.fetch("*", "FAST")[1][0].startswith(b"3 (FLAGS () INTERNALDATE")
    client.logout()


def test_the_parts_of_a_message(lab: Lab) -> None:
    message = EmailMessage(policy=policy.SMTP)
    message["From"], message["To"], message["Subject"] = "bob@example.org", HANAKO, "Parts"
    message.set_content("plain")
    message.add_alternative("<p>rich</p>", subtype="html")
    message.add_attachment(b"\0\1\2", maintype="application", subtype="pdf", filename="a.pdf")
    message.add_attachment(message_from_bytes(letter(7), policy=policy.SMTP))
    lab.mailboxes.put(HANAKO, "bob@example.org", message.as_bytes())
    client = imap(lab, HOST, 993, user=HANAKO)
    client.select(readonly=True)

    def section(name: str) -> bytes | None:
        found = client.fetch("1", f"(BODY.PEEK[{name}])")[1][0]
        return bytes(found[1]) if isinstance(found, tuple) else None

    assert section("1.1") == b"plain\r\n" and section("1.2") == b"<p>rich</p>\r\n"
    assert section("2") is not None and b"AAEC" in (section("2") or b"")
    assert section("3.HEADER") == b"".join(letter(7).partition(b"\r\n\r\n")[:2])
    assert section("3.1") == b"Hello\r\n" and section("4") is None and section("1.3") is None
    assert (section("1.2.MIME") or b"").startswith(b"Content-Type: text/html")
    whole = " ".join(
        piece.decode() for found in client.fetch("1", "(BODYSTRUCTURE)")[1]
        for piece in (found if isinstance(found, tuple) else (found,))
    )  # fmt: skip
    shapes = re.findall(r'"(TEXT|APPLICATION|MESSAGE|ALTERNATIVE|MIXED)"(?: "(PLAIN|HTML|PDF|RFC822)")?', whole, re.I)
    assert [kind.upper() for kind, _ in shapes] == [
        "TEXT", "TEXT", "ALTERNATIVE", "APPLICATION", "MESSAGE", "TEXT", "MIXED",
    ]  # fmt: skip
    client.logout()


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ("ALL", "1 2 3"),
        ("UNSEEN", "2 3"),
        ("SEEN", "1"),
        ("NOT SEEN", "2 3"),
        ('SUBJECT "letter 2"', "2"),
        ("OR 1 3", "1 3"),
        ("(OR SUBJECT 1 SUBJECT 2) UNSEEN", "2"),
        ("UID 2:*", "2 3"),
        ("2:3 UNDELETED", "2 3"),
        ("FROM bob TO hanako", "1 2 3"),
        ("HEADER X-Number three", "3"),
        ('HEADER X-Number ""', "3"),
        ("BODY hello", "1 2 3"),
        ("TEXT x-number", "3"),
        ("SINCE 24-Nov-2026", "1 2 3"),
        ("BEFORE 24-Nov-2026", ""),
        ("ON 24-Nov-2026 SMALLER 1000 LARGER 10", "1 2 3"),
        ("SENTBEFORE 1-Jan-2020", "3"),
        ("KEYWORD Important", "2"),
        ("NEW", ""),
    ],
)
def test_search(lab: Lab, keys: str, found: str) -> None:
    for number in (1, 2):
        lab.mailboxes.put(HANAKO, "bob@example.org", letter(number))
    odd = letter(3, X_Number="three", Date="Tue, 1 Jan 2019 09:00:00 +0900")
    lab.mailboxes.put(HANAKO, "bob@example.org", odd)
    client = imap(lab, HOST, 993, user=HANAKO)
    client.select()
    client.store("1", "+FLAGS", "\\Seen")
    client.store("2", "+FLAGS", "Important")
    assert client.search(None, keys) == ("OK", [found.encode()])
    client.logout()


def test_search_for_japanese(lab: Lab) -> None:
    lab.mailboxes.put(HANAKO, "bob@example.org", letter(Subject="=?UTF-8?B?5pel5pys6Kqe?="))
    client = imap(lab, HOST, 993, user=HANAKO)
    client.select()
    client.literal = "日本".encode()
    assert client.search("UTF-8", "SUBJECT") == ("OK", [b"1"])
    assert client._simple_command("SEARCH", "CHARSET", "KOI8-R", "ALL")[0] == "NO"
    client.logout()


def test_store_expunge_and_copy(lab: Lab) -> None:
    client = filled(lab, 4)
    assert client.store("2:3", "+FLAGS", "(\\Deleted \\flagged)")[1] == [
        b"2 (FLAGS (\\Deleted \\Flagged))", b"3 (FLAGS (\\Deleted \\Flagged))",
    ]  # fmt: skip
    assert client.store("3", "-FLAGS.SILENT", "\\Deleted") == ("OK", [None])
    assert client.copy("3", "Junk") == ("OK", [b"[COPYUID %d 3 1] Copied" % lab.mailboxes.uid_validity])
    assert client.copy("3", "Nowhere")[0] == "NO"
    assert client.expunge() == ("OK", [b"2"])
    assert client.fetch("1:*", "(UID)")[1] == [b"1 (UID 1)", b"2 (UID 3)", b"3 (UID 4)"]
    client.uid("STORE", "1,4", "FLAGS", "(\\Deleted)")
    assert client.uid("EXPUNGE", "4")[0] == "OK"
    assert [mail.uid for mail in lab.inbox(HANAKO)] == [1, 3]
    client.close()
    assert [mail.uid for mail in lab.inbox(HANAKO)] == [3]
    assert [mail.flags for mail in lab.inbox(HANAKO, "Junk")] == [frozenset({"\\Flagged"})]
    client.logout()


def test_examine_changes_nothing(lab: Lab) -> None:
    filled(lab).logout()
    client = imap(lab, HOST, 993, user=HANAKO)
    client.select(readonly=True)
    client.fetch("1", "(BODY[])")
    assert client._simple_command("STORE", "1", "+FLAGS", "(\\Seen)")[0] == "NO"
    assert client._simple_command("EXPUNGE")[0] == "NO"
    assert client.close()[0] == "OK"
    assert [mail.flags for mail in lab.inbox(HANAKO)] == [frozenset()] * 3
    client.logout()


def test_append(lab: Lab) -> None:
    client = imap(lab, HOST, 993, user=HANAKO)
    when = datetime(2020, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert client.append("Junk", "(\\Seen)", imaplib.Time2Internaldate(when), letter())[0] == "OK"
    (mail,) = lab.inbox(HANAKO, "Junk")
    assert (mail.message, mail.flags, mail.received) == (letter(), {"\\Seen"}, when)
    status, said = client.append("Sent", None, None, letter())
    assert status == "NO" and said[0].startswith(b"[TRYCREATE]")
    assert client.create("Sent")[0] == "OK" and client.create("Sent")[0] == "NO"
    assert client.append("Sent", None, None, letter())[0] == "OK"
    assert client.list()[1] == [b'(\\HasNoChildren) "/" "%s"' % name for name in (b"INBOX", b"Junk", b"Sent")]
    assert client.list('""', "S%")[1] == [b'(\\HasNoChildren) "/" "Sent"']
    assert client.status("Sent", "(MESSAGES UNSEEN UIDNEXT)")[1] == [b'"Sent" (MESSAGES 1 UNSEEN 1 UIDNEXT 2)']
    assert client.delete("Sent")[0] == "OK" and client.delete("INBOX")[0] == "NO"
    client.logout()


def test_numbers_change_only_when_the_client_is_told(lab: Lab) -> None:
    client, other = filled(lab), imap(lab, HOST, 993, user=HANAKO)
    other.select()
    other.store("1", "+FLAGS", "\\Deleted")
    other.expunge()
    lab.mailboxes.put(HANAKO, "bob@example.org", letter(4))
    assert client.fetch("2", "(UID)")[1] == [b"2 (UID 2)"]  # number 2 is still the same message
    assert client._simple_command("FETCH", "1", "(UID)")[0] == "NO"  # and number 1 is gone
    client.untagged_responses.clear()
    assert client.noop()[0] == "OK"
    assert client.untagged_responses["EXPUNGE"] == [b"1"] and client.untagged_responses["EXISTS"] == [b"3"]
    assert client.fetch("1:*", "(UID)")[1] == [b"1 (UID 2)", b"2 (UID 3)", b"3 (UID 4)"]
    for one in (client, other):
        one.logout()


def test_a_mailbox_that_begins_anew_ends_the_conversation(lab: Lab) -> None:
    client = filled(lab)
    lab.reset()
    with pytest.raises(imaplib.IMAP4.abort, match="begins anew"):
        client.fetch("1", "(UID)")


# Size.


def test_ten_thousand_messages(lab: Lab) -> None:
    client = filled(lab, 10_000)
    status, found = client.fetch("1:*", "(UID FLAGS ENVELOPE)")
    assert status == "OK" and len(found) == 10_000
    assert client.search(None, "SUBJECT", '"Letter 9999"')[1] == [b"9999"]
    assert len(client.store("1:*", "+FLAGS", "\\Deleted")[1]) == 10_000
    assert client._simple_command("EXPUNGE")[0] == "OK" and len(lab.inbox(HANAKO)) == 0
    client.logout()


def test_a_message_of_fifty_megabytes(lab: Lab) -> None:
    content = letter(text="x" * 76 + ("\r\n" + "y" * 76) * 640_000)
    assert len(content) > 50 * 1000 * 1000 - 2_000_000
    client = imap(lab, HOST, 993, user=HANAKO)
    assert client.append("INBOX", None, None, content)[0] == "OK"
    client.select()
    assert client.fetch("1", "(RFC822.SIZE)")[1] == [b"1 (RFC822.SIZE %d)" % len(content)]
    assert client.fetch("1", "(BODY.PEEK[]<10.20>)")[1][0][1] == content[10:30]
    assert client.fetch("1", "(BODY[])")[1][0][1] == content
    assert client.search(None, "TEXT", "yyyyz")[1] == [b""]
    client.logout()


# Hostile clients.


@pytest.mark.parametrize(
    "said",
    [
        b"x" * 200_000,
        b"a LOGIN {4000000000}\r\n",
        b"a LOGIN {4000000000+}\r\n" + b"x" * 1000,
        b"a NOOP {99999+}\r\n",
        b"a NOOP " + b"(" * 60_000 + b"\r\n",
        b"\0\0\0\r\n" * 100,
        b"a FETCH\r\n" * 100,
        b"a LOGIN x y\r\n" * 100,
        b"\r\n" * 100,
        b"GET / HTTP/1.1\r\nHost: imap\r\n\r\n",
        b"a \xff\xfe\r\n",
        b"a NOOP " + b"{1}\r\nx" * 100,
    ],
    ids=lambda said: repr(said[:24]),
)
def test_nonsense_costs_nobody_anything(lab: Lab, said: bytes) -> None:
    say_and_listen(lab, HOST, 993, said)
    imap(lab, HOST, 993, user=HANAKO).logout()  # it serves the next one


@pytest.mark.parametrize(
    "command",
    [
        "SELECT", "SELECT Nowhere", "SELECT (INBOX)", "FETCH 1 FLAGS", "STATUS INBOX MESSAGES", "LIST a",
        "CREATE " + "x" * 300, 'CREATE "a\x07b"', "APPEND INBOX", "RENAME INBOX Other", "STATUS INBOX (NONSENSE)",
        "NONSENSE", "UID FETCH 1 FLAGS", 'LOGIN "open', "SELECT INBOX)", "SELECT BODY[", "LOGIN a b",
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_and_the_conversation_goes_on(lab: Lab, command: str) -> None:
    client = imap(lab, HOST, 993, user=HANAKO)
    client.send(f"t1 {command}\r\nt2 NOOP\r\n".encode())
    lines = []
    while not lines or not lines[-1].startswith(b"t2"):
        lines.append(client.readline())
    assert re.match(rb"t1 (BAD|NO) [ -~]+\r\n", lines[0]) and lines[-1] == b"t2 OK Nothing done\r\n"
    client.send(b"t3 LOGOUT\r\n")


@pytest.mark.parametrize(
    "command",
    [
        "FETCH 1", "FETCH 0 FLAGS", "FETCH 1:2:3 FLAGS", "FETCH abc FLAGS", "FETCH 1 NONSENSE",
        "FETCH 1 BODY[NONSENSE]",
        "FETCH 1 (BODY[HEADER.FIELDS])", "FETCH 1 BODY[1.2.3.4.5.6.7.8.9.10.11.12]",
        "FETCH 1," + "1," * 2000 + "1 FLAGS",
        "FETCH 1 (" + "UID " * 60 + ")", "STORE 1", "STORE 1 NONSENSE (a)", "STORE 1 FLAGS (\\Nonsense)",
        'STORE 1 FLAGS ("a")', "SEARCH", "SEARCH NONSENSE", "SEARCH " + "NOT " * 100 + "ALL", "SEARCH " + "ALL " * 100,
        "SEARCH SINCE yesterday", "SEARCH LARGER x", "SEARCH ON 31-Feb-2026", 'SEARCH "ALL"', "COPY 1",
        "UID", "UID NOOP", "UID EXPUNGE", "SEARCH FROM", "SEARCH UID x",
    ],
)  # fmt: skip
def test_what_makes_no_sense_in_a_folder_is_refused(lab: Lab, command: str) -> None:
    client = filled(lab)
    client.send(f"t1 {command}\r\nt2 NOOP\r\n".encode())
    assert client.readline().startswith(b"t1 BAD")
    assert client.readline() == b"t2 OK Nothing done\r\n"
    client.send(b"t3 LOGOUT\r\n")


def test_hostile_messages_are_described(lab: Lab) -> None:
    nested = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 200
    wide = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 2000
    enclosed = b"Content-Type: message/rfc822\r\n\r\n" * 500
    odd = [
        nested, wide, enclosed, b"", b"\r\n", b"no header at all", b"From: " + b"a@b.c, " * 20_000 + b"\r\n\r\n",
        b"Subject: \xff\xfe\r\nFrom: \xff <\xff@x>\r\n\r\n", b"Content-Type: \r\n\r\nx", b"Date: x" * 1000,
        b"Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n",
        b"Content-Type: text/plain; x*0=a; x*1*=b\r\n\r\n",
        b"Subject: " + b"=?utf-8?b?!!!?=" * 1000 + b"\r\n\r\n", b"From: " + b"(" * 5000 + b"\r\n\r\n",
    ]  # fmt: skip
    for content in odd:
        lab.mailboxes.put(HANAKO, "bob@example.org", content)
    client = imap(lab, HOST, 993, user=HANAKO)
    client.select()
    for number, content in enumerate(odd, 1):
        assert client.fetch(str(number), "(ENVELOPE BODYSTRUCTURE BODY BODY.PEEK[1])")[0] == "OK", content[:60]
        assert client.search(None, str(number), "SUBJECT x SENTON 1-Jan-2020 TEXT y")[0] == "OK", content[:60]
    client.logout()


# Foreign clients.


def test_curl_reads_and_appends(lab: Lab, peer: Callable[[str, str], str], tmp_path: Path) -> None:
    lab.mailboxes.put(HANAKO, "bob@example.org", letter())
    config = tmp_path / "curlrc"
    config.write_text(
        f'user = "{HANAKO}:{lab.account(HANAKO).password}"\ncacert = "{lab.ca_file}"\n'
        f'proxy = "socks5h://office:x@127.0.0.1:{lab.socks_port}"\n'
    )
    new = tmp_path / "new.eml"
    new.write_bytes(letter(2))

    def curl(*arguments: object) -> bytes:
        command = [peer("curl", "curl"), "--silent", "--show-error", "--config", config, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert curl(f"imaps://{HOST}/INBOX;UID=1") == letter()
    assert curl("--ssl-reqd", f"imap://{HOST}/INBOX;UID=1;SECTION=TEXT") == b"Hello\r\n"
    curl(f"imaps://{HOST}/INBOX", "--upload-file", new)
    assert [mail.message for mail in lab.inbox(HANAKO)] == [letter(), letter(2)]
    assert curl(f"imaps://{HOST}/INBOX?ALL") == b"* SEARCH 1 2\r\n"
    assert b'"Junk"' in curl(f"imaps://{HOST}/")
