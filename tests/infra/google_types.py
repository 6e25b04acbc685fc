"""Writes the arguments of the Google resources that the Terraform files may use, taken from a published description.

The npm package @cdktf/provider-google 16.12.1 (MPL-2.0) was generated from the schema of HashiCorp's provider 6.50.0;
its file .jsii names every argument. It is needed only to make data/google.json anew:

    npm pack @cdktf/provider-google@16.12.1 && tar xzf cdktf-provider-google-16.12.1.tgz
    python tests/infra/google_types.py package/.jsii

Each resource, and each data source by its type with `data.` before it, is argument → {required?, block?}.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data" / "google.json"
INFRA = Path(__file__).parents[2] / "infra" / "gcp"
NAMED = re.compile(r"docs/(resources|data-sources)/(\w+)#(\w+)")


def main(description: Path) -> None:
    """Write data/google.json for what infra/gcp uses now."""
    types = json.loads(description.read_text())["types"]
    text = "".join(path.read_text() for path in INFRA.glob("*.tf"))
    found = {
        prefix + kind: _arguments(types, _config(types, prefix, kind))
        for keyword, prefix in (("resource", ""), ("data", "data."))
        for kind in set(re.findall(rf'^{keyword} "(google_\w+)"', text, re.MULTILINE))
    }
    lines = ",\n".join(f"{json.dumps(kind)}: {json.dumps(found[kind])}" for kind in sorted(found))
    DATA.write_text(f"{{\n{lines}\n}}\n")


def _config(types: dict[str, Any], prefix: str, kind: str) -> str:
    """The type that holds the arguments of a resource, found by its name without underscores and capitals."""
    wanted = ("data" if prefix else "") + kind.replace("_", "") + "config"
    wanted = wanted if prefix else wanted.removeprefix("google")
    return next(name for name in types if name.rpartition(".")[2].lower() == wanted)


def _arguments(types: dict[str, Any], name: str) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for entry in types[name].get("properties", []):
        named = NAMED.search(entry.get("docs", {}).get("remarks", "") + entry.get("docs", {}).get("summary", ""))
        if named is None:
            continue  # what every resource has: count, lifecycle, provider
        argument: dict[str, Any] = {} if entry.get("optional") else {"required": True}
        inner = [fqn for fqn in re.findall(r'"fqn": "([^"]+)"', json.dumps(entry["type"])) if fqn in types]
        if inner:
            argument["block"] = _arguments(types, inner[0])
        arguments[named[3]] = argument
    return arguments


if __name__ == "__main__":
    main(Path(sys.argv[1]))
