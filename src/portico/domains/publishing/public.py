"""What others may ask of publishing."""

from portico.domains.publishing.service import publish_event, purge_published

__all__ = ["publish_event", "purge_published"]
