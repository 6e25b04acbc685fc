"""A stand-in for Azure's command line: `az rest` against a file that is a directory. Strict; what it lacks it refuses.

Requests that change something are noted in `changes`, and only if they did.
"""

import json
import re
import sys
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

# What stands behind a name or an id in each collection's address.
KEY = re.compile(r"^(?P<where>.+)\((?P<key>uniqueName|appId|name)='(?P<value>[^']+)'\)$")


def answer(state: dict[str, Any], method: str, url: str, headers: list[str], body: Any) -> Any:
    """One request. Raises LookupError with what Graph would say."""
    parts = urlsplit(url)
    path, query = parts.path.removeprefix("/v1.0"), parse_qs(parts.query)
    rows: dict[str, list[dict[str, Any]]] = state["rows"]
    if found := KEY.match(path):
        mine = rows.setdefault(found["where"], [])
        known = next((one for one in mine if one[found["key"]] == found["value"]), None)
        if method == "PATCH" and known is None:
            if "Prefer=create-if-missing" not in headers:
                raise LookupError("Not Found")
            known = {"id": str(uuid.uuid4()), found["key"]: found["value"]}
            known |= {"appId": str(uuid.uuid4())} if found["where"] == "/applications" else {}
            mine.append(known)
        if known is None:
            raise LookupError("Not Found")
        if method == "PATCH":
            body = {name: value for name, value in body.items() if name not in state.get("ignored", ())}
            if any(known.get(name) != value for name, value in body.items()):
                state["changes"].append(f"{method} {path}")
            known.update(body)
            return None
        return known
    if method == "POST":
        state["changes"].append(f"{method} {path}")
        rows.setdefault(path, []).append({"id": str(uuid.uuid4()), **body})
        return rows[path][-1]
    wanted = re.fullmatch(r"(\w+) eq '([^']+)'", query["$filter"][0]) if "$filter" in query else None
    return {"value": [one for one in rows.get(path, []) if not wanted or one.get(wanted[1]) == wanted[2]]}


def main() -> int:
    """Answer one command line."""
    file = Path(sys.argv[1])
    words = sys.argv[2:]
    state = json.loads(file.read_text())
    if words[0] != "rest":
        sys.stderr.write(f"the stand-in has no {words[0]}\n")
        return 2
    options = {word: words[place + 1] for place, word in enumerate(words) if word.startswith("--")}
    headers = [word for word in words if re.fullmatch(r"[A-Z][\w-]+=\S+", word)]
    body = json.loads(options["--body"]) if "--body" in options else None
    try:
        said = answer(state, options["--method"], options["--url"], headers, body)
    except LookupError as error:
        sys.stderr.write(f"ERROR: {error}\n")
        return 1
    file.write_text(json.dumps(state))
    sys.stdout.write(json.dumps(said) if said is not None else "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
