"""A stand-in for Azure's command line: a file is the directory and the resource group. What it lacks it refuses.

Requests that change something are noted in `changes`, and only if they did.
"""

import itertools
import json
import re
import sys
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

URL = "https://footprint0.azurewebsites.net"
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
            known |= (
                {"appId": str(uuid.uuid4()), "passwordCredentials": []} if found["where"] == "/applications" else {}
            )
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
    if method == "DELETE":
        where, _, gone = path.rpartition("/")
        rows[where] = [one for one in rows[where] if one["id"] != gone]
        state["changes"].append(f"{method} {path}")
        return None
    if path.endswith(("/addPassword", "/removePassword")):
        return _password(state, path, body)
    if method == "PATCH":
        known = next(one for one in rows[path.rpartition("/")[0]] if one["id"] == path.rpartition("/")[2])
        known.update(body)
        state["changes"].append(f"{method} {path}")
        return None
    if method == "POST":
        state["changes"].append(f"{method} {path}")
        rows.setdefault(path, []).append({"id": str(uuid.uuid4()), **body})
        return rows[path][-1]
    wanted = re.fullmatch(r"(\w+) eq '([^']+)'", query["$filter"][0]) if "$filter" in query else None
    return {"value": [one for one in rows.get(path, []) if not wanted or one.get(wanted[1]) == wanted[2]]}


def _password(state: dict[str, Any], path: str, body: Any) -> Any:
    """An application's secret is told once, when it is made."""
    _, _, application, what = path.split("/")
    (known,) = [one for one in state["rows"]["/applications"] if one["id"] == application]
    kept = [one for one in known.get("passwordCredentials", []) if one["keyId"] != body.get("keyId")]
    made = {**body.get("passwordCredential", {}), "keyId": str(uuid.uuid4())}
    known["passwordCredentials"] = [*kept, made] if what == "addPassword" else kept
    state["changes"].append(f"POST {path}")
    return {**made, "secretText": f"secret-{made['keyId']}"}


def group(state: dict[str, Any], command: str, options: dict[str, str], given: list[str]) -> str:
    """What is said to Resource Manager about one group. Raises LookupError if what is asked for is not there."""
    there: dict[str, Any] = state.setdefault("group", {})

    def put(name: str, value: Any) -> str:
        if there.get(name) != value:
            state["changes"].append(command)
            there[name] = value
        return ""

    match command:
        case "group create":
            return put("location", options["--location"])
        case "group delete":
            state["changes"].append(command)
            state["group"] = {}
            return ""
        case "deployment group create":
            files = [json.loads(Path(one.removeprefix("@")).read_text())["parameters"] for one in given]
            merged = {name: one["value"] for file in files for name, one in file.items()}
            # They go to the vault, and are not asked for again.
            there.setdefault("secrets", {}).update(merged.pop("secrets", {}))
            return put("deployed", merged)
        case "deployment group show" if "deployed" in there:
            outputs = {"publicUrl": URL, "identityPrincipalId": "principal-eu"}
            outputs |= {"name": "footprint0", "workersName": "footprint0w", "stagingName": "footprint0s"}
            return outputs[options["--query"].removeprefix("properties.outputs.").removesuffix(".value")] + "\n"
        case "resource show" if options["--name"].upper().replace("-", "_") in there.get("secrets", {}):
            return ""
        case "account get-access-token" if options["--scope"].endswith("/.default"):
            return "a-token\n"
        case "functionapp deployment source config-zip":
            return put(f"code of {options['--name']}", options["--src"])
    raise LookupError(f"not found, or no command of the stand-in: {command}")


def main() -> int:
    """Answer one command line."""
    file = Path(sys.argv[1])
    words = sys.argv[2:]
    state = json.loads(file.read_text())
    options = {word: words[place + 1] for place, word in enumerate(words[:-1]) if word.startswith("--")}
    headers = [word for word in words if re.fullmatch(r"[A-Z][\w-]+=\S+", word)]
    body = json.loads(options["--body"]) if "--body" in options else None
    command = " ".join(itertools.takewhile(lambda word: not word.startswith("--"), words))
    try:
        if command == "rest":
            said = answer(state, options["--method"], options["--url"], headers, body)
        else:
            given = [words[place + 1] for place, word in enumerate(words[:-1]) if word == "--parameters"]
            sys.stdout.write(group(state, command, options, given))
            said = None
    except LookupError as error:
        sys.stderr.write(f"ERROR: {error}\n")
        return 1
    file.write_text(json.dumps(state))
    sys.stdout.write(json.dumps(said) if said is not None else "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
