"""Who a request comes from, behind proxies that tell the truth and clients that do not."""

import pytest

from whatssound.addresses import Proxies, home_of

NGINX = Proxies.of(["127.0.0.1", "10.0.0.0/8"])


def test_without_trusted_proxies_the_header_is_ignored() -> None:
    assert Proxies().client("192.0.2.7", ["203.0.113.9"]) == "192.0.2.7"


def test_a_trusted_proxy_tells_the_client() -> None:
    assert NGINX.client("127.0.0.1", ["203.0.113.9"]) == "203.0.113.9"


def test_a_chain_of_trusted_proxies_is_walked_from_the_right() -> None:
    assert NGINX.client("127.0.0.1", ["203.0.113.9, 10.1.1.1"]) == "203.0.113.9"
    assert NGINX.client("127.0.0.1", ["203.0.113.9", "10.1.1.1"]) == "203.0.113.9"


def test_what_a_client_wrote_itself_is_not_believed() -> None:
    assert NGINX.client("127.0.0.1", ["198.51.100.1, 203.0.113.9"]) == "203.0.113.9"


def test_a_peer_that_is_no_proxy_is_the_client_whatever_it_says() -> None:
    assert NGINX.client("203.0.113.9", ["127.0.0.1"]) == "203.0.113.9"


def test_nonsense_in_the_header_leaves_the_proxy_as_the_client() -> None:
    assert NGINX.client("127.0.0.1", ["unknown"]) == "127.0.0.1"


@pytest.mark.parametrize("said", ["203.0.113.9:4711", "203.0.113.9"])
def test_a_port_is_left_out(said: str) -> None:
    assert NGINX.client("127.0.0.1", [said]) == "203.0.113.9"


def test_an_address_in_brackets_is_read() -> None:
    assert NGINX.client("::ffff:127.0.0.1", ["[2001:db8::1]:443"]) == "2001:db8::1"


def test_a_bad_network_is_named() -> None:
    with pytest.raises(ValueError, match="'nginx'"):
        Proxies.of(["nginx"])


def test_a_home_is_an_ipv4_address_or_an_ipv6_network() -> None:
    assert home_of("192.0.2.7") == "192.0.2.7"
    assert home_of("::ffff:192.0.2.7") == "192.0.2.7"
    assert home_of("2001:db8:1:2:3:4:5:6") == home_of("2001:db8:1:2::1") != home_of("2001:db8:1:3::1")
    assert home_of("") == ""


def test_the_home_behind_a_trusted_proxy_is_the_clients() -> None:
    assert NGINX.home("10.0.0.1", ["2001:db8:1:2::9"]) == "2001:db8:1:2::"
    assert NGINX.home("8.8.8.8", ["192.0.2.7"]) == "8.8.8.8"
    assert NGINX.home("127.0.0.1") == "127.0.0.1"


def test_behind_a_proxy_nearby_that_is_not_trusted_nobody_has_a_home() -> None:
    assert Proxies().home("127.0.0.1", ["203.0.113.9"]) == ""
    assert Proxies().home("172.17.0.1", ["203.0.113.9"]) == ""
    assert Proxies().home("8.8.8.8", ["203.0.113.9"]) == "8.8.8.8"
    assert Proxies().home("", ["203.0.113.9"]) == ""
