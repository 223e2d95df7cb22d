"""How many messages a second are signed and verified beside dkimpy, mailauth and OpenSSL's bare arithmetic.

The column "OpenSSL" is its RSA or Ed25519 alone, on 32 octets, called through cryptography as mailkit calls it; what
its own program ``openssl speed`` says stands below.

RSA with 2048 bits and Ed25519, relaxed/relaxed, messages of 9 kB and 50 kB, keys at hand and no DNS asked.  Run
``python benchmarks/bench_dkim.py``.  The aims: faster than both peers everywhere, signing with RSA at 60 % of OpenSSL's
bare rate or more, 50 kB at half the rate of 9 kB or more.  mailauth takes part where Node.js finds it: ``npm install
mailauth`` in some folder, and its ``node_modules`` in NODE_PATH.
"""

from __future__ import annotations

import base64
import gc
import json
import shutil
import subprocess
import time
from collections.abc import Callable
from typing import Any

import dkim as dkimpy
import dns.rrset
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from mailkit import dkim
from mailkit.network import Answer, Network, Status

DOMAIN, SELECTOR = "kaisha.example", "sel"
NAME = f"{SELECTOR}._domainkey.{DOMAIN}"
ROUNDS, SECONDS = 15, 0.06  # the best of so many rounds counts; each takes so long
OF_OPENSSL, OF_SMALL = 0.6, 0.5

HEAD = (
    b"From: Hanako <hanako@kaisha.example>\r\nTo: taro@example.net\r\nSubject: Minutes\r\n"
    b"Date: Tue, 24 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@kaisha.example>\r\n\r\n"
)
LINE = b"All that was said, line by line, in the minutes of the meeting.\r\n"
MESSAGES = {"9 kB": HEAD + LINE * 136, "50 kB": HEAD + LINE * 780}
KEYS = {"RSA-2048": dkim.generate(), "Ed25519": dkim.generate("ed25519-sha256")}

MAILAUTH = """
const {dkimSign} = require('mailauth/lib/dkim/sign'), {dkimVerify} = require('mailauth/lib/dkim/verify');
const job = JSON.parse(require('fs').readFileSync(0)), message = Buffer.from(job.message, 'base64');
const sign = () => dkimSign(message, {canonicalization: 'relaxed/relaxed', algorithm: job.algorithm,
    signatureData: [{signingDomain: job.domain, selector: job.selector, privateKey: job.key}]});
const rate = async work => {
    let best = 0;
    for (let round = 0; round < job.rounds; round++) {
        const end = process.hrtime.bigint() + BigInt(job.seconds * 1e9), before = process.cpuUsage();
        let done = 0;
        while (process.hrtime.bigint() < end) { await work(); done++; }
        const used = process.cpuUsage(before);
        best = Math.max(best, done / (used.user + used.system) * 1e6);
    }
    return best;
};
(async () => {
    const {signatures} = await sign(), signed = Buffer.concat([Buffer.from(signatures), message]);
    const verify = () => dkimVerify(signed, {resolver: async () => [[job.record]]});
    const result = (await verify()).results[0].status.result;
    if (result !== 'pass') throw new Error(result);
    console.log(JSON.stringify({sign: await rate(sign), verify: await rate(verify)}));
})();
"""


class MemoryNetwork(Network):
    """A network whose DNS holds one key record."""

    def lookup(self, name: str, rdtype: str, *, timeout: float | None = None, dnssec: bool = False) -> Answer:
        return _ANSWERS[self.vantage]


def _answer(record: str) -> Answer:
    strings = " ".join(f'"{record[start : start + 255]}"' for start in range(0, len(record), 255))
    rdata = tuple(dns.rrset.from_text(f"{NAME}.", 300, "IN", "TXT", strings))
    return Answer(NAME, "TXT", Status.NOERROR, (strings,), ttl=300, rdata=rdata)


_ANSWERS = {kind: _answer(pair.record) for kind, pair in KEYS.items()}


