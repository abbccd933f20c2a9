"""Which other services queries may call: the operator's list, and which addresses a service may be at.

The list has exact IRIs. A service must be at public addresses of the internet, unless the operator names it a second
time as one inside: else a name that leads inside would let strangers ask what only this machine can reach.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from loader.errors import MisuseError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_IPV4_REFUSED: Final = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",
            "100.64.0.0/10",  # shared by a provider's customers
            "127.0.0.0/8",
            "169.254.0.0/16",  # link-local, and where clouds tell machines their secrets
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
"""IPv4 addresses that are not of the public internet (RFC 6890 and its registry)."""
_IPV6_PUBLIC: Final = ipaddress.IPv6Network("2000::/3")
_IPV6_REFUSED: Final = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # Teredo and other protocols
            "2001:db8::/32",
            "2002::/16",  # 6to4: an IPv4 address in another coat
            "3fff::/20",
        ),
    )
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Services:
    """The services that queries may call."""

    allowed: frozenset[str] = frozenset()
    inside: frozenset[str] = frozenset()
    """Those of them that may be at any address."""

    @classmethod
    def of(cls, allowed: str, inside: str) -> Services:
        """Read lists of IRIs. Raises MisuseError for what cannot be a service."""
        found = cls(frozenset(allowed.split()), frozenset(inside.split()))
        for iri in sorted(found.allowed | found.inside):
            check_service(iri)
        if more := found.inside - found.allowed:
            message = f"DWPLD_SERVICES_INSIDE has {min(more)}, which DWPLD_SERVICES does not have: add it there"
            raise MisuseError(message)
        return found


def listed(text: str) -> str:
    """Read a list as an environment variable gives it: IRIs, or `@` and the path of a file with one on each line."""
    if not text.startswith("@"):
        return text
    try:
        lines = Path(text[1:]).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        message = f"cannot read the list of services {text[1:]}: {reason}"
        raise MisuseError(message) from error
    return " ".join(line.strip() for line in lines if not line.lstrip().startswith("#"))


def check_service(iri: str) -> None:
    """Refuse what is no plain http or https address. Raises MisuseError."""
    try:
        parts = urlsplit(iri)
        is_plain = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        is_plain = is_plain and "@" not in parts.netloc and "#" not in iri and iri.isascii() and iri.isprintable()
    except ValueError:
        is_plain = False
    if not is_plain or set('<>"{}|\\^`') & set(iri):
        message = f"'{iri[:200]}' cannot be a service: give an http or https address without user name or fragment"
        raise MisuseError(message)


def is_public(address: Address) -> bool:
    """Tell whether an address is one of the public internet, also where it has an IPv4 address within."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _IPV4_REFUSED)
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    if address in _NAT64:
        return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _IPV6_PUBLIC and not any(address in network for network in _IPV6_REFUSED)
