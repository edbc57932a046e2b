"""What others may ask of models."""

__all__: list[str] = []
