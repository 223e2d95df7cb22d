"""Sending services and clouds: what to ask for, what to publish, and whose name a message then carries.

``plan`` says what a domain has to publish so that a service may send for it, ``detect`` which services a domain seems
to use, ``probe`` which of a service's doors are open from here.  ``compare`` and ``alignment`` set the services side
by side, ``read_complaint`` reads what comes back.
"""

from mailkit.services.catalogue import Cell, Confidence, Service, service, services
from mailkit.services.comparing import Alignment, Compared, alignment, cells, compare
from mailkit.services.complaints import Complaint, read_complaint
from mailkit.services.detecting import Guess, State, detect
from mailkit.services.planning import plan
from mailkit.services.probing import doors_in_words, probe
from mailkit.services.tickets import Action, Change, Plan

__all__ = [
    "Action",
    "Alignment",
    "Cell",
    "Change",
    "Compared",
    "Complaint",
    "Confidence",
    "Guess",
    "Plan",
    "Service",
    "State",
    "alignment",
    "cells",
    "compare",
    "detect",
    "doors_in_words",
    "plan",
    "probe",
    "read_complaint",
    "service",
    "services",
]


def __dir__() -> list[str]:
    return sorted(__all__)
