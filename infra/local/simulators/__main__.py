"""Runs the simulators alone: one line of JSON with every address, then they answer until interrupted."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.local.simulators import Simulators
from shared.foundation.brand import PUBLISHED, Brand


class Named(BaseSettings):
    """The names that the service has, from the same settings as the service's own."""

    model_config = SettingsConfigDict(
        env_prefix="FOOTPRINT_", env_nested_delimiter="__", env_file=".env", extra="ignore"
    )

    brand: Brand = PUBLISHED


def main() -> None:
    """Start, print where everything is, and wait for SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.simulators", description=__doc__)
    parser.add_argument("--port", type=int, default=9400, help="first of twelve ports; 0 takes any free ones")
    parser.add_argument("--clock-file", type=Path, help="file that holds the clock's offset in seconds")
    chosen = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with Simulators.start(chosen.port, chosen.clock_file, Named().brand) as simulators:
        line = {**simulators.settings, "control": simulators.control, "tenants": simulators.tenants()}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
        ended.wait()


if __name__ == "__main__":
    main()
