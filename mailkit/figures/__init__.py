"""The workbook's figures, one module a lesson; each function returns a :class:`~mailkit.figures.style.Picture`.

matplotlib is loaded with the first of these modules, not with mailkit.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

__all__: list[str] = []


def __getattr__(name: str) -> ModuleType:
    """Import a figure module when it is first named (PEP 562)."""
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__))
