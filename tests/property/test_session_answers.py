"""Whatever a client sends, one frame after the other: the session answers as the table of replies says."""

from dataclasses import dataclass, field

from hypothesis import given

from session_house import House, Said, told
from session_steps import EXAMPLES, GOOD, NOWHERE, REFUSED, TOPICS, Client, Step, steps_on, versions
from whatssound.wire.phoenix import V2, Serializer


@dataclass
class Table:
    """The table of replies: which frames each step brings, to whom joined as `joined` says."""

    version_2: bool
    joined: dict[str, tuple[str | None, str]] = field(default_factory=dict)
    """By topic: the join_ref, and how it was joined."""

    def answers(self, step: Step, ref: str | None) -> list[Said]:
        """What the sender is told, without broadcasts and `OWN_WORDS`."""
        here = self.joined.get(step.topic)
        if step.what == "junk" or (step.what in ("kind 3", "kind 0") and not self.version_2):
            return []
        if step.what == "heartbeat":
            return [(ref, step.topic, "phx_reply", "ok")]
        if step.what == "phx_join":
            return self._join(step, ref)
        if here is not None:
            return [] if step.whose == "stale" else self._command(step, ref, here)
        return [(ref, step.topic, "phx_reply", "ok" if step.what == "phx_leave" else "error")]

    def is_heard(self, step: Step) -> bool:
        """Whether the step, before it is taken, is a broadcast that others hear."""
        if step.topic not in self.joined or step.whose == "stale":
            return False
        if step.what == "kind 3":
            return self.version_2 and step.detail != b"nonsense"
        return step.what == "broadcast" and step.detail in GOOD

    def _join(self, step: Step, ref: str | None) -> list[Said]:
        here = self.joined.pop(step.topic, None)
        told: list[Said] = [(here[0], step.topic, "phx_close", {})] if here is not None and self.version_2 else []
        if step.topic == "room:nowhere":
            return [*told, (ref, step.topic, "phx_reply", "error"), (ref, step.topic, "phx_close", {"code": "…"})]
        if step.topic in NOWHERE or step.detail in REFUSED:
            return [*told, (ref, step.topic, "phx_reply", "error")]
        self.joined[step.topic] = (ref, step.detail)
        return [*told, (ref, step.topic, "phx_reply", "ok")]

    def _command(self, step: Step, ref: str | None, here: tuple[str | None, str]) -> list[Said]:
        join_ref, how = here
        if step.what == "phx_leave":
            del self.joined[step.topic]
            return [(ref, step.topic, "phx_reply", "ok"), (join_ref, step.topic, "phx_close", {})]
        if step.what == "access_token":
            if step.detail != "nonsense":
                return []
            del self.joined[step.topic]
            return [(join_ref, step.topic, "phx_close", {})]
        if self.is_heard(step):
            return [(ref, step.topic, "phx_reply", "ok")] if how in ("self", "ack") else []
        return [(ref, step.topic, "phx_reply", "error")]


@EXAMPLES
@given(serializer=versions, frames=steps_on(TOPICS))
def test_each_frame_is_answered_as_the_table_says(house: House, serializer: Serializer, frames: list[Step]) -> None:
    house.run(house.tidily(each_is_answered(house, serializer, frames)))


async def each_is_answered(house: House, serializer: Serializer, frames: list[Step]) -> None:
    listener, client = Client(*house.session(V2)), Client(*house.session(serializer))
    for topic in TOPICS:
        listener.send(Step("phx_join", topic, detail="plain"))
    await house.settle()
    listener.recorder.said.clear()
    table, heard, heard_self = Table(serializer is V2), 0, 0
    for step in frames:
        is_heard, how = table.is_heard(step), table.joined.get(step.topic, ("", ""))[1]
        ref = client.send(step)
        await house.settle()
        broadcasts = [said for said in client.recorder.said if said[2] == "broadcast"]
        answers = told(client.recorder)
        if step.what == "presence":
            answers = [(*answer[:3], "error") for answer in answers]
        assert answers == table.answers(step, ref), step
        assert len(broadcasts) == (is_heard and how == "self"), step
        heard += is_heard
        heard_self += len(broadcasts)
    assert [event for _, _, event, _ in listener.recorder.said if event == "broadcast"] == ["broadcast"] * heard
    assert client.recorder.closed is None
