"""Lesson 09: Postfix and Exim, their configuration, what is wrong with one, and their logs."""

from mailkit.mta.configuration import configure
from mailkit.mta.linting import lint
from mailkit.mta.logs import Delivery, Fate, read_log
from mailkit.mta.settings import ConfigLine, Configuration, Probe
from mailkit.mta.versions import VersionChange, version_changes

__all__ = [
    "ConfigLine",
    "Configuration",
    "Delivery",
    "Fate",
    "Probe",
    "VersionChange",
    "configure",
    "lint",
    "read_log",
    "version_changes",
]


def __dir__() -> list[str]:
    return sorted(__all__)
