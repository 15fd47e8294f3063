"""Addresses that webhooks may be sent to. A subscription must not reach what only this machine can reach."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flight_assets.errors import FlightsError
from flight_assets.settings import BASE_PORTS
from flight_assets.tenancy import DEFAULT

if TYPE_CHECKING:
    from flight_assets.settings import Settings

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address
    Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MOST_CHARACTERS = 500
PORTS = {"http": 80, "https": 443}
LOOPBACK_NETWORKS = ("127.0.0.0/8", "::1/128")
# Addresses in which another address is hidden: NAT64, 6to4 and Teredo.
_TUNNELS = tuple(ipaddress.ip_network(each) for each in ("64:ff9b::/96", "2002::/16", "2001::/32"))
# Ports of each kind of server reach this far: the members of a cluster have their own.
_MEMBERS = 3


class Refused(FlightsError):
    """Address that no webhook may be sent to."""


@dataclass(frozen=True)
class Target:
    """Parts of a webhook's URL. ``path`` includes the query."""

    is_tls: bool
    host: str
    port: int
    path: str


def target_of(url: str) -> Target:
    """Return the parts of a URL.

    Raises:
        Refused: it is not http or https, has a user name, or is malformed.
    """
    if len(url) > MOST_CHARACTERS or not url.isascii() or not url.isprintable() or " " in url:
        raise Refused(f"the url is not of 1 to {MOST_CHARACTERS} printable ASCII characters without spaces")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Refused(f"the url is malformed: {error}") from None
    if parts.scheme not in PORTS:
        raise Refused("the url does not begin with http:// or https://")
    if not parts.hostname or port == 0 or len(parts.hostname) > 253:
        raise Refused("the url names no host, or no port of it")
    if parts.username is not None or parts.password is not None:
        raise Refused("the url has a user name: check the signature of deliveries instead")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme == "https", parts.hostname, port or PORTS[parts.scheme], path)


def addresses_of(settings: Settings, tenant: str, target: Target) -> list[str]:
    """Return the IP addresses of a target, all of which this tenant's webhooks may be sent to.

    A delivery connects to one of these, so that a second look-up cannot name another machine.

    Raises:
        Refused: the name is unknown, or one of its addresses is not permitted.
    """
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Refused(f"the host {target.host} is unknown") from None
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    networks = permitted_networks(settings, tenant)
    for text in addresses:
        if not is_permitted(settings, networks, text, target.port):
            raise Refused(
                f"webhooks may not be sent to {target.host}: it is no public address, and"
                " FLIGHTS_DELIVERY_NETWORKS does not permit it"
            )
    return addresses


def permitted_networks(settings: Settings, tenant: str) -> list[Network]:
    """Return the networks without public addresses that a tenant's webhooks may be sent to.

    Loopback is one by default for the default tenant on an open platform of one machine.
    """
    is_local = settings.embedded and not settings.secured and tenant == DEFAULT
    named = settings.delivery_networks.split(",") if settings.delivery_networks else []
    return [ipaddress.ip_network(each.strip()) for each in named or (LOOPBACK_NETWORKS if is_local else ())]


def is_permitted(settings: Settings, networks: list[Network], text: str, port: int) -> bool:
    """Return whether a webhook may be sent there. The platform's own ports on private addresses never are."""
    address: Address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    is_hidden = any(address in each for each in _TUNNELS)
    if address.is_global and not address.is_multicast and not is_hidden:
        return True
    return port not in own_ports(settings) and any(address in each for each in networks)


def own_ports(settings: Settings) -> frozenset[int]:
    """Return the ports of the platform's servers."""
    return frozenset(settings.port(name, number) for name in BASE_PORTS for number in range(1, _MEMBERS + 1))
