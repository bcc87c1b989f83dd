"""What may be asked of a room, for property tests: commands at times, and the rooms they make."""

from hypothesis import strategies as st

from room_builders import DEVICE, LEO, T0, entry, room
from whatssound.rooms import commands
from whatssound.rooms.commands import Command
from whatssound.rooms.room import Room, decide
from whatssound.wire import events
from whatssound.wire.errors import Refusal

devices = st.sampled_from([None, DEVICE, "phone"])
entry_ids = st.sampled_from([str(100 + n) for n in range(1, 10)])
"""101-105 may wait from the start, 106-109 are added, each under a nonce of its own."""
maybe_entries = st.none() | entry_ids
positions = st.floats(0, 12_000)
people = st.sampled_from([LEO, events.User(id="3", name="Mia")])
tracks = st.builds(
    lambda n, ms: events.Track(id=str(n), title=f"Track {n}", duration_ms=ms), st.integers(1, 9), st.integers(0, 9_000)
)
transports: st.SearchStrategy[commands.Transport] = st.one_of(
    st.builds(commands.Play, devices, maybe_entries),
    st.builds(commands.Play, devices, entry_ids, positions),
    st.builds(commands.Pause, devices),
    st.builds(commands.Seek, devices, positions, entry_ids),
    st.builds(commands.Skip, devices, entry_ids),
)
asked: st.SearchStrategy[Command] = st.one_of(
    transports,
    st.just(commands.Tick()),
    st.builds(
        commands.Report,
        devices,
        positions,
        st.floats(T0, T0 + 60_000),
        st.integers(1, 20),
        st.sampled_from(["playing", "stalled"]),
    ),
    st.builds(
        lambda n, ms: commands.AddEntries((entry(n, ms),), f"nonce {n}"), st.integers(6, 9), st.integers(0, 9_000)
    ),
    st.builds(
        lambda first, ms: commands.AddEntries((entry(first, ms), entry(first + 1, ms)), f"two {first}"),
        st.sampled_from([20, 30]),
        st.integers(1, 9_000),
    ),
    st.builds(commands.RemoveEntry, entry_ids),
    st.builds(commands.MoveEntry, entry_ids, maybe_entries),
    st.builds(commands.TrackChanged, tracks, st.booleans()),
    st.builds(commands.Mute, people, st.none() | st.integers(int(T0), int(T0) + 90_000)),
    st.builds(commands.Ban, people, st.booleans()),
    st.builds(commands.Appoint, people, st.booleans()),
    st.builds(commands.Forget, st.sampled_from(["1", LEO.id, "3"])),
    st.builds(commands.Change, st.sampled_from([None, "One", "Two"]), st.none()),
)
steps = st.lists(st.tuples(st.floats(0, 20_000), asked), max_size=20)
durations = st.lists(st.integers(0, 6_000), max_size=5)
rules = st.sampled_from(["auto_dj", "pause"])


def walked(durations_ms: list[int], rule: str, steps: list[tuple[float, Command]]) -> tuple[list[Room], float]:
    """Every room on the way, refused commands left out, and the time at which it ends."""
    rooms, now_ms = [room(*durations_ms, when_dj_gone=rule)], T0
    for waited_ms, command in steps:
        now_ms += waited_ms
        try:
            rooms.append(decide(rooms[-1], command, now_ms))
        except Refusal:
            continue
    return rooms, now_ms
