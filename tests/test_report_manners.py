"""How a whole audit behaves towards the hosts it looks at, counted where their connections arrive."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest
from support_servers import is_held

from mailkit import report
from mailkit.lab import Lab
from mailkit.network import Slots


@pytest.mark.skipif(sys.platform != "linux", reason="tells what the client closed by Linux's tcp_info")
def test_no_address_gets_more_than_two_connections_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """One host in two spellings and under several names, in MX and SRV: it is the address that counts."""
    here: dict[str, list[socket.socket]] = defaultdict(list)
    most: dict[str, int] = defaultdict(int)
    total: dict[str, int] = defaultdict(int)
    with Lab() as lab:
        for name in ("mx2", "imap", "pop", "mail"):
            lab.publish(f"{name}.kaisha.example", "A", *lab.network().addresses("smtp.kaisha.example"))
        lab.publish(
            "kaisha.example", "MX", "10 mx.kaisha.example.", "20 MX2.Kaisha.example.", "30 smtp.kaisha.example."
        )
        lab.publish(
            "_submission._tcp.kaisha.example", "SRV", "0 1 587 SMTP.kaisha.example.", "1 1 587 mail.kaisha.example."
        )
        lab.publish(
            "_submissions._tcp.kaisha.example", "SRV", "0 1 465 smtp.kaisha.example.", "1 1 465 mx2.kaisha.example."
        )
        splice = lab.router._splice

        async def counting(talk: Any, source: str, wanted: tuple[str, int], listener: int) -> None:
            connection = talk.writer.get_extra_info("socket")
            address = wanted[0]
            here[address] = [known for known in here[address] if is_held(known)] + [connection]
            total[address] += 1
            most[address] = max(most[address], len(here[address]))
            await asyncio.sleep(0.02)  # so that those who do not wait for each other meet
            await splice(talk, source, wanted, listener)

        monkeypatch.setattr(lab.router, "_splice", counting)
        polite = replace(lab.network(), _slots=Slots(2), timeout=60.0)
        report.audit("kaisha.example", net=polite, progress=False)
        smtp = lab.network().addresses("smtp.kaisha.example")[0]
    assert total[smtp] > 10, "under five names and in three roles this host is dialled again and again"
    assert max(most.values()) <= 2
