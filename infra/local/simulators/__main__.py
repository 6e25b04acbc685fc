"""Runs the simulators alone: one line of JSON with every address, then they answer until interrupted."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from infra.local.simulators import Simulators


def main() -> None:
    """Start, print where everything is, and wait for SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.simulators", description=__doc__)
    parser.add_argument("--port", type=int, default=9400, help="first of twelve ports; 0 takes any free ones")
    parser.add_argument("--clock-file", type=Path, help="file that holds the clock's offset in seconds")
    chosen = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with Simulators.start(port=chosen.port, clock_file=chosen.clock_file) as simulators:
        line = {**simulators.settings, "control": simulators.control, "tenants": simulators.tenants()}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
        ended.wait()


if __name__ == "__main__":
    main()
