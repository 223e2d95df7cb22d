"""A thousand messages from behind OP25B into mailboxes: through Postfix and Exim, the lab's own relay, bare smtplib.

Run as ``python benchmarks/bench_mta.py``.  Each server takes the messages over one connection.  Postfix and Exim stand
at home, where port 25 is closed, and hand them to the provider's relay, which verifies, delivers and checks them; the
clock stops when all lie in their mailboxes.  Peers, in the same run: the same messages handed to the provider's relay
without a daemon in front, and bare smtplib with STARTTLS and a login before an aiosmtpd that throws them away.  A
message that is lost, doubled or misdirected ends the script.  Where a daemon cannot be run, a sentence says why.
"""

from __future__ import annotations

import gc
import logging
import smtplib
import socket
import ssl
import statistics
import time
from collections.abc import Callable

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import AuthResult

from mailkit import mta
from mailkit.lab import Lab, daemons
from mailkit.mta import Fate

MESSAGES = 1000
SENDER = "hanako@kaisha.example"
PEOPLE = ("alice@bigmail.example", "ben@bigmail.example")
RELAY = "smtp.isp.example"
SENT = {"postfix": " status=sent ", "exim": " => "}
FLUSH = {"postfix": ("postqueue", "-f"), "exim": ("exim4", "-qff")}
PATIENCE = 1800  # seconds: a message that is never delivered is a failure, a slow machine is none
# The company's mail may leave by the provider's relay, too.
RECORD = '"v=spf1 mx a:smtp.kaisha.example a:smtp.isp.example -all"'


def messages() -> list[tuple[str, bytes]]:
    """Return the recipient and the message of each of them; the subject numbers them."""
    return [
        (
            PEOPLE[number % len(PEOPLE)],
            (
                f"From: {SENDER}\r\nTo: {PEOPLE[number % len(PEOPLE)]}\r\nSubject: number {number}\r\n"
                "Date: Tue, 24 Nov 2026 09:00:00 +0900\r\n"
                f"Message-ID: <{number}@kaisha.example>\r\n\r\nHello.\r\n"
            ).encode(),
        )
        for number in range(MESSAGES)
    ]


def check(lab: Lab) -> None:
    """Raise AssertionError unless every message lies in its mailbox once."""
    for place, person in enumerate(PEOPLE):
        arrived = sorted(int(mail.subject.removeprefix("number ")) for mail in lab.inbox(person))
        wanted = list(range(place, MESSAGES, len(PEOPLE)))
        assert arrived == wanted, f"{person}: {len(arrived)} messages arrived, {len(wanted)} were sent"


def timed(work: Callable[[], None]) -> float:
    """Return how long *work* took, in seconds."""
    gc.collect()
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


class FromHome(smtplib.SMTP):
    """A conversation with a server of the practice internet, seen from home."""

    def __init__(self, lab: Lab, host: str, port: int) -> None:
        self._net = lab.network("home")
        super().__init__(host, port, local_hostname="client.example", timeout=60)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        sock = self._net.dial(host, port, timeout=timeout)
        sock.settimeout(timeout)
        return sock


def through_the_daemon(lab: Lab, software: str) -> float:
    """Return the seconds that *software* took to bring every message to its mailbox."""
    configuration = mta.configure("smarthost", software=software, **daemons.describe("smarthost", lab=lab))
    with daemons.start(configuration, lab=lab, place="home") as server:

        def work() -> None:
            for person in PEOPLE:
                mine = [message for recipient, message in messages() if recipient == person]
                assert all(one.taken for one in server.submit_all(mine, sender=SENDER, recipients=[person]))
            _wait(server)
            lab.settle()

        taken = timed(work)
        assert len(server.deliveries().where(fate=Fate.SENT)) == MESSAGES
    check(lab)
    return taken


def _wait(server: daemons.LiveServer) -> None:
    """Return when every message has left; what waits, because the DNS or the relay was too slow, is tried again."""
    begun, last, at = time.monotonic(), 0, time.monotonic()
    while (sent := server.log.count(SENT[server.software])) < MESSAGES:  # cheap enough to ask again and again
        now = time.monotonic()
        assert now - begun < PATIENCE, f"within {PATIENCE} s {sent} were sent: {server.log[-2000:]}"
        if sent > last:
            last, at = sent, now
        elif now - at > 5:
            server.machine.run(*FLUSH[server.software])
            at = time.monotonic()
        time.sleep(0.1)


def through_the_relay(lab: Lab) -> float:
    """Return the seconds that the lab's own relay took to do the same, its client being smtplib at home."""
    account = lab.account("jiro@isp.example")

    def work() -> None:
        with FromHome(lab, RELAY, 587) as smtp:
            smtp.starttls(context=ssl.create_default_context(cafile=lab.ca_file))
            smtp.login(account.user, account.password)
            for person, message in messages():
                smtp.sendmail(SENDER, [person], message)
        lab.settle()

    taken = timed(work)
    check(lab)
    return taken


def bare(lab: Lab) -> float:
    """Return the seconds that smtplib takes to hand the messages to aiosmtpd, which throws them away."""
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(lab.world.ca_file.with_name(f"{RELAY}.pem"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
    controller = Controller(
        Sink(), hostname="127.0.0.1", port=port, tls_context=tls, require_starttls=True, auth_required=True,
        authenticator=lambda *_: AuthResult(success=True),
    )  # fmt: skip
    controller.start()
    context = ssl.create_default_context(cafile=lab.ca_file)
    context.check_hostname = False

    def work() -> None:
        with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example") as smtp:
            smtp.starttls(context=context)
            smtp.login("user", "password")
            for person, message in messages():
                smtp.sendmail(SENDER, [person], message)

    try:
        return timed(work)
    finally:
        controller.stop()


def show(what: str, taken: float, ratio: float) -> None:
    """Print one line."""
    print(f"  {what:46} {taken:7.1f} s  {MESSAGES / taken:7.0f} a second  {ratio:6.1f} x")


def main() -> None:
    """Measure and print."""
    print(f"{MESSAGES} messages from behind OP25B into mailboxes; how many times as long as bare smtplib")
    with Lab() as lab:
        peer = statistics.median(bare(lab) for _ in range(5))
        show("smtplib to a bare aiosmtpd, thrown away", peer, 1.0)
        lab.publish("kaisha.example", "TXT", RECORD)
        taken = through_the_relay(lab)
        show("the lab's own relay, into mailboxes", taken, taken / peer)
        for software in ("postfix", "exim"):
            if why := daemons.why_not(software):
                print(f"  {why}")
                continue
            lab.reset()
            lab.publish("kaisha.example", "TXT", RECORD)
            taken = through_the_daemon(lab, software)
            show(f"{software.capitalize()}, signed, then the same relay", taken, taken / peer)
    print("none was lost or doubled")


if __name__ == "__main__":
    main()
