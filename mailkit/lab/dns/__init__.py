"""The DNS of the practice internet: zones, signatures, and a caching resolver."""

__all__: list[str] = []
