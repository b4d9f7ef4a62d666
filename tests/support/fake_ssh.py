"""An ssh that runs the command here, and whose connection can be cut at any moment."""

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
    """`place` is a directory of its own; `path` is the executable.

    What becomes of the next connections is said by `next`: "" all is well, "refused" none is made,
    "held" the network keeps what was sent until `deliver`, "left" the command goes on alone,
    "unread" it has begun and does so with pipes that nobody reads any more,
    "mute" its output is lost, "cut out N" and "cut err N" no more than N bytes of its output come
    (all but the last -N), "stuck" nothing happens, "chatty" the login shell says something.
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
        (self.place / "modes").write_text("".join(f"{mode}\n" for mode in modes))

    def calls(self) -> list[list[str]]:
        """The arguments of each ssh."""
        text = (self.place / "calls").read_text() if (self.place / "calls").exists() else ""
        return [list(ast.literal_eval(line)) for line in text.splitlines()]

    def deliver(self) -> str:
        """Brings what was held back to its end; gives what it said to nobody."""
        script = (self.place / "held").read_bytes()
        shell = ["/bin/sh", "-s", "held"]
        done = subprocess.run(shell, input=script, capture_output=True, check=False)
        os.unlink(self.place / "held")
        return (done.stdout + done.stderr).decode()
