"""What other rooms may ask of agents."""

__all__ = ()