def rates(works: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Return how often a second each of *works* is done, by processor time; they take turns."""
    best = dict.fromkeys(works, 0.0)
    gc.disable()
    try:
        for _ in range(ROUNDS):
            for name, work in works.items():
                done, started, end = 0, time.thread_time(), time.monotonic() + SECONDS
                while time.monotonic() < end:
                    work()
                    done += 1
                best[name] = max(best[name], done / (time.thread_time() - started))
    finally:
        gc.enable()
    return best


def in_python(kind: str, message: bytes) -> dict[str, dict[str, float]]:
    """Return the rates of mailkit, dkimpy and OpenSSL for signing and verifying *message* with a key of *kind*."""
    pair, net = KEYS[kind], MemoryNetwork(name="memory", vantage=kind, nameservers=())
    private = load_pem_private_key(pair.private_key.encode(), None)
    if kind == "Ed25519":
        theirs = base64.b64encode(private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))
        how: tuple[Any, ...] = ()
    else:
        theirs, how = pair.private_key.encode(), (PKCS1v15(), SHA256())
    public, octets = private.public_key(), b"x" * 32
    bare = private.sign(octets, *how)
    options = {"canonicalize": (b"relaxed", b"relaxed"), "signature_algorithm": pair.algorithm.encode()}
    signed = dkim.sign(message, domain=DOMAIN, selector=SELECTOR, key=pair)
    works: dict[str, dict[str, Callable[[], Any]]] = {
        "sign": {
            "mailkit": lambda: dkim.sign(message, domain=DOMAIN, selector=SELECTOR, key=pair),
            "dkimpy": lambda: dkimpy.sign(message, SELECTOR.encode(), DOMAIN.encode(), theirs, **options),
            "OpenSSL": lambda: private.sign(octets, *how),
        },
        "verify": {
            "mailkit": lambda: dkim.verify(signed, net=net),
            "dkimpy": lambda: dkimpy.verify(signed, dnsfunc=lambda name, timeout: pair.record.encode()),
            "OpenSSL": lambda: public.verify(bare, octets, *how),
        },
    }
    if works["verify"]["mailkit"]()[0].result != "pass" or not works["verify"]["dkimpy"]():
        raise RuntimeError("both must verify before their times can be compared")
    return {task: rates(work) for task, work in works.items()}


def in_node(kind: str, message: bytes) -> dict[str, float]:
    """Return mailauth's rates; nothing where Node.js does not find it."""
    pair = KEYS[kind]
    job = {
        "message": base64.b64encode(message).decode(),
        "key": pair.private_key,
        "record": pair.record,
        "algorithm": pair.algorithm,
        "domain": DOMAIN,
        "selector": SELECTOR,
        "rounds": ROUNDS,
        "seconds": SECONDS,
    }
    node = shutil.which("node")
    if node is None:
        return {}
    done = subprocess.run(
        [node, "-e", MAILAUTH], input=json.dumps(job).encode(), capture_output=True, timeout=120, check=False
    )
    return json.loads(done.stdout) if done.returncode == 0 else {}


def openssl_speed() -> str:
    """Return what OpenSSL's own program says of its arithmetic; nothing where there is none."""
    program = shutil.which("openssl")
    if program is None:
        return "openssl (the program) is missing"
    command = [program, "speed", "-mr", "-seconds", "1", "rsa2048", "ed25519"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout
    rates = [line.rsplit(":", 2)[1:] for line in said.splitlines() if line.startswith(("+F2:", "+F6:"))]
    kinds = zip(KEYS, rates)
    return "openssl speed: " + "; ".join(f"{kind} sign {float(s):.0f}, verify {float(v):.0f}" for kind, (s, v) in kinds)


COLUMNS = ("mailkit", "dkimpy", "mailauth", "OpenSSL")


def row(cell: str, rate: dict[str, float]) -> str:
    """Return one line of the table: the rates, and how many times mailkit's is of each other's."""
    figures = "".join(f"{rate[name]:9.0f}" if name in rate else f"{'-':>9}" for name in COLUMNS)
    ratios = "".join(f"{rate['mailkit'] / rate[name]:12.2f}" if name in rate else f"{'-':>12}" for name in COLUMNS[1:])
    return f"{cell:20}{figures}{ratios}"


def main() -> None:
    """Print all rates and their ratios, and which aims were missed."""
    print(f"{'a second':20}" + "".join(f"{n:>9}" for n in COLUMNS) + "".join(f"{'to ' + n:>12}" for n in COLUMNS[1:]))
    missed: list[str] = []
    ours: dict[tuple[str, str, str], float] = {}
    for kind in KEYS:
        for size, message in MESSAGES.items():
            foreign = in_node(kind, message)
            for task, rate in in_python(kind, message).items():
                rate |= {"mailauth": foreign[task]} if foreign else {}
                ours[task, kind, size] = rate["mailkit"]
                cell = f"{task} {kind} {size}"
                print(row(cell, rate))
                peers = [name for name in ("dkimpy", "mailauth") if rate.get(name, 0) > rate["mailkit"]]
                missed += [f"{cell}: slower than {name}" for name in peers]
                if (task, kind) == ("sign", "RSA-2048") and rate["mailkit"] < OF_OPENSSL * rate["OpenSSL"]:
                    missed.append(f"{cell}: less than {OF_OPENSSL:.0%} of OpenSSL")
    for task, kind in dict.fromkeys((task, kind) for task, kind, _ in ours):
        share = ours[task, kind, "50 kB"] / ours[task, kind, "9 kB"]
        print(f"{task} {kind}: 50 kB at {share:.0%} of the rate of 9 kB")
        if share < OF_SMALL:
            missed.append(f"{task} {kind}: 50 kB at less than half the rate of 9 kB")
    print(openssl_speed())
    if not foreign:
        print("mailauth (npm) was not found by Node.js and is left out")
    print("\n".join(f"MISSED: {what}" for what in missed) or "all aims met")


if __name__ == "__main__":
    main()
