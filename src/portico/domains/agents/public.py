"""What other rooms may ask of agents."""

__all__: list[str] = []
