"""Other people's clients against the practice internet in a process of its own: dig, swaks, openssl, curl."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support_worlds import OTHER_WORLD, ROOT

from mailkit.lab import world_file

Peer = Callable[[str, str], str]

ACCOUNT = world_file.load().mailboxes["hanako@kaisha.example"]
# curl's exit codes: could not connect; the operation timed out; the proxy's handshake failed.
CONNECTED, CANNOT_CONNECT, TIMED_OUT, PROXY_SAID_NO = 0, 7, 28, 97


@pytest.fixture(scope="module")
def facts() -> Iterator[dict[str, Any]]:
    """Where the lab of another process can be reached: the line of JSON that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mailkit.lab", "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    yield json.loads(process.stdout.readline())
    _, errors = process.communicate("", timeout=120)
    assert (process.returncode, errors) == (0, "")


def run(*command: object, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command],
        input=given,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
        env={**os.environ, "LC_ALL": "C"},
        check=False,
    )


def listener(facts: dict[str, Any], server: str) -> str:
    return f"127.0.0.1:{facts['listeners'][server]}"


# dig


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_dig(facts: dict[str, Any], peer: Peer, transport: str) -> None:
    dig = (peer("dig", "bind9-dnsutils"), "-p", facts["dns_port"], "@127.0.0.1", transport)
    assert run(*dig, "+short", "kaisha.example", "MX").stdout == "10 mx.kaisha.example.\n"
    assert run(*dig, "+short", "-x", "192.0.2.25").stdout == "mx.kaisha.example.\n"
    assert "status: NXDOMAIN" in run(*dig, "nowhere.invalid").stdout
    full = run(*dig, "kaisha.example", "TXT").stdout
    assert 'TXT\t"v=spf1 ' in full and "status: NOERROR" in full
    assert f"({'TCP' if transport == '+tcp' else 'UDP'})" in full
    assert "RRSIG" in run(*dig, "+dnssec", "kaisha.example", "MX").stdout


# swaks


def swaks(peer: Peer, server: str, *options: object) -> subprocess.CompletedProcess[str]:
    mail = ("--from", ACCOUNT.user, "--to", "alice@bigmail.example", "--ehlo", "office.kaisha.example", "--timeout", 60)
    return run(peer("swaks", "swaks"), "--server", server, *mail, *options)


LOGIN = ("--auth-user", ACCOUNT.user, "--auth-password", ACCOUNT.password)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize(("port", "tls"), [(587, "--tls"), (465, "--tls-on-connect"), (2525, "--tls")])
def test_swaks_submits(facts: dict[str, Any], peer: Peer, port: int, tls: str, mechanism: str) -> None:
    sent = swaks(peer, listener(facts, f"smtp.kaisha.example:{port}"), tls, "--auth", mechanism, *LOGIN)
    assert sent.returncode == 0, sent.stdout + sent.stderr
    assert re.search(r"<~\s+250 2\.0\.0 Ok: queued as Q\d+", sent.stdout)


def test_swaks_is_told_what_is_missing(facts: dict[str, Any], peer: Peer) -> None:
    submission = listener(facts, "smtp.kaisha.example:587")
    assert "530 5.7.0 Must issue a STARTTLS command first" in swaks(peer, submission).stdout
    assert "530 5.7.0 Authentication required" in swaks(peer, submission, "--tls").stdout
    wrong = swaks(peer, submission, "--tls", "--auth", "PLAIN", "--auth-user", ACCOUNT.user, "--auth-password", "wrong")
    assert wrong.returncode != 0 and " 535 " in wrong.stdout
    relay = swaks(peer, listener(facts, "mx.kaisha.example:25"))
    assert "554 5.7.1 <alice@bigmail.example>: Relay access denied" in relay.stdout


# Scanners


@pytest.mark.parametrize("server", ["mx.kaisha.example:25", "smtp.kaisha.example:587", "smtp.kaisha.example:2525"])
def test_scanners_see_starttls(facts: dict[str, Any], peer: Peer, server: str) -> None:
    """They read once and take what came for the whole reply, so all lines of it must leave together."""
    port = facts["listeners"][server]
    nmap = run(peer("nmap", "nmap"), "-Pn", "-n", "-p", port, "--script", "+smtp-commands", "127.0.0.1")
    assert re.search(r"smtp-commands: .*, STARTTLS, ", nmap.stdout), nmap.stdout


@pytest.mark.parametrize("server", ["mx.kaisha.example:25", "smtp.kaisha.example:587", "smtp.kaisha.example:2525"])
def test_sslscan_sees_starttls(facts: dict[str, Any], peer: Peer, server: str) -> None:
    scan = run(peer("sslscan", "sslscan"), "--no-colour", "--starttls-smtp", listener(facts, server))
    assert re.search(r"TLSv1\.3 +enabled", scan.stdout), scan.stdout + scan.stderr


