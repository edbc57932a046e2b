"""What other rooms may ask of the vault."""

from portico.domains.vault.model import SealedSecret, SecretDraft, SecretUser
from portico.domains.vault.service import create_secret, list_secrets, sealed_of, use_secret, use_secrets
from portico.domains.vault.wire import secret_wire

__all__ = [
    "SealedSecret",
    "SecretDraft",
    "SecretUser",
    "create_secret",
    "list_secrets",
    "sealed_of",
    "secret_wire",
    "use_secret",
    "use_secrets",
]
