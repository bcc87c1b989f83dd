"""A sound card of our own: what browsers play into it can be recorded, each in a channel of its own."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from output.priority import AudioServices, urgent

RATE_HZ = 48_000

READY_S = 10

POSITIONS = ("front-left", "front-right", "front-center", "lfe", "rear-left", "rear-right")


def installed() -> bool:
    """Whether this machine can have one."""
    return all(shutil.which(program) for program in ("pulseaudio", "pactl", "parec", "paplay"))


class SoundCard:
    """A private PulseAudio: one null sink that is never heard, and a mono input to each of its channels.

    Inputs add no delay of their own: PulseAudio renders a remapped input together with its master. Nothing outside a
    temporary folder is touched, and a PulseAudio that runs already is left alone.
    """

    def __init__(self, *, inputs: int) -> None:
        self.inputs = inputs
        self._folder = tempfile.TemporaryDirectory(prefix="sound-card-")
        self._daemon: subprocess.Popen[bytes] | None = None
        self._services = AudioServices(self._server)

    def __enter__(self) -> Self:
        folder = Path(self._folder.name)
        (folder / "modules").write_text(self._modules())
        command = ["pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1"]
        with (folder / "log").open("wb") as log:
            self._daemon = subprocess.Popen(
                [*command, "-F", str(folder / "modules")], env=self._own_environment(), stdout=log, stderr=log
            )
        answers = subprocess.run(
            ["timeout", str(READY_S), "sh", "-c", "until pactl info >/dev/null 2>&1; do sleep 0.1; done"],
            env=self.environment(),
            check=False,
        )
        if answers.returncode != 0:
            self._end()
            raise RuntimeError("PulseAudio did not start")
        urgent(self._daemon.pid)
        self._services.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._services.stop()
        self._end()

    def _end(self) -> None:
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait()
        self._folder.cleanup()

    def environment(self, into: int | None = None) -> dict[str, str]:
        """What makes a program play `into` one input, or without it into all at once."""
        sink = "room" if into is None else f"in{into}"
        return {**os.environ, "PULSE_SERVER": self._server, "PULSE_SINK": sink}

    def move(self, pid: int, *, into: int) -> None:
        """Let the stream of the process `pid` go on in another input."""
        listed = subprocess.check_output(["pactl", "--format=json", "list", "sink-inputs"], env=self.environment())
        (stream,) = [s for s in json.loads(listed) if s["properties"].get("application.process.id") == str(pid)]
        command = ["pactl", "move-sink-input", str(stream["index"]), f"in{into}"]
        subprocess.run(command, env=self.environment(), check=True)

    @property
    def recorded(self) -> str:
        """The name of what is heard, for a recorder."""
        return "room.monitor"

    @property
    def _server(self) -> str:
        return f"unix:{self._folder.name}/native"

    def _own_environment(self) -> dict[str, str]:
        places = ("HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH", "PULSE_STATE_PATH")
        return {"PATH": os.environ["PATH"], **dict.fromkeys(places, self._folder.name)}

    def _modules(self) -> str:
        positions = POSITIONS[: self.inputs]
        lines = [
            f"load-module module-native-protocol-unix socket={self._folder.name}/native auth-anonymous=1",
            f"load-module module-null-sink sink_name=room rate={RATE_HZ} channels={self.inputs} "
            f"channel_map={','.join(positions)}",
        ]
        lines += [
            f"load-module module-remap-sink sink_name=in{n} master=room channels=1 channel_map=mono "
            f"master_channel_map={position} remix=no"
            for n, position in enumerate(positions)
        ]
        return "\n".join(lines) + "\n"
