"""``consentry verify``."""


def verify() -> None:
    """Not there yet."""
