"""What other rooms and the doors may ask of tools."""

__all__: list[str] = []
