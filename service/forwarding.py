"""What proxies say of whom they speak for: X-Forwarded-For, or Forwarded (RFC 7239).

Whether any of it counts is for auth.address_of to say. Each proxy adds to the right, and to the left of what ours have
added stands whatever a client has thought of; so everything here is read from the right, where it is well-formed, and
what is broken further to the left can hide nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, Literal

Address = IPv4Address | IPv6Address
ProxyHeader = Literal["x-forwarded-for", "forwarded"]

FORWARDING_HEADERS: Final = ("x-forwarded-for", "forwarded", "x-real-ip", "via")

# 192.0.2.7, 192.0.2.7:4711, 2001:db8::1, [2001:db8::1], [2001:db8::1]:4711
NODE: Final = re.compile(r"(?:(?P<v4>[0-9.]+)(?::\w+)?|\[(?P<boxed>[0-9a-fA-F:.]+)\](?::\w+)?|(?P<v6>[0-9a-fA-F:.]+))")
FOR: Final = re.compile(r"\s*for\s*=\s*(?P<quote>\"?)(?P<node>[^\";,=]*)(?P=quote)\s*", re.IGNORECASE)


@lru_cache(4096)
def parse_address(text: str) -> Address | None:
    """An address without a port; one of IPv4 in IPv6's clothes is one of IPv4, and none has a zone."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        # A zone names an interface of ours.
        return address.ipv4_mapped or IPv6Address(int(address))
    return address


def parse_node(text: str) -> Address | None:
    """An address as proxies write it, perhaps with a port; None for `unknown` and for made-up names."""
    if (node := NODE.fullmatch(text.strip())) is None:
        return None
    return parse_address(node["v4"] or node["boxed"] or node["v6"])


def hops(header: ProxyHeader, values: Sequence[str]) -> list[Address | None]:
    """For whom each proxy spoke, the nearest one last; None where that is not an address."""
    text = ",".join(values)
    if not text:
        return []
    if header == "x-forwarded-for":
        return [parse_node(part) for part in text.split(",")]
    return [_forwarded_for(element) for element in _split(text, ",")]


def _forwarded_for(element: str) -> Address | None:
    pairs = [pair for part in _split(element, ";") if (pair := FOR.fullmatch(part))]
    return parse_node(pairs[0]["node"]) if len(pairs) == 1 else None


def _split(text: str, separator: str) -> list[str]:
    """The parts of a header, in which a quoted string may hold separators; read from the right."""
    parts: list[str] = []
    quoted = False
    end = len(text)
    for place in range(len(text) - 1, -1, -1):
        letter = text[place]
        if letter == '"':
            backslashes = place - len(text[:place].rstrip("\\"))
            # Outside of quotes there is nothing to escape: this quote opens a string, seen from its end.
            quoted = not quoted if not quoted or backslashes % 2 == 0 else quoted
        elif letter == separator and not quoted:
            parts.append(text[place + 1 : end])
            end = place
    parts.append(text[:end])
    return parts[::-1]
