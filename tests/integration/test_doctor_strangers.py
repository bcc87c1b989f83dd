"""`whatssound doctor` reads the keys and finds the policy that a server would start with."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from whatssound.config import Config
from whatssound.doctor import strangers
from whatssound.doctor.finding import Finding


def found(config: Config) -> list[Finding]:
    return [*strangers.keys(config), *strangers.policy(config)]


def with_keys(folder: Path, *keys: object) -> Config:
    file = folder / "keys.json"
    file.write_text(json.dumps({"keys": keys}))
    return Config(jwks=str(file))


def test_who_knows_no_strangers_hears_nothing_of_them() -> None:
    assert found(Config()) == []


def test_a_key_set_that_can_be_used_is_told(tmp_path: Path) -> None:
    key = ECKey.generate_key("P-256", {"kid": "one"}).as_dict(private=False)
    assert [finding.state for finding in found(with_keys(tmp_path, key))] == ["ok"]


@pytest.mark.parametrize("place", ["/nowhere/keys.json", "http://127.0.0.1:1/keys.json"])
def test_a_key_set_that_cannot_be_read_is_found(place: str) -> None:
    [broken] = found(Config(jwks=place))
    assert broken.state == "mend"
    assert "cannot be read" in broken.what
    assert "--jwks" in broken.how


def test_a_key_set_without_a_key_for_us_is_found(tmp_path: Path) -> None:
    [broken] = found(with_keys(tmp_path, {"kty": "oct", "k": "c2VjcmV0", "kid": "one"}))
    assert broken.state == "mend"


def test_a_policy_that_is_there_is_told_and_one_that_is_not_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "doors.py").write_text("def may(claims, topic, extension, operation): return True\nnobody = 5\n")
    monkeypatch.syspath_prepend(tmp_path)
    config = Config(realtime_policy="doors:may")
    assert [finding.state for finding in found(config)] == ["ok"]
    for place in ("doors:absent", "doors:nobody", "no_such_module:may"):
        [broken] = found(replace(config, realtime_policy=place))
        assert broken.state == "mend"
        assert place in broken.what
