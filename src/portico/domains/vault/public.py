"""What other rooms may ask of the vault."""

from portico.domains.vault.model import SealedSecret, SecretDraft, SecretUser
from portico.domains.vault.service import create_secret, sealed_of, use_secret

__all__ = ["SealedSecret", "SecretDraft", "SecretUser", "create_secret", "sealed_of", "use_secret"]
