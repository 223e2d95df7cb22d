"""The command lines that the lessons offer under "In your own terminal": each works as printed.

A practice internet runs in this process; its ports and its CA file stand in for the words in capitals, as a reader
puts them in.  What needs a tool that this machine lacks is skipped, saying so.
"""

from __future__ import annotations

import os
import re
import shlex
import smtplib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support_notebooks import sections_of_text

from mailkit import workbook
from mailkit.lab import Lab
from mailkit.lab.commands import answer

# Lesson -> for each command in the order of the page: what it must show, and its exit status.
EXPECTED = {
    "00_start_here": [("10 mx.isp.example.", 0), ("220 mx.isp.example", 0), ("250 2.0.0 Ok: queued as", 0)],
    "01_op25b": [("10 mx.kaisha.example.", 0), ("mx.kaisha.example.", 0), ("", 0), ("", 28)],
    "02_smtp_auth": [
        ("465 smtp.kaisha.example.", 0),
        ("250 PIPELINING", 0),
        ("250 PIPELINING", 0),
        ("235 2.7.0 Authentication successful", 0),
    ],
    "03_tls": [
        ("Verified peername: smtp.kaisha.example", 0),
        ("hostname mismatch", 1),
        ("error:", 1),
        ("Verified peername: common-name.mistakes.example", 0),
        ("TLS started with cipher TLSv1.3", 0),
    ],
    "04_spf": [
        ('300\tIN\tTXT\t"v=spf1 mx a:smtp.kaisha.example -all"', 0),
        ("v=spf1 include:_a._spf.sender.example include:_b._spf.sender.example ~all", 0),
        ("ANSWER: 0,", 0),
        ("v=spf1 ip4:192.0.2.1 -all", 0),
    ],
    "05_dkim": [
        ('"v=DKIM1; k=rsa; p=MII', 0),
        ("s1._domainkey.sender.example.", 0),
        ("MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A", 0),  # how every RSA key of 2048 bits begins
    ],
    "06_dmarc": [
        ("v=DMARC1; p=quarantine; rua=mailto:dmarc-reports@kaisha.example", 0),
        ("status: NXDOMAIN", 0),
        ("250 2.0.0 Ok: queued as", 0),
    ],
    "07_transport_policy": [
        ("v=STSv1; id=20261101", 0),
        ("mode: enforce", 0),
        ("RRSIG\tTLSA", 0),
        ("Verification: OK", 0),
    ],
    "08_mailboxes": [
        ("993 imap.kaisha.example.", 0),
        ("Verification: OK", 0),
        ("Verify return code: 0 (ok)", 0),
        ("AUTH=PLAIN", 0),
    ],
    "10_services": [
        ("s1._domainkey.sender.example.", 0),
        ("10 relay.sender.example.", 0),
        ("vm-203-0-113-77.cloud.example.", 0),
        ("", 0),
    ],
}
PACKAGES = {
    "dig": "bind9-dnsutils",
    "nc": "netcat-openbsd",
    "swaks": "swaks libnet-ssleay-perl",
    "openssl": "openssl",
    "curl": "curl",
}
TYPED = {"nc": "QUIT\r\n", "openssl": "EHLO me\nquit\n", "swaks": "practice-only\n"}
PASSWORD, IN_BASE64 = "practice-only", "cHJhY3RpY2Utb25seQ"


def command_lines(lesson: str) -> tuple[str, list[str]]:
    """The text of the lesson's section, and the commands in its first fence, continued lines joined."""
    (path,) = (path for path in workbook.lessons() if path.stem == lesson)
    cell = sections_of_text(workbook.read(path))["In your own terminal"]
    fence = re.split(r"^```$", cell, flags=re.MULTILINE)[1]
    return cell, [line.strip() for line in re.sub(r"\\\n\s*", "", fence).splitlines() if line.strip()]


CASES = [
    pytest.param(lesson, number, id=f"{lesson}-{number}-{command_lines(lesson)[1][number].split()[0]}")
    for lesson, expected in EXPECTED.items()
    for number in range(len(expected))
]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as running:
        yield running


