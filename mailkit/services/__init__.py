"""Sending services and clouds: what to ask for, what to publish, and whose name a message then carries.

``plan`` says what a domain has to publish so that a service may send for it, ``detect`` which services a domain seems
to use, ``probe`` which of a service's doors are open from here.  ``compare`` and ``alignment`` set the services side
by side, ``read_complaint`` reads what comes back, ``ec2_steps`` says what a rented machine needs to send by itself.
"""

from mailkit.services.catalogue import Cell, Confidence, Service, service, services
from mailkit.services.cloud import Ec2Step, ec2_steps
from mailkit.services.comparing import Alignment, Compared, alignment, cells, compare
from mailkit.services.complaints import Complaint, read_complaint
from mailkit.services.detecting import Guess, State, detect
from mailkit.services.findings import findings
from mailkit.services.planning import plan
from mailkit.services.probing import ports_in_words, probe
from mailkit.services.tickets import Action, DnsChange, ServicePlan

__all__ = [
    "Action",
    "Alignment",
    "Cell",
    "Compared",
    "Complaint",
    "Confidence",
    "DnsChange",
    "Ec2Step",
    "Guess",
    "Service",
    "ServicePlan",
    "State",
    "alignment",
    "cells",
    "compare",
    "detect",
    "ec2_steps",
    "findings",
    "plan",
    "ports_in_words",
    "probe",
    "read_complaint",
    "service",
    "services",
]


def __dir__() -> list[str]:
    return sorted(__all__)
