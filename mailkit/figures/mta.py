"""The lines that answer OP25B, SPF and DKIM in Postfix and in Exim, side by side, and what a probe sees of each."""

from __future__ import annotations

from mailkit.figures.grid import Block, Cell, Column, Row, grid
from mailkit.figures.style import Picture
from mailkit.mta import Configuration

__all__ = ["side_by_side"]

# What is wanted -> by what one knows its line in each program.
_WANTED = (
    ("who may relay", "smtpd_relay_restrictions", "Relaying denied"),
    ("the way out", "relayhost", "route_data"),
    ("the right relay", "smtp_tls_security_level", "tls_verify_hosts"),
    ("the login", "smtp_sasl_auth_enable", "hosts_require_auth"),
    ("login in TLS only", "smtpd_tls_auth_only", "auth_advertise_hosts"),
    ("the signature", "smtpd_milters", "dkim_domain"),
    ("no signer", "milter_default_action", "dkim_strict"),
)
_COLUMNS = (Column("Postfix", share=2.6), Column("Exim", share=2.1), Column("what one sees of it", share=2.9))
_MEANINGS = {
    "info": "the line as it stands in the file",
    "pass": "what one sees of it, from outside or in the log",
    "not_run": "it does so by itself",
}


def side_by_side(postfix: Configuration, exim: Configuration, *, title: str = "The lines that matter") -> Picture:
    """Draw which line of *postfix* and of *exim* does the same, and what can be seen of it.

    Raises ValueError where one is not of Postfix, or the other not of Exim.
    """
    if (postfix.description.software, exim.description.software) != ("postfix", "exim"):
        raise ValueError("side_by_side(postfix, exim) takes one configuration of each, in this order")
    rows = []
    for name, in_postfix, in_exim in _WANTED:
        left, seen = _line(postfix, in_postfix)
        right, also = _line(exim, in_exim)
        if not left and not right:
            continue
        seen = (seen or also).partition(";")[0]
        cells = [_cell(left), _cell(right), Cell(seen, "pass")]
        rows.append(Row(name, "", cells, f"{name}: {left} | {right} | {seen}"))
    return grid([Block(rows)], _COLUMNS, _MEANINGS, title=title, said=title, names=1.6)


def _cell(line: str) -> Cell:
    """Return a line as a cell: the setting's name above, what it is set to below."""
    if not line:
        return Cell("nothing to write", "not_run")
    name, equals, value = line.partition(" = ")
    return Cell(name.strip(), "info", f"= {value.strip()}" if equals else "")


def _line(configuration: Configuration, known_by: str) -> tuple[str, str]:
    """Return the first line of *configuration* that is *known_by* a word, short, and what is seen of it."""
    for line in configuration.lines:
        if known_by in line.line:
            words = [part.strip() for part in line.line.splitlines()]
            chosen = next((part for part in words if known_by in part), words[0])
            return chosen, line.sees
    return "", ""
