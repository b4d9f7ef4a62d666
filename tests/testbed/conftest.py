"""Makes `bed`, which lives in testbed/, importable for these tests."""

from __future__ import annotations

import sys
from pathlib import Path

TESTBED = str(Path(__file__).resolve().parents[2] / "testbed")
if TESTBED not in sys.path:
    sys.path.insert(0, TESTBED)
