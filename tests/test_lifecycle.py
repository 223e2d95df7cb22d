"""Starting, stopping, interrupting, forking and starving a lab: it leaves nothing behind and stays usable."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from support_worlds import OTHER_WORLD, ROOT

import mailkit
from mailkit.clients import greet, send
from mailkit.lab import Lab
from mailkit.results import Outcome

STARTS = 50


def descriptors() -> int:
    """Return how many descriptors this process holds (0 where the system does not say)."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def lab_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("lab")]


def listening(port: int) -> bool:
    with socket.socket() as sock:
        sock.settimeout(1)
        return sock.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition: object, seconds: float = 60.0) -> bool:
    """Wait for *condition*, a function, to become true; return whether it did."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def use(lab: Lab) -> None:
    assert lab.network().lookup("kaisha.example", "MX")
    assert greet("mx.kaisha.example", 25, net=lab.network()).outcome is Outcome.OPEN


def test_many_starts_and_stops_leave_nothing_behind() -> None:
    with Lab() as first:
        use(first)
    gc.collect()
    before, threads = descriptors(), len(lab_threads())
    ports: list[int] = []
    for number in range(STARTS):
        with Lab() as lab:
            ports += [lab.socks_port, lab.dns_port, lab.listeners["mx.kaisha.example:25"]]
            if number % 5 == 0:
                use(lab)
    gc.collect()
    assert wait_until(lambda: len(lab_threads()) <= threads), lab_threads()
    assert descriptors() <= before
    assert not any(listening(port) for port in ports[-30:])


def test_stopping_with_connections_open_and_mail_on_its_way() -> None:
    with Lab() as first:
        use(first)
    gc.collect()
    before, threads = descriptors(), len(lab_threads())
    held = []
    for _ in range(5):
        with Lab() as lab:
            net = lab.network()
            held += [net.dial("mx.kaisha.example", 25), socket.create_connection(("127.0.0.1", lab.dns_port))]
            half_open = net.dial("smtp.kaisha.example", 465)
            half_open.sendall(b"\x16\x03\x01")
            held.append(half_open)
            lab.publish("slow.kaisha.example", "MX", "10 down.mistakes.example.")
            sent = send(
                "smtp.kaisha.example",
                587,
                b"Subject: on its way\r\n\r\nx\r\n",
                sender="hanako@kaisha.example",
                recipients=["x@slow.kaisha.example"],
                net=net,
                credentials=lab.account("hanako@kaisha.example"),
            )
            assert sent.outcome is Outcome.OPEN
    for sock in held:
        sock.settimeout(2)
        try:
            while sock.recv(4096):
                pass
        except ConnectionError:
            pass  # cut off, as by a power cut
        sock.close()
    gc.collect()
    assert wait_until(lambda: len(lab_threads()) <= threads), lab_threads()
    gc.collect()
    assert wait_until(lambda: descriptors() <= before)


def test_a_lab_that_cannot_start_leaves_nothing_behind(tmp_path: Path) -> None:
    for name in ("world.toml", "zones"):
        (tmp_path / name).symlink_to(OTHER_WORLD / name)
    before, threads = descriptors(), lab_threads()
    with pytest.raises(ValueError, match=r"mx1\.firma\.example has no certificate: python -m mailkit\.lab\.ca"):
        Lab(tmp_path).start()
    gc.collect()
    assert lab_threads() == threads
    assert descriptors() <= before


def test_two_labs_do_not_mix() -> None:
    with Lab() as one, Lab() as two, Lab(OTHER_WORLD) as third:
        ports = [port for lab in (one, two, third) for port in (lab.socks_port, lab.dns_port)]
        assert len(set(ports)) == 6
        one.publish("kaisha.example", "TXT", "only in one")
        one.advance(3600)
        one.lift("cloud")
        one.resolver.fault("example.jp", "servfail")
        message = b"From: x@sender.example\r\nSubject: one\r\n\r\nx\r\n"
        send("mx.kaisha.example", 25, message, sender="", recipients=["taro@kaisha.example"], net=one.network())
        assert one.network().lookup("kaisha.example", "TXT").texts == (b"only in one",)
        assert two.network().lookup("kaisha.example", "TXT").texts != (b"only in one",)
        assert two.clock.now() == two.world.now != one.clock.now()
        assert len(one.inbox("taro@kaisha.example")) == 1
        assert len(two.inbox("taro@kaisha.example")) == 0 and len(two.log) == 0
        assert two.network().lookup("example.jp", "MX")
        with pytest.raises(TimeoutError):
            two.network("cloud").dial("192.0.2.25", 25, timeout=0.2)
        one.network("cloud").dial("192.0.2.25", 25).close()
        assert third.network().lookup("firma.example", "MX") and not third.network().lookup("kaisha.example", "MX")
        one.close()
        use(two)


def in_a_process(script: str, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", "-c", textwrap.dedent(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a single process")
@pytest.mark.parametrize(
    "call",
    [
        'op25b.scan(["down.mistakes.example"] * 1, range(1, 1500), net=slow)',
        'op25b.scan_from_vantages("down.mistakes.example", net=slow)',
        'slow.dial("down.mistakes.example", 25)',
        'slow.at("office").lookup("silent.kaisha.example", "A")',
        'greet("down.mistakes.example", 25, net=slow)',
        "op25b.diagnose(net=slow)",
        "lab.settle()",
    ],
)
def test_an_interrupt_returns_at_once_and_leaves_the_lab_usable(call: str) -> None:
    process = in_a_process(f"""
        import time
        from dataclasses import replace
        import mailkit
        from mailkit import op25b, lab as labs
        from mailkit.clients import greet, send
        from mailkit.lab import reaching
        reaching._SILENCE = 300.0  # nothing here ends by itself, however late the interrupt comes
        lab = labs.start()
        lab.resolver.fault("silent.kaisha.example", "silence")
        lab.publish("slow.kaisha.example", "MX", *(f"{{n}} down.mistakes.example." for n in range(9)))
        send("smtp.kaisha.example", 587, b"x", sender="hanako@kaisha.example", recipients=["x@slow.kaisha.example"],
             net=lab.network(), credentials=lab.account("hanako@kaisha.example"))
        slow = replace(lab.network("home"), timeout=300.0)
        try:
            print("probing")
            {call}
            print("it ended by itself")
        except KeyboardInterrupt:
            print("interrupted")
        net = lab.network()
        print(bool(net.lookup("kaisha.example", "MX")), greet("mx.kaisha.example", 25, net=net).outcome)
        import os
        os._exit(0)
    """)
    assert process.stdout is not None
    assert process.stdout.readline() == "probing\n"
    time.sleep(0.4)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "interrupted\n"
    assert time.monotonic() - begun < 150  # that line is the proof already: a call that ends by itself prints another
    assert process.stdout.readline() == "True open\n"
    assert process.communicate(timeout=120)[0] == ""


def test_starting_imports_only_what_starting_needs() -> None:
    """What a first message needs comes with the first message; a kernel that has only pandas is up in a moment."""
    process = in_a_process("""
        import sys
        import mailkit
        net = mailkit.connect("lab")
        late = ("aiosmtpd", "cryptography", "spf", "dkim", "mailkit.spf", "mailkit.dkim", "mailkit.op25b")
        print([name for name in late if name in sys.modules])
        from mailkit.clients import greet
        print(greet("mx.kaisha.example", 25, net=net).outcome, "aiosmtpd" in sys.modules)
    """)
    assert process.communicate(timeout=120)[0].splitlines() == ["[]", "open True"]


def test_an_interpreter_that_ends_does_not_hang() -> None:
    process = in_a_process("""
        import mailkit
        net = mailkit.connect("lab")
        print(mailkit.op25b.scan("mx.kaisha.example", [25], net=net)[0].outcome)
    """)
    assert process.communicate(timeout=300)[0] == "open\n"
    assert process.returncode == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_fork() -> None:
    process = in_a_process("""
        import os, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        import mailkit
        from mailkit.clients import greet
        from mailkit import lab
        net = mailkit.connect("lab")
        parents = lab.start().socks_port
        child = os.fork()
        if child == 0:
            own = mailkit.connect("lab")
            print("child", lab.start().socks_port != parents, greet("mx.kaisha.example", 25, net=own).outcome)
            print("child", greet("mx.kaisha.example", 25, net=net).outcome)  # the parent's still answers
            lab.start().close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        print("parent", lab.start().socks_port == parents, greet("mx.kaisha.example", 25, net=net).outcome)
    """)
    said, _ = process.communicate(timeout=120)
    assert said.splitlines() == ["child True open", "child open", "parent True open"]


def test_a_clock_that_jumps_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A laptop that slept: the time of day leaps, while the lab's clock and all deadlines go by others."""
    real = time.time
    with Lab() as lab:
        net = lab.network()
        for leap in (timedelta(days=3), timedelta(days=-3)):
            monkeypatch.setattr(time, "time", lambda leap=leap: real() + leap.total_seconds())
            assert net.now() == lab.world.now
            use(lab)
            begun = time.monotonic()
            with pytest.raises(TimeoutError):
                lab.network("home").dial("192.0.2.25", 25, timeout=0.3)
            assert 0.25 < time.monotonic() - begun < 3600, "not the three days that the clock leapt"
            assert str(lab.world.now.date()) in net.caption


def test_a_busy_cell_slows_the_lab_and_no_more() -> None:
    """Python code that never waits takes the interpreter's lock from the lab's thread, again and again."""
    over = threading.Event()

    def compute() -> None:
        while not over.is_set():
            sum(range(20_000))

    busy = [threading.Thread(target=compute, daemon=True) for _ in range(2)]
    with Lab() as lab:
        for thread in busy:
            thread.start()
        try:
            rows = mailkit.op25b.scan_from_vantages(
                "mx.kaisha.example", (25, 587), net=lab.network(), vantages=["office", "hotel"]
            )
            assert [str(row.outcome) for row in rows] == ["open", "refused", "refused", "refused"]
        finally:
            over.set()
            for thread in busy:
                thread.join()
        use(lab)


def test_many_networks_at_once() -> None:
    with Lab() as lab:
        rows = mailkit.network.parallel.each(
            lambda number: greet("mx.kaisha.example", 25, net=lab.network(), timeout=20).outcome, range(60)
        )
    assert set(rows) == {Outcome.OPEN}
