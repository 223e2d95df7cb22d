"""What stands in a message: its header fields, its way, what receivers wrote into it, and the reports it carries."""

from mailkit.message.fields import MAX_OCTETS, Field, MalformedMessage, Message, parse, select

__all__ = ["MAX_OCTETS", "Field", "MalformedMessage", "Message", "parse", "select"]


def __dir__() -> list[str]:
    return sorted(__all__)