@pytest.mark.parametrize("server", ["mx.kaisha.example:25", "self-signed.mistakes.example:25"])
def test_nmap_finds_no_open_relay(facts: dict[str, Any], peer: Peer, server: str) -> None:
    port = facts["listeners"][server]
    nmap = run(peer("nmap", "nmap"), "-Pn", "-n", "-p", port, "--script", "+smtp-open-relay", "127.0.0.1")
    assert "doesn't seem to be an open relay, all tests failed" in nmap.stdout, nmap.stdout


# openssl


def test_openssl_verifies_the_certificate(facts: dict[str, Any], peer: Peer) -> None:
    client = (peer("openssl", "openssl"), "s_client", "-CAfile", facts["ca_file"], "-verify_return_error", "-crlf")
    name = ("-servername", "smtp.kaisha.example", "-verify_hostname", "smtp.kaisha.example")
    upgraded = run(
        *(*client, *name, "-starttls", "smtp", "-connect", listener(facts, "smtp.kaisha.example:587")), given="QUIT\n"
    )
    assert "Verify return code: 0 (ok)" in upgraded.stdout, upgraded.stderr
    implicit = run(*client, *name, "-connect", listener(facts, "smtp.kaisha.example:465"), given="QUIT\n")
    assert "Verify return code: 0 (ok)" in implicit.stdout and "subject=CN" in implicit.stdout
    wrong = run(
        *(*client, "-verify_hostname", "mx.kaisha.example", "-connect", listener(facts, "smtp.kaisha.example:465")),
        given="QUIT\n",
    )
    assert wrong.returncode != 0


def test_openssl_goes_through_the_door_by_http(facts: dict[str, Any], peer: Peer) -> None:
    client = (peer("openssl", "openssl"), "s_client", "-CAfile", facts["ca_file"], "-verify_return_error", "-crlf")
    door = ("-proxy", f"127.0.0.1:{facts['socks_port']}")
    opened = run(*client, *door, "-connect", "smtp.kaisha.example:465", given="QUIT\n")
    assert opened.returncode == 0 and "subject=CN = smtp.kaisha.example" in opened.stdout, opened.stderr
    # Not with -starttls: s_client loses a greeting that it happens to read together with the proxy's reply.
    by_address = run(*client, *door, "-connect", "192.0.2.58:465", given="QUIT\n")
    assert by_address.returncode == 0 and "subject=CN = smtp.kaisha.example" in by_address.stdout, by_address.stderr
    refused = run(*client, *door, "-connect", "smtp.kaisha.example:25", given="QUIT\n")
    assert refused.returncode != 0 and "502 Connection refused" in refused.stdout + refused.stderr
    unreachable = run(*client, *door, "-connect", "203.0.113.254:25", given="QUIT\n")
    assert unreachable.returncode != 0 and "504 Host unreachable" in unreachable.stdout + unreachable.stderr


# curl


def curl(
    peer: Peer, facts: dict[str, Any], place: str, url: str, *options: object, scheme: str = "socks5", seconds: int = 60
) -> subprocess.CompletedProcess[str]:
    door = f"{scheme}://{place}:x@127.0.0.1:{facts['socks_port']}"
    return run(peer("curl", "curl"), "--silent", "--verbose", "--max-time", seconds, "--proxy", door, url, *options)


@pytest.mark.parametrize(
    ("place", "url", "code"),
    [
        ("office", "smtp://192.0.2.25", CONNECTED),
        ("office", "smtp://192.0.2.25:26", PROXY_SAID_NO),  # nothing listens there
        ("office", "smtp://203.0.113.254", PROXY_SAID_NO),  # nobody lives there
        ("home", "smtp://192.0.2.25", TIMED_OUT),
        ("home", "smtp://198.51.100.11", CONNECTED),  # the provider's own server
        ("home", "smtp://192.0.2.58:587", CONNECTED),
        ("hotel", "smtp://192.0.2.25", PROXY_SAID_NO),
        ("cloud", "smtp://192.0.2.25", TIMED_OUT),
        ("offline", "smtp://192.0.2.58:587", PROXY_SAID_NO),
    ],
)
def test_curl_from_each_place(facts: dict[str, Any], peer: Peer, place: str, url: str, code: int) -> None:
    done = curl(peer, facts, place, url, "--mail-from", "", "--request", "NOOP", seconds=2 if code == TIMED_OUT else 60)
    assert done.returncode in ({code, CANNOT_CONNECT} if code == PROXY_SAID_NO else {code}), done.stderr


