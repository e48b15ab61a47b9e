"""``consentry export``."""


def export() -> None:
    """Not there yet."""
