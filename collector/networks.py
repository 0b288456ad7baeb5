"""The network that an address belongs to, as far as habits go."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

MOST = 200  # characters of what is no address


def network(address: str) -> str:
    """The /24 (or /64) of an address; what is no address stays."""
    if address.count(".") == 3 and ":" not in address:
        return f"{address.rpartition('.')[0]}.0/24"
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:MOST]
    return str(ip_network((parsed, 24 if parsed.version == 4 else 64), strict=False))
