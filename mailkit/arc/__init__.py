"""ARC, the Authenticated Received Chain (RFC 8617): what the hosts on the way say they saw.

Read it where it is met, but do not build on it: RFC 8617 is Experimental, and draft-ietf-dmarc-arc-to-historic is
about to declare the experiment over.  ``verify`` says whether a message's chain is whole.
"""

from mailkit.arc.verifying import ChainVerification, Instance, verify

__all__ = ["ChainVerification", "Instance", "verify"]


def __dir__() -> list[str]:
    return sorted(__all__)
