"""``sources``: who sends in a domain's name, by what aggregate reports say (RFC 9990), with the names of the hosts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailkit.network import Network
from mailkit.network.addresses import is_address
from mailkit.op25b import reverse
from mailkit.results import Record, Rows

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Source", "sources"]

_MOST = 50  # sources that are shown, and whose names are looked up
_NEEDED = ("source_ip", "count", "aligned", "begin", "spf_domain", "dkim_domain")


@dataclass(frozen=True)
class Source(Record):
    """One host that sent in the domain's name.

    ``name`` is its reverse name, ``confirmed`` whether the name leads back to the address: None where the DNS did not
    say, or the report has no address there.  ``passed`` of the ``messages`` passed DMARC, by SPF or DKIM;
    ``spf_domain`` and ``dkim_domain`` are those of the kind of row with most messages.  ``first`` and ``last`` are days
    in UTC.
    """

    address: str
    name: str
    confirmed: bool | None
    messages: int
    passed: int
    spf_domain: str
    dkim_domain: str
    first: str
    last: str


def sources(reports: pd.DataFrame, *, net: Network) -> Rows[Source]:
    """Return the hosts of *reports*, which :func:`read_reports` gave, those that sent most first, 50 at most.

    The caption says how many are left out.  Raises ValueError for a table of another kind.
    """
    if missing := [name for name in _NEEDED if name not in reports]:
        raise ValueError(f"reports is the table of dmarc.read_reports: this one has no {missing[0]}")
    passed = reports["count"].where(reports["aligned"].astype(bool), 0)
    grouped = reports.assign(passed=passed).groupby("source_ip", observed=True)
    sums = grouped.agg(
        messages=("count", "sum"), passed=("passed", "sum"), first=("begin", "min"), last=("begin", "max")
    )
    shown = sums.sort_values("messages", ascending=False, kind="stable").head(_MOST)
    addresses = [str(address) for address in shown.index]
    hosts = _hosts(addresses, net)
    domains = _domains(reports[reports["source_ip"].isin(addresses)])
    rows = [
        Source(
            address=address,
            name=hosts[address][0],
            confirmed=hosts[address][1],
            messages=row["messages"],
            passed=row["passed"],
            spf_domain=domains[address][0],
            dkim_domain=domains[address][1],
            first=row["first"].strftime("%Y-%m-%d"),
            last=row["last"].strftime("%Y-%m-%d"),
        )
        for address, row in zip(addresses, shown.to_dict("records"), strict=True)
    ]
    left_out = len(sums) - len(rows)
    caption = f"{net.caption}; {left_out} more sources are not shown" if left_out else net.caption
    return Rows(Source, rows, caption=caption)


def _hosts(addresses: list[str], net: Network) -> dict[str, tuple[str, bool | None]]:
    """Return the reverse name of each address, and whether it leads back.

    A report is written by strangers: what stands where an address belongs need not be one, or be one of a single link.
    """
    found: dict[str, tuple[str, bool | None]] = dict.fromkeys(addresses, ("", None))
    if asked := [address for address in addresses if is_address(address) and "%" not in address]:
        for address, host in zip(asked, reverse(asked, net=net), strict=True):
            found[address] = (host.name, host.confirmed)
    return found


def _domains(reports: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Return for each source the domains of SPF and of DKIM that stand with most of its messages."""
    columns = ["source_ip", "spf_domain", "dkim_domain"]
    summed = reports.groupby(columns, observed=True)["count"].sum().sort_values(ascending=False, kind="stable")
    found: dict[str, tuple[str, str]] = {}
    for address, spf, dkim in summed.index:
        found.setdefault(str(address), (str(spf), str(dkim)))
    return found