@pytest.mark.parametrize("lesson", EXPECTED)
def test_every_command_has_a_test(lesson: str) -> None:
    assert len(command_lines(lesson)[1]) == len(EXPECTED[lesson])


def test_the_mailbox_shows_what_arrived(lab: Lab, peer: Callable[[str, str], str]) -> None:
    (command,) = re.findall(r"`(inbox [^`]+)`", command_lines("00_start_here")[0])
    line = command_lines("00_start_here")[1][2].replace("SMTP_PORT", str(lab.listeners["mx.isp.example:25"]))
    assert shlex.split(line)[0] == "swaks"
    before = answer(lab, command)
    subprocess.run([peer("swaks", PACKAGES["swaks"]), *shlex.split(line)[1:]], check=True, capture_output=True)
    assert answer(lab, command) != before and "hanako@kaisha.example" in answer(lab, command)


def test_the_forged_letter_of_lesson_06_lies_in_junk(lab: Lab, peer: Callable[[str, str], str]) -> None:
    text, lines = command_lines("06_dmarc")
    (command,) = re.findall(r"`(inbox [^`]+)`", text)
    line = lines[2].replace("SMTP_PORT", str(lab.listeners["mx1.bigmail.example:25"]))
    subprocess.run([peer("swaks", PACKAGES["swaks"]), *shlex.split(line)[1:]], check=True, capture_output=True)
    shown = answer(lab, command)
    assert "in Junk, envelope from <x@spoof.example>" in shown and "From: hanako@kaisha.example" in shown


@pytest.mark.parametrize("encoding", ["cp932", "cp1252", "ascii", "utf-8"])
def test_every_console_can_show_a_mailbox(encoding: str) -> None:
    """Also one whose character set lacks what the mail is written in."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mailkit.lab"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding=encoding,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    with process:
        assert process.stdin is not None and process.stdout is not None
        impatience = threading.Timer(120, process.kill)  # should it fall silent
        impatience.daemon = True
        impatience.start()
        port = next(int(line.split()[1]) for line in process.stdout if line.split()[:1] == ["mx.isp.example:25"])
        with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
            client.sendmail("a@kaisha.example", ["jiro@isp.example"], "Subject: x\r\n\r\n한 mail\r\n".encode())
        process.stdin.write("inbox jiro@isp.example\nnonsense\n")
        process.stdin.flush()
        said = []
        for line in process.stdout:
            said.append(line)
            if "'nonsense' is not known here" in line:
                break
        impatience.cancel()
        process.kill()
    assert ("한 mail\n" if encoding == "utf-8" else "\\ud55c mail\n") in said
    assert not [line for line in said if "Traceback" in line]


@pytest.mark.parametrize(("lesson", "number"), CASES)
def test_the_command_works_as_printed(
    lesson: str, number: int, lab: Lab, peer: Callable[[str, str], str], tmp_path: Path
) -> None:
    text, lines = command_lines(lesson)
    doors = re.findall(r"`([A-Z]+_PORT)`(?: is the one)? behind `([\w.-]+:\d+)`", text)
    values = {
        "DNS_PORT": str(lab.dns_port),
        "SOCKS_PORT": str(lab.socks_port),
        "CA_FILE": lab.ca_file,
        **{name: str(lab.listeners[door]) for name, door in doors},
    }
    line = re.sub("|".join(values), lambda word: values[word[0]], lines[number])
    tool, *arguments = shlex.split(line, comments=True)
    assert not re.search(r"\b[A-Z]+_(?:PORT|FILE)\b", line)
    wanted, status = EXPECTED[lesson][number]
    program = peer(tool, PACKAGES[tool])
    piped = {"|", "&&"} & set(arguments)
    ran = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line] if piped else [program, *arguments],
        cwd=tmp_path,  # for what a command writes
        input=TYPED.get(tool, "") or None,
        stdin=None if tool in TYPED else subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    shown = ran.stdout + ran.stderr
    assert ran.returncode == status and wanted in shown, shown
    assert PASSWORD not in shown and IN_BASE64 not in shown, "the password is on the screen"
    assert ".venv/bin/python -m mailkit.lab" in text
