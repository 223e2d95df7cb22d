"""Lesson 00, start here: a first conversation typed by hand, and a look at what this machine allows."""

from mailkit.start_here import dialogue, preflight

__all__ = ["dialogue", "preflight"]


def __dir__() -> list[str]:
    return sorted(__all__)
