"""Stands for ARC 6's own Python wrappers, as its scripts call them: `wrappers.py VERB CONF WHAT…`.

It does to the drop-in what the wrappers of ARC 6.10 and 6.17 do, and finds it where they do. The
GRAMi file is open for reading and writing around Submit, and the description that is made of it is
as poor as theirs. $ARC_OAR_KILLED is set for a wrapper that is killed when Submit has ended.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import sys
from typing import Any

from job.readers import arc_object


def described(text: str) -> Any:
    """What ARC's own parser of GRAMi makes of it: a line is a value, and a quote stays doubled."""
    values = dict(line.split("=", 1) for line in text.splitlines())
    said = {name: re.sub("^'(.*)'$", r"\1", value) for name, value in values.items()}
    other = ("gridid", "directory", "controldir")
    present = {name: said[f"joboption_{name}"] for name in other if f"joboption_{name}" in said}
    return arc_object({"executable": said["joboption_arg_0"]}, **present)


def submit(drop_in: Any, config: str, path: str) -> int:
    with open(path, "r+") as file:
        local_id = drop_in.Submit(config, described(file.read()))
        if "ARC_OAR_KILLED" in os.environ:
            os.kill(os.getpid(), signal.SIGKILL)
        if type(local_id) is not str:
            return 1
        file.write(f"joboption_jobid={local_id}\n")
    return 0


def main() -> int:
    drop_in = importlib.import_module("arc.lrms.slurm")
    verb, config, *words = sys.argv[1:]
    if verb == "submit":
        return submit(drop_in, config, words[0])
    if verb == "cancel":
        return 0 if drop_in.Cancel(config, words[0]) else 1
    if verb == "scan":
        drop_in.Scan(config, words)
        return 0
    # As Inline::Python calls it in the provider, of which this is the command line.
    asked = {b"queues": {b"default": {b"users": [b"/CN=\xc5\xa0\xff"]}}, b"jobs": [b"1"]}
    told = (drop_in.get_lrms_options_schema(), drop_in.get_lrms_info(asked))
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
