"""Where the platform connects to on somebody's behalf."""

from __future__ import annotations

import pytest

from mainspring.core.egress import Egress, RefusedTarget, check_webhook, is_public, parse_target


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "168.63.129.16",
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
    ],
)
def test_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"]
)
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://example.com/hook", "must be an https URL"),
        ("https://127.0.0.1/hook", "private address"),
        ("https://[::1]/hook", "private address"),
        ("https://[::ffff:10.0.0.1]/hook", "private address"),
        ("https://localhost/hook", "private address"),
        ("http://localhost:3000/hook", "MAINSPRING_WEBHOOK_HOSTS=localhost"),
        ("http://127.0.0.1:3000/hook", "MAINSPRING_WEBHOOK_HOSTS=localhost"),
        ("https://169.254.169.254/latest", "private address"),
        ("ftp://example.com/", "not an http or https URL"),
        ("example.com/hook", "not an http or https URL"),
        ("https:///hook", "not an http or https URL"),
        ("https://example.com:99999/", "not a URL"),
        ("https://exa mple.com/", "printable"),
        ("https://example.com/\r\nX: y", "printable"),
        ("https://example.com/\u00e9", "printable"),
        ("https://example.com/" + "x" * 5000, "4096"),
    ],
)
def test_refused_with_the_reason(url: str, told: str) -> None:
    with pytest.raises(RefusedTarget, match=told):
        check_webhook(url, Egress())


@pytest.mark.parametrize(
    ("hosts", "url", "allowed"),
    [
        ("localhost", "http://localhost:3000/", True),
        ("localhost", "http://127.0.0.1:3000/", True),
        ("localhost", "http://[::1]:3000/", True),
        ("localhost:3000", "http://127.0.0.1:3000/", True),
        ("localhost:3000", "http://localhost:3001/", False),
        ("10.0.0.7", "https://10.0.0.7/", True),
        ("10.0.0.7", "https://10.0.0.8/", False),
        ("*.internal, other", "http://hooks.internal/", True),
        ("*.internal", "http://internal/", False),
        ("*.internal", "http://evilinternal/", False),
        ("Hooks.Example", "http://hooks.example:8080/", True),
        ("example.com", "http://example.com.evil.org/", False),
    ],
)
def test_the_operator_names_hosts(hosts: str, url: str, allowed: bool) -> None:
    egress = Egress.naming(hosts)
    if allowed:
        assert check_webhook(url, egress).path == "/"
    else:
        with pytest.raises(RefusedTarget):
            check_webhook(url, egress)


def test_an_address_that_a_name_was_resolved_to_is_looked_at_too() -> None:
    target = parse_target("https://rebound.example/")
    Egress().check("93.184.216.34", target)
    with pytest.raises(RefusedTarget):
        Egress().check("127.0.0.1", target)


def test_the_parts_of_a_url() -> None:
    target = parse_target("https://ada:l%40ce@[2606:2800::1]:8443/a/b?c=1&d=%20#fragment")
    assert (target.host, target.port, target.path) == ("2606:2800::1", 8443, "/a/b?c=1&d=%20")
    assert (target.authority, target.authorization) == ("[2606:2800::1]:8443", "Basic YWRhOmxAY2U=")
    assert parse_target("http://example.com?x=1").path == "/?x=1"
