"""The web of the practice internet: as much of it as mail needs."""

__all__: list[str] = []
