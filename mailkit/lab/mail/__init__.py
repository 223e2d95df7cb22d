"""The mail servers of the practice internet: what they offer, check, queue, deliver and write down."""

__all__: list[str] = []
