"""What settings may be, and what people are told when it is something else."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatssound.config.sizes import about, bytes_of, size_text
from whatssound.config.values import jwks, proxies, public_url, publishable_keys, realtime_policy, setting


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("20GB", 20_000_000_000),
        ("200 MB", 200_000_000),
        ("1GiB", 2**30),
        ("1gib", 2**30),
        ("1.5 TB", 1_500_000_000_000),
        ("64K", 64_000),
        ("1048576", 1_048_576),
        ("1_000_000 B", 1_000_000),
    ],
)
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert bytes_of(text) == size


@pytest.mark.parametrize(
    "text", ["", "20 bananas", "-1GB", "1GBGB", "0", "0GB", "GB", "1e9", "10000000 TB", "1 G B", "½GB"]
)
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"20GB|more than nothing"):
        bytes_of(text)


@given(st.integers(min_value=1, max_value=2**53 - 1))
def test_a_size_reads_back_exactly(size: int) -> None:
    assert bytes_of(size_text(size)) == size


def test_sizes_are_shown_short() -> None:
    assert [size_text(size) for size in (20 * 10**9, 64 * 1024, 2**30, 1_234)] == ["20GB", "64KiB", "1GiB", "1234"]
    assert [about(size) for size in (999, 1_234, 20 * 10**9, 123_456_789)] == [
        "999 bytes",
        "1.23 KB",
        "20 GB",
        "123 MB",
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("https://example.org/music/", "https://example.org/music"),
        ("https://example.org", "https://example.org"),
        ("http://nas.local:8080/a/b", "http://nas.local:8080/a/b"),
        ("", None),
        ("  ", None),
    ],
)
def test_a_public_url_has_no_slash_at_its_end(text: str, value: str | None) -> None:
    assert public_url(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "example.org",
        "ftp://example.org",
        "https://",
        "https://example.org/?a",
        "https://example.org/#a",
        "https://me:secret@example.org",
        "https://example.org/a b",
        "https://example.org/a/../b",
        'https://example.org/"x',
        "https://example.org/r",
        "https://example.org/v1/music",
    ],
)
def test_a_public_url_that_links_could_not_begin_with_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be like|choose another path"):
        public_url(text)


def test_proxies_are_listed_with_commas_or_one_by_one() -> None:
    assert proxies(("127.0.0.1, 10.0.0.0/8", "::1")) == ("127.0.0.1", "10.0.0.0/8", "::1")
    with pytest.raises(ValueError, match=r"10\.0\.0\.300"):
        proxies(("10.0.0.300",))


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("port", int, "70000"),
        ("port", int, "8.5"),
        ("port", int, "True"),
        ("chat_room_per_s", int, "0"),
        ("chat_room_per_s", int, "many"),
        ("outbox_s", float, "-1"),
        ("outbox_s", float, "nan"),
        ("outbox_s", float, "inf"),
        ("encoder_nice", int, "20"),
        ("log", str, "loud"),
        ("quota", int, "much"),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, kind: type, text: str) -> None:
    with pytest.raises(ValueError, match=r"must|no size"):
        setting(name, kind, text)


def test_publishable_keys_are_several_texts_that_nobody_guesses() -> None:
    assert publishable_keys(("sb_publishable_a, " + "k" * 20, "", " sb_publishable_b ")) == (
        *("sb_publishable_a", "k" * 20, "sb_publishable_b"),
    )


@pytest.mark.parametrize(
    "text", ["short", "sb_secret_" + "x" * 30, "eyJhbGciOiJ9.eyJyb2xlIjoiYW5vbiJ9.c2ln", "k" * 19 + " k"]
)
def test_what_should_not_stand_in_a_page_is_no_publishable_key(text: str) -> None:
    with pytest.raises(ValueError, match=r"sb_publishable_|for everybody to see"):
        publishable_keys((text,))


def test_a_secret_key_is_not_repeated_to_whoever_reads_the_error() -> None:
    with pytest.raises(ValueError, match="secret") as refused:
        publishable_keys(("sb_secret_do_not_tell_anybody",))
    assert "do_not_tell" not in str(refused.value)


def test_a_key_set_is_a_file_or_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert jwks(" keys.json ") == str(tmp_path / "keys.json")
    assert jwks("https://example.org/jwks.json?v=1") == "https://example.org/jwks.json?v=1"
    assert jwks(" ") is None
    for text in ("ftp://example.org/keys", "https://", "https://me:password@example.org/keys"):
        with pytest.raises(ValueError, match=r"jwks\.json") as refused:
            jwks(text)
        assert "password" not in str(refused.value)


def test_a_policy_is_a_module_and_a_callable_in_it() -> None:
    assert realtime_policy(" rules.of_ours:Rules.may ") == "rules.of_ours:Rules.may"
    assert realtime_policy("") is None
    for text in ("rules", "rules:", ":may", "rules.may()", "rules:may()", "../rules:may", "1rules:may"):
        with pytest.raises(ValueError, match=r"package\.module:callable"):
            realtime_policy(text)
