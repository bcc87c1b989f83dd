"""Who is present as a client holds it: the merge rules of phoenix.js `Presence`, over payloads as they arrive."""

import json
from typing import Any

Metas = list[dict[str, Any]]


class PresenceClient:
    """State first, then diffs; `joined` and `left` are the references its application was told of, in order."""

    def __init__(self, state: bytes = b"{}") -> None:
        self.metas: dict[str, Metas] = {}
        self.joined: list[str] = []
        self.left: list[str] = []
        self.hear_state(state)

    def hear_state(self, payload: bytes) -> None:
        """`syncState`: what is not in it has left."""
        new = {key: entry["metas"] for key, entry in json.loads(payload).items()}
        joins = {key: [meta for meta in metas if meta["phx_ref"] not in self.refs()] for key, metas in new.items()}
        kept = {meta["phx_ref"] for metas in new.values() for meta in metas}
        leaves = {key: [meta for meta in metas if meta["phx_ref"] not in kept] for key, metas in self.metas.items()}
        self._merge(joins, leaves)

    def hear_diff(self, payload: bytes) -> None:
        """`syncDiff`: joins, then leaves."""
        diff = json.loads(payload)
        assert set(diff) == {"joins", "leaves"}
        self._merge(
            {key: entry["metas"] for key, entry in diff["joins"].items()},
            {key: entry["metas"] for key, entry in diff["leaves"].items()},
        )

    def refs(self) -> set[str]:
        """The references it holds."""
        return {meta["phx_ref"] for metas in self.metas.values() for meta in metas}

    def _merge(self, joins: dict[str, Metas], leaves: dict[str, Metas]) -> None:
        for key, metas in joins.items():
            new = {meta["phx_ref"] for meta in metas}
            known = [meta for meta in self.metas.get(key, []) if meta["phx_ref"] not in new]
            if known or metas:
                self.metas[key] = known + metas
            self.joined += [meta["phx_ref"] for meta in metas]
        for key, metas in leaves.items():
            gone = {meta["phx_ref"] for meta in metas}
            self.left += [meta["phx_ref"] for meta in metas]
            if key in self.metas:
                self.metas[key] = [meta for meta in self.metas[key] if meta["phx_ref"] not in gone]
                if not self.metas[key]:
                    del self.metas[key]