def test_curl_lets_the_door_resolve_names(facts: dict[str, Any], peer: Peer) -> None:
    done = curl(peer, facts, "office", "smtp://mx.kaisha.example", "--request", "NOOP", scheme="socks5h")
    assert done.returncode == CONNECTED and "220 mx.kaisha.example" in done.stderr
    done = curl(peer, facts, "intercepted", "smtp://mx.kaisha.example", "--request", "NOOP", scheme="socks5h")
    assert "220 filter.isp.example" in done.stderr


def test_curl_submits_a_message(facts: dict[str, Any], peer: Peer) -> None:
    done = run(
        *(peer("curl", "curl"), "--silent", "--show-error", "--max-time", 60, "--ssl-reqd"),
        *("--proxy", f"socks5h://home:x@127.0.0.1:{facts['socks_port']}", "--cacert", facts["ca_file"]),
        *("--mail-from", ACCOUNT.user, "--mail-rcpt", "alice@bigmail.example"),
        *("--user", f"{ACCOUNT.user}:{ACCOUNT.password}", "--upload-file", "-", "smtp://smtp.kaisha.example:587"),
        given="Subject: from curl\r\n\r\nHello.\r\n",
    )
    assert done.returncode == 0, done.stderr


# The command itself


def test_the_command_greets_people_too() -> None:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "mailkit.lab", "--world", str(OTHER_WORLD)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    shown = ""
    while "mail.brief.example:587" not in shown:
        line = process.stdout.readline()
        assert line, process.communicate()
        shown += line
    process.terminate()
    _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    assert re.search(r"dig -p \d+ @127\.0\.0\.1 firma\.example MX", shown)
    assert "desk, cafe, train" in shown


def in_a_terminal(*options: object, typed: str, until: str) -> tuple[str, int]:
    """Run the command, type *typed* once it is up, and stop it when it has said *until*."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "mailkit.lab", *map(str, options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(typed)
    process.stdin.flush()
    shown = ""
    while until not in shown:
        line = process.stdout.readline()
        assert line, shown
        shown += line
    process.terminate()
    process.communicate(timeout=60)
    return shown, process.returncode


def test_one_can_look_into_a_mailbox(peer: Peer) -> None:
    """What swaks sent from one terminal is seen in the other, where the practice internet runs."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "mailkit.lab"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
    )
    assert process.stdin is not None and process.stdout is not None
    shown = ""
    while "inbox ADDRESS" not in shown:
        shown += process.stdout.readline()
    found = re.search(r"mx\.kaisha\.example:25 +(\d+)", shown)
    assert found
    sent = run(
        *(peer("swaks", "swaks"), "--server", f"127.0.0.1:{found[1]}", "--from", "x@sender.example"),
        *("--to", "taro@kaisha.example", "--header", "Subject: from swaks", "--body", "Hello\x1b[2J."),
    )
    assert sent.returncode == 0, sent.stdout
    process.stdin.write("inbox taro@kaisha.example\nlog\n")
    process.stdin.close()  # what is no terminal may end without ending the practice internet
    while "status=sent" not in shown:
        line = process.stdout.readline()
        assert line, shown
        shown += line
    assert process.poll() is None
    process.terminate()
    process.stdout.read()
    assert process.wait(60) == 0
    process.stdout.close()
    assert "-- 1 of 1 in INBOX, envelope from <x@sender.example> --" in shown
    assert "Subject: from swaks" in shown and "Authentication-Results: mx.kaisha.example" in shown
    assert "\x1b" not in shown


def test_what_else_is_typed_is_answered_kindly() -> None:
    typed = "inbox\ninbox nobody@kaisha.example\ninbox taro@kaisha.example\nlog\n\nxyzzy\x1b[2J\nhelp\n"
    shown, code = in_a_terminal(typed=typed, until="is not known here")
    assert code == 0 and "\x1b" not in shown
    for said in (
        "inbox of whom?",
        "no mailbox 'nobody@kaisha.example'; there are hanako@kaisha.example",
        "The mailbox of taro@kaisha.example is empty.",
        "Nothing has happened yet.",
    ):
        assert said in shown


def test_the_command_names_a_world_without_certificates(tmp_path: Path) -> None:
    for name in ("world.toml", "zones"):
        (tmp_path / name).symlink_to(OTHER_WORLD / name)
    done = run(sys.executable, "-m", "mailkit.lab", "--world", tmp_path)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "mx1.firma.example has no certificate: python -m mailkit.lab.ca" in done.stderr


def test_the_command_says_what_is_wrong_with_a_world() -> None:
    done = run(sys.executable, "-m", "mailkit.lab", "--world", ROOT / "nowhere")
    assert done.returncode == 2
    assert "there is no world.toml in" in done.stderr and "Traceback" not in done.stderr
