"""Run the command line: `python3 -m arc_lrms_oar`."""

import sys

from arc_lrms_oar.cli import main

if __name__ == "__main__":
    sys.exit(main())
