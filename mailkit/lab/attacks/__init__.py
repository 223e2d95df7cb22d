"""Those who do harm in the practice internet, and those who are careless."""

__all__: list[str] = []
