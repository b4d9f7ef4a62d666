"""Stand-in for ARC 6's own Python wrappers: `wrappers.py COMMAND CONF ARGUMENT…`.

It imports and calls slurm.py as the wrappers of ARC 6.10 and 6.17 do: the GRAMi file is open for
reading and writing during Submit, and the description made of it is as incomplete as theirs. With
$ARC_OAR_KILLED the wrapper is killed after Submit.
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
    """The description that ARC's parser makes of a GRAMi file: one line is one value."""
    values = dict(line.split("=", 1) for line in text.splitlines())
    unquoted = {name: re.sub("^'(.*)'$", r"\1", value) for name, value in values.items()}
    other = ("gridid", "directory", "controldir")
    present = {
        name: unquoted[f"joboption_{name}"] for name in other if f"joboption_{name}" in unquoted
    }
    return arc_object({"executable": unquoted["joboption_arg_0"]}, **present)


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
    # As Inline::Python calls it in the provider. This process has the provider's command line.
    options = {b"queues": {b"default": {b"users": [b"/CN=\xc5\xa0\xff"]}}, b"jobs": [b"1"]}
    results = (drop_in.get_lrms_options_schema(), drop_in.get_lrms_info(options))
    print(json.dumps(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
