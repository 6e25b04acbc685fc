"""Asks which of the locked requirements have a published weakness: `python -m infra.audit`.

The answers are OSV's, by pip-audit. Where nobody answers, for want of a network, it says so and fails nothing.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements-dev.txt"
# What a failure's last line names when OSV is not reached, or something else answers in its place.
NOT_REACHED = re.compile("ConnectionError|Timeout|ProxyError|SSLError|ServiceError|JSONDecodeError|connect to OSV")


def main(arguments: list[str]) -> int:
    """Print what is known; 1 if something is, or if pip-audit itself fails. `arguments` are pip-audit's own."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--progress-spinner", "off"]
    command += ["--vulnerability-service", "osv", "--format", "json", "--desc", "off", "-r", str(LOCK), *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - no shell reads it
    if not done.stdout.strip():
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        if NOT_REACHED.search(last):
            sys.stdout.write("Published weaknesses: skipped, for the list of them is not reached from here.\n")
            return 0
        sys.stderr.write(f"pip-audit failed: {last}\n")
        return 1
    asked = json.loads(done.stdout)["dependencies"]
    weak = [(one, known) for one in asked for known in one.get("vulns", [])]
    for one, known in weak:
        better = ", ".join(known["fix_versions"]) or "no version yet"
        sys.stderr.write(f"{one['name']} {one['version']}: {known['id']}, mended in {better}\n")
    sys.stdout.write(f"Published weaknesses: {len(weak)} in {len(asked)} packages.\n")
    return int(bool(weak))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
