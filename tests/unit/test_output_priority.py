"""Which processes belong to a sound card of ours, though browsers' children hide what they were started with."""

import os
import subprocess

from output.priority import environment_of, lineage

MARK = "PULSE_SERVER=unix:/nowhere"


def test_a_child_that_has_lost_its_environment_is_known_by_its_parents() -> None:
    name, _, value = MARK.partition("=")
    command = ["sh", "-c", "env -i sh -c 'echo $$; read line'; true"]
    environment = {"PATH": os.environ["PATH"], name: value}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = parent.stdout.readline().strip()
        line = list(lineage(child))
        assert str(parent.pid) in line
        assert MARK.encode() not in environment_of(child)
        assert any(MARK.encode() in environment_of(pid) for pid in line)
        parent.communicate("\n")
