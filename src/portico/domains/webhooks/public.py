"""What others may ask of webhooks."""

from portico.domains.webhooks.consumer import QueueDeliveries
from portico.domains.webhooks.deliveries import purge_deliveries
from portico.domains.webhooks.numbers import DeliveryNumbers
from portico.domains.webhooks.sender import DeliverStatus, Sender
from portico.domains.webhooks.service import list_webhooks
from portico.domains.webhooks.signing import SignatureRefused, verify
from portico.domains.webhooks.wire import webhook_wire

__all__ = [
    "DeliverStatus",
    "DeliveryNumbers",
    "QueueDeliveries",
    "Sender",
    "SignatureRefused",
    "list_webhooks",
    "purge_deliveries",
    "verify",
    "webhook_wire",
]
