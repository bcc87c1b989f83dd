"""Where links begin, and who can open them."""

import pytest

from whatssound.links import Links, links_of


@pytest.mark.parametrize(
    ("host", "lan", "links"),
    [
        ("127.0.0.1", "192.168.1.5", Links("http://127.0.0.1:8000", "this_computer")),
        ("::1", None, Links("http://[::1]:8000", "this_computer")),
        ("localhost", None, Links("http://localhost:8000", "this_computer")),
        ("0.0.0.0", "192.168.1.5", Links("http://192.168.1.5:8000", "network")),
        ("0.0.0.0", None, Links("http://127.0.0.1:8000", "this_computer")),
        ("::", "10.0.0.7", Links("http://10.0.0.7:8000", "network")),
        ("192.168.1.5", None, Links("http://192.168.1.5:8000", "network")),
        ("100.64.3.2", None, Links("http://100.64.3.2:8000", "network")),
        ("1.1.1.1", None, Links("http://1.1.1.1:8000", "public")),
        ("mybox", None, Links("http://mybox:8000", "network")),
    ],
)
def test_links_begin_where_others_reach_the_server(host: str, lan: str | None, links: Links) -> None:
    assert links_of(None, host=host, port=8000, lan_address=lan) == links


@pytest.mark.parametrize(
    ("public_url", "links"),
    [
        ("https://example.org/music", Links("https://example.org/music", "public")),
        ("https://example.org/", Links("https://example.org", "public")),
        ("http://nas.local:8080/music/", Links("http://nas.local:8080/music", "network")),
        ("http://localhost:8000", Links("http://localhost:8000", "this_computer")),
    ],
)
def test_a_public_url_wins(public_url: str, links: Links) -> None:
    assert links_of(public_url, host="127.0.0.1", port=8000, lan_address="192.168.1.5") == links
