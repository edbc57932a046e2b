"""Which addresses Portico may call. Pure and standard library only: the gateway asks at each new connection."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Machines hand out their own credentials here; no setting opens these.
METADATA_REASON = "is a metadata address"
_METADATA = {
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd20:ce::254",
}
METADATA_ADDRESSES: frozenset[Address] = frozenset(ip_address(text) for text in _METADATA)
METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data"})

_NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
_SIX_TO_FOUR = ip_network("2002::/16")
_TEREDO = ip_network("2001::/32")
_IPV4_COMPATIBLE = ip_network("::/96")
_SHARED = ip_network("100.64.0.0/10")


def forbidden_address(address: str, allowed_ranges: Sequence[str]) -> str | None:
    """Why this IP address may not be called, in words; None when it may.

    allowed_ranges  CIDR ranges the operator opened; they never open a metadata address
    """
    try:
        outer = ip_address(address.split("%", 1)[0])
    except ValueError:
        return "is not an IP address"
    # An IPv6 address that carries an IPv4 one reaches that one, so both are judged.
    inner = _carried(outer)
    reasons = [_reason(each, _networks(tuple(allowed_ranges))) for each in (outer, inner) if each is not None]
    return next((reason for reason in reasons if reason), None)


def metadata_host(host: str) -> bool:
    """A name or address literal under which clouds serve credentials."""
    bare = host.rstrip(".").lower().strip("[]")
    if bare in METADATA_NAMES:
        return True
    try:
        outer = ip_address(bare.split("%", 1)[0])
    except ValueError:
        return False
    return outer in METADATA_ADDRESSES or _carried(outer) in METADATA_ADDRESSES


@lru_cache(maxsize=64)
def _networks(ranges: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ip_network(text, strict=False) for text in ranges)


def _reason(address: Address, allowed: tuple[Network, ...]) -> str | None:
    if address in METADATA_ADDRESSES:
        return METADATA_REASON
    if any(address.version == network.version and address in network for network in allowed):
        return None
    if _carried(address) is not None and _is_envelope(address):
        return None  # judged by the IPv4 address it carries
    for holds, reason in (
        (address.is_unspecified, "is the unspecified address"),
        (address.is_loopback, "is a loopback address"),
        (address.is_link_local, "is a link-local address"),
        (address.is_multicast, "is a multicast address"),
        (address.version == 4 and address in _SHARED, "is a shared (carrier) address"),
        (address.is_private, "is a private address"),
        (address.is_reserved, "is a reserved address"),
        (not address.is_global, "is not a public address"),
    ):
        if holds:
            return reason
    return None


def _is_envelope(address: Address) -> bool:
    return isinstance(address, IPv6Address) and not address.is_loopback and not address.is_unspecified


def _carried(address: Address) -> IPv4Address | None:
    """The IPv4 address inside a mapped, compatible, 6to4, Teredo or NAT64 address."""
    if not isinstance(address, IPv6Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _SIX_TO_FOUR:
        return address.sixtofour
    if address in _TEREDO:
        return address.teredo[1] if address.teredo else None
    if address in _NAT64[0] or address in _NAT64[1]:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _IPV4_COMPATIBLE and not address.is_loopback and not address.is_unspecified:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None
