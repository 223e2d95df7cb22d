"""Probes, a practice internet and exercises behind a workbook on sending mail properly.

``mailkit.connect("lab")`` gives the practice internet, ``mailkit.connect("internet")`` the real one; every lesson's
functions take the network they are to use as ``net``.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mailkit.network import Network

__all__ = ["connect"]

_MODULES = frozenset(module.name for module in pkgutil.iter_modules(__path__))


def connect(network: str = "lab", *, vantage: str | None = None, **options: Any) -> Network:
    """Return a network: "lab" is the practice internet, started on first use; "internet" is the real one.

    *vantage* is the place to look from.  The options of the real network are those of
    :func:`mailkit.network.internet`; the practice internet takes none.  Raises ValueError or TypeError with a
    sentence that says what to pass.
    """
    if network == "lab":
        if options:
            raise TypeError(f"the practice internet takes no {', '.join(options)}; that is for connect('internet')")
        from mailkit import lab

        return lab.start().network(vantage)
    if network == "internet":
        from mailkit.network import internet

        net = internet(**options)
        return net.at(vantage) if vantage else net
    raise ValueError(f'network is "lab" (the practice internet) or "internet" (the real one), not {network!r}')


def __getattr__(name: str) -> ModuleType:
    """Import a submodule when it is first named (PEP 562), so that ``import mailkit`` stays quick."""
    if name in _MODULES:
        return importlib.import_module(f"mailkit.{name}")
    raise AttributeError(f"module 'mailkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES])
