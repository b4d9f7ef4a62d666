"""An ssh for tests that runs the command locally and can drop the connection at any moment."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """#!{python} -ISE
import os, signal, subprocess, sys

place = {place!r}
words = sys.argv[1:]
with open(place + "/calls", "a") as file:
    file.write(ascii(words) + "\\n")
socket = next(word[12:] for word in words if word.startswith("ControlPath="))
if "exit" in words:
    os.unlink(socket)
    sys.exit()
open(socket, "a").close()
with open(place + "/modes") as file:
    mode, _, rest = file.read().partition("\\n")
with open(place + "/modes", "w") as file:
    file.write(rest)


def lost():
    sys.stderr.write("client_loop: send disconnect: Broken pipe\\r\\n")
    sys.stderr.flush()
    os._exit(255)


shell = ["/bin/sh", "-c", words[-1]]
script = sys.stdin.buffer.read()
if mode == "refused":
    sys.stderr.write("ssh: connect to host oar.example port 22: Connection refused\\r\\n")
    sys.exit(255)
if mode == "held":
    with open(place + "/held", "wb") as file:
        file.write(script)
    lost()
if mode == "stuck":
    signal.pause()
if mode in ("left", "mute", "unread"):
    output = subprocess.PIPE if mode == "unread" else subprocess.DEVNULL
    child = subprocess.Popen(shell, stdin=subprocess.PIPE, stdout=output, stderr=output,
                             start_new_session=True)
    child.stdin.write(script)
    child.stdin.close()
    if mode == "mute":
        child.wait()
    if mode == "unread":
        child.stdout.readline()
        child.stderr.readline()
    lost()
done = subprocess.run(shell, input=script, capture_output=True)
out, err = done.stdout, done.stderr
if mode == "chatty":
    out, err = b"Welcome!\\n" + out, b"stty: not a tty\\n" + err
if mode.startswith("cut "):
    _, stream, count = mode.split()
    whole = out if stream == "out" else err
    part = whole[:int(count) if int(count) >= 0 else len(whole) + int(count)]
    out, err = (part, err) if stream == "out" else (out, part)
sys.stdout.buffer.write(out)
sys.stdout.flush()
sys.stderr.buffer.write(err)
sys.stderr.flush()
if mode.startswith("cut "):
    lost()
sys.exit(done.returncode)
"""


class FakeSsh:
    """The executable is `path`, in the new directory `place`.

    `next` sets the modes of the next connections:

    - "": the connection works
    - "refused": it is refused
    - "held": the script is sent, but arrives only with `deliver`; the connection drops
    - "left": the connection drops and the command runs on
    - "unread": the same after one line of both outputs, which nobody reads any more
    - "mute": the command ends, then the connection drops without its output
    - "cut out N", "cut err N": only N bytes of stdout or stderr arrive (for a negative N, all but
      the last -N), then the connection drops
    - "stuck": nothing happens
    - "chatty": the login shell prints to both outputs
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir()
        place.chmod(0o777)
        self.path = place / "ssh"
        self.path.write_text(PROGRAM.format(python=sys.executable, place=str(place)))
        self.path.chmod(0o755)
        self.next()

    def next(self, *modes: str) -> None:
        """Set the modes of the next connections; later ones work."""
        (self.place / "modes").write_text("".join(f"{mode}\n" for mode in modes))

    def calls(self) -> list[list[str]]:
        """Return the arguments of each ssh."""
        text = (self.place / "calls").read_text() if (self.place / "calls").exists() else ""
        return [list(ast.literal_eval(line)) for line in text.splitlines()]

    def deliver(self) -> str:
        """Execute the script that was held back, and return its output, which is lost."""
        script = (self.place / "held").read_bytes()
        shell = ["/bin/sh", "-s", "held"]
        done = subprocess.run(shell, input=script, capture_output=True, check=False)
        os.unlink(self.place / "held")
        return (done.stdout + done.stderr).decode()
