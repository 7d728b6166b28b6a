"""Whose word counts for where a request comes from: our proxies', in their own header, from the right."""

from ipaddress import ip_network
from typing import Any, cast

import pytest
from litestar.datastructures import Headers
from msgspec import Struct

from service.auth import address_of
from service.forwarding import ProxyHeader, hops, parse_node
from service.settings import Settings
from tests.api.test_settings import REQUIRED

CLIENT, NEAR, FAR = "192.0.2.7", "10.0.0.1", "10.0.0.2"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.7", CLIENT),
        (" 192.0.2.7:4711 ", CLIENT),
        ("192.0.2.7:_hidden", CLIENT),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:DB8::1]:4711", "2001:db8::1"),
        ("::ffff:192.0.2.7", CLIENT),
        ("[::ffff:192.0.2.7]:1", CLIENT),
        ("unknown", None),
        ("_gazonk", None),
        ("", None),
        ("192.0.2.777", None),
        ("192.0.2.7:", None),
        ("[2001:db8::1", None),
        ("2001:db8::1]:1", None),
        ("fe80::1%eth0", None),
        ("192.0.2.7, 10.0.0.1", None),
        ("1" * 10_000, None),
    ],
)
def test_an_address_as_proxies_write_it(text: str, address: str | None) -> None:
    found = parse_node(text)
    assert (None if found is None else str(found)) == address


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["for=192.0.2.7"], [CLIENT]),
        (['For="192.0.2.7:80"; Proto=https;by=10.0.0.9'], [CLIENT]),
        (['for="[2001:db8::1]:4711"'], ["2001:db8::1"]),
        (["for=192.0.2.7, for=10.0.0.1"], [CLIENT, NEAR]),
        (["for=192.0.2.7", "for=10.0.0.1"], [CLIENT, NEAR]),
        (["proto=https;for=192.0.2.7;host=example.org"], [CLIENT]),
        (["proto=https"], [None]),
        (["for=unknown"], [None]),
        (["for=192.0.2.7;for=10.0.0.1"], [None]),
        ([""], []),
        # A client's own Host, as a proxy repeats it.
        (['for=192.0.2.7;host="a,for=6.6.6.6"'], [CLIENT]),
        (['for=192.0.2.7;host="a,for=6.6.6.6;b="'], [CLIENT]),
        (['for=192.0.2.7;host="a\\",for=6.6.6.6;b=\\""'], [CLIENT]),
        (['for=192.0.2.7;host="a\\\\"'], [CLIENT]),
    ],
)
def test_the_elements_of_forwarded(values: list[str], expected: list[str | None]) -> None:
    """RFC 7239, 4."""
    assert [None if hop is None else str(hop) for hop in hops("forwarded", values)] == expected


@pytest.mark.parametrize("rubbish", ['for="', 'for="x', 'host="a\\', '"', '""', '";', "for=6.6.6.6;", '\\"', 'x="a,'])
def test_what_stands_to_the_left_hides_nothing(rubbish: str) -> None:
    """Whatever the client began, what a proxy has added is read as it was written."""
    (*_, last) = hops("forwarded", [f'{rubbish}, for=192.0.2.7;host="a,b"'])
    assert str(last) == CLIENT


class Connection(Struct):
    """What address_of() looks at."""

    client: Any
    headers: Headers
    app: Any


class Anything:
    """Has the attributes that it is given."""

    def __init__(self, **attributes: object) -> None:
        self.__dict__.update(attributes)


def address(
    peer: str, headers: list[tuple[str, str]], trusted: str = "10.0.0.0/8, 2001:db8:1::/48", header: str = ""
) -> str:
    """Where a request seems to come from."""
    environ = REQUIRED | {"PARKING_TRUSTED_PROXIES": trusted, "PARKING_PROXY_HEADER": header}
    settings = Settings.from_environ(environ)
    proxies = [ip_network(network) for network in settings.trusted_proxies]
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    state = Anything(settings=settings, proxies=proxies)
    connection = Connection(Anything(host=peer), Headers(raw), Anything(state=state))
    return str(address_of(cast("Any", connection)))


XFF: ProxyHeader = "x-forwarded-for"


@pytest.mark.parametrize(
    ("peer", "headers", "header", "believed"),
    [
        (CLIENT, [], "", CLIENT),
        # Nobody whom we do not know is believed, whatever they say.
        (CLIENT, [(XFF, "6.6.6.6")], "", CLIENT),
        (CLIENT, [(XFF, f"6.6.6.6, {NEAR}")], "", CLIENT),
        (CLIENT, [("forwarded", "for=6.6.6.6")], "forwarded", CLIENT),
        # One hop, several hops, several headers, and what the client had written before.
        (NEAR, [(XFF, CLIENT)], "", CLIENT),
        (NEAR, [(XFF, f"{CLIENT}:4711")], "", CLIENT),
        (NEAR, [(XFF, f"{CLIENT}, {FAR}")], "", CLIENT),
        (NEAR, [(XFF, CLIENT), (XFF, FAR)], "", CLIENT),
        (NEAR, [(XFF, f"6.6.6.6, {CLIENT}, {FAR}")], "", CLIENT),
        (NEAR, [(XFF, f"{FAR}, {CLIENT}")], "", CLIENT),
        # The chain ends where somebody hides, and at a proxy that says nothing.
        (NEAR, [(XFF, f"{CLIENT}, unknown, {FAR}")], "", FAR),
        (NEAR, [(XFF, "")], "", NEAR),
        (NEAR, [], "", NEAR),
        # All are ours: somebody within.
        (NEAR, [(XFF, FAR)], "", FAR),
        # IPv6, also as it looks from a socket for both.
        ("2001:db8:1::9", [(XFF, "[2001:db8::7]:443")], "", "2001:db8::7"),
        ("::ffff:10.0.0.1", [(XFF, CLIENT)], "", CLIENT),
        ("2001:db8:1::9", [("forwarded", 'for="[2001:db8::7]:443";proto=https')], "forwarded", "2001:db8::7"),
        (NEAR, [("forwarded", f"for=6.6.6.6, for={CLIENT}, for={FAR}")], "forwarded", CLIENT),
        # A proxy that writes one of the headers hands the other one on as the client has made it up.
        (NEAR, [("forwarded", "for=6.6.6.6"), (XFF, CLIENT)], "", CLIENT),
        (NEAR, [("forwarded", f"for={CLIENT}"), (XFF, "6.6.6.6")], "forwarded", CLIENT),
        (NEAR, [("forwarded", "for=6.6.6.6")], "", NEAR),
    ],
)
def test_who_is_believed(peer: str, headers: list[tuple[str, str]], header: str, believed: str) -> None:
    assert address(peer, headers, header=header) == believed


def test_without_trusted_proxies_nobody_is() -> None:
    assert address("127.0.0.1", [(XFF, CLIENT)], trusted="") == "127.0.0.1"
