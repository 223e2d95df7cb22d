"""What tests do in a practice internet, with patience: how busy this machine is must decide nothing."""

from __future__ import annotations

from dataclasses import replace

from mailkit.clients import Sent, send
from mailkit.lab import Lab

__all__ = ["HANAKO", "hand_in"]

HANAKO = "hanako@kaisha.example"


def hand_in(lab: Lab, *recipients: str, content: bytes, sender: str = HANAKO) -> Sent:
    """Hand *content* in at the server that the account *sender* has."""
    net = replace(lab.network(), timeout=60.0)
    server, account = f"smtp.{sender.rpartition('@')[2]}", lab.account(sender)
    return send(server, 587, content, sender=sender, recipients=recipients, net=net, credentials=account, timeout=120)
