"""Which addresses, ports and allow-list entries let a link through."""

import pytest

from medusa.errors import UserError
from medusa.net import Guard, Reason, Refused, is_public

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "168.63.129.17",
    "192.0.1.1",
    "2606:4700:4700::1111",
    "2a00:1450:4001:81b::200e",
    "2620:fe::fe",
]
PRIVATE = [
    "0.0.0.0",  # noqa: S104 - an address to refuse
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "168.63.129.16",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "3fff::1",
    "3ffe::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700::1%eth0",
    "fec0::1",
    "ff02::1",
    "not an address",
    "127.1",
    "",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("port", [80, 443, 8080, 8443])
def test_web_ports_of_public_hosts_pass(port: int) -> None:
    Guard([]).check("example.com", "93.184.216.34", port)


@pytest.mark.parametrize("port", [22, 25, 6379, 65535])
def test_other_ports_do_not(port: int) -> None:
    with pytest.raises(UserError, match=f"Port {port}"):
        Guard([]).check("example.com", "93.184.216.34", port)


@pytest.mark.parametrize(
    ("entry", "host", "address", "port", "passes"),
    [
        ("nas.local", "NAS.local.", "192.168.1.5", 5000, True),
        ("nas.local:5000", "nas.local", "192.168.1.5", 5000, True),
        ("nas.local:5000", "nas.local", "192.168.1.5", 5001, False),
        ("nas.local", "evil.example", "192.168.1.5", 5000, False),
        ("10.0.0.0/8", "anything", "10.9.8.7", 22, True),
        ("10.0.0.0/8", "anything", "11.0.0.1", 22, False),
        ("127.0.0.1:8000", "127.0.0.1", "127.0.0.1", 8000, True),
        ("127.0.0.1:8000", "127.0.0.1", "127.0.0.1", 8001, False),
        ("[::1]:8000", "::1", "::1", 8000, True),
        ("::1", "::1", "::1", 9, True),
        ("[fd00::1]", "x", "fd00::1", 9, True),
        ("fd00::/8", "x", "fd12::1", 9, True),
    ],
)
def test_allow_list(entry: str, host: str, address: str, port: int, passes: bool) -> None:
    guard = Guard([entry])
    if passes:
        guard.check(host, address, port)
    else:
        with pytest.raises(UserError):
            guard.check(host, address, port)


@pytest.mark.parametrize("entry", ["http://nas.local", "a b", "10.0.0.0/99", "", "host:port:1", "user@host"])
def test_malformed_entries_are_named(entry: str) -> None:
    with pytest.raises(UserError, match="cannot be allowed"):
        Guard([entry])


def test_the_refusal_is_one_line_and_names_the_host() -> None:
    with pytest.raises(UserError) as refusal:
        Guard([]).check("router.lan", "192.168.1.1", 80)
    assert refusal.value.user_text == "router.lan points into a private network, which is not allowed."


def test_what_is_allowed_later_holds_until_something_else_is() -> None:
    guard = Guard(["nas.local"])
    for allowed in ("10.0.0.5:8096", "printer.local"):
        guard.allow([allowed])
        assert guard.judge("nas.local", "192.168.1.5", 80) is None
        assert (guard.judge("10.0.0.5", "10.0.0.5", 8096) is None) == (allowed == "10.0.0.5:8096")
        assert (guard.judge("printer.local", "10.0.0.9", 631) is None) == (allowed == "printer.local")
    guard.allow([])
    assert guard.judge("printer.local", "10.0.0.9", 631) is not None


def test_refusals_are_counted_and_told() -> None:
    guard, heard = Guard([]), list[Refused]()
    guard.listeners.append(heard.append)
    guard.https_only(True)
    for address, port in (("10.0.0.1", 80), ("127.0.0.1", 80), ("1.1.1.1", 22)):
        with pytest.raises(Refused):
            guard.check(address, address, port)
    with pytest.raises(Refused, match=r"example\.com would be reached over plain http"):
        guard.check_plain("example.com.", 80)
    assert guard.refused == {Reason.PRIVATE: 2, Reason.PORT: 1, Reason.PLAIN: 1}
    assert [(refusal.host, refusal.reason) for refusal in heard] == [
        ("10.0.0.1", "private"),
        ("127.0.0.1", "private"),
        ("1.1.1.1", "port"),
        ("example.com", "plain"),
    ]


def test_https_only_spares_hosts_on_the_allow_list() -> None:
    guard = Guard(["nas.local:8080", "10.0.0.0/8"])
    guard.https_only(True)
    guard.check_plain("nas.local", 8080)
    guard.check_plain("10.1.2.3", 80)
    with pytest.raises(Refused):
        guard.check_plain("nas.local", 80)
    guard.https_only(False)
    guard.check_plain("nas.local", 80)


def test_a_hostile_host_is_named_on_one_short_line() -> None:
    refusal = Refused("a\n<b>\u202e" + "x" * 5000, Reason.PRIVATE, 80)
    assert len(refusal.user_text) < 150
    assert refusal.user_text.startswith("a <b>xxx")
