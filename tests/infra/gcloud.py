"""A stand-in for Google's command line and for Terraform: a file is the project. What it lacks it refuses.

What changes something is noted in `changes`, and only if it did.
"""

import itertools
import json
import sys
from pathlib import Path
from typing import Any

NUMBER, REGION = "123456789012", "europe-west1"
URL = f"https://footprint-http-{NUMBER}.{REGION}.run.app"
LIEN = f"p{NUMBER}-l0"
OUTPUTS = {"public_url": URL, "runtime_unique_id": "100000000000000000042", "database_user": "runtime@example.iam"}


def answer(state: dict[str, Any], program: str, words: list[str]) -> str:
    """One command line. Raises LookupError if what is asked for is not there."""
    there: dict[str, Any] = state.setdefault("project", {})
    options = {word: words[place + 1] for place, word in enumerate(words[:-1]) if word.startswith("--")}
    said = list(itertools.takewhile(lambda word: not word.startswith("--"), words))

    def put(name: str, value: Any) -> str:
        if there.get(name) != value:
            state["changes"].append(" ".join(said))
            there[name] = value
        return ""

    told = _seen(there, program, said, options)
    if told is not None:
        return told
    match program, *said:
        case "gcloud", "projects", "create", name:
            return put("name", name)
        case "gcloud", "alpha", "resource-manager", "liens", "delete", name if there.get("lien") == name:
            state["changes"].append(" ".join(said))
            del there["lien"]
            return ""
        case "gcloud", "projects", "delete", name if there.get("name") == name and "lien" not in there:
            state["changes"].append(" ".join(said))
            there.clear()
            return ""
        case "gcloud", "billing", "projects", "link", _:
            return put("billing", options["--billing-account"])
        case "gcloud", "services", "enable", *names:
            return put("services", names)
        case "gcloud", "storage", "buckets", "create", name:
            return put("bucket", name)
        case "gcloud", "sql", "users", "assign-roles", name if name == OUTPUTS["database_user"]:
            return put("roles", options["--database-roles"])
        case "gcloud", "run", "services", "update-traffic", name:
            state["changes"].append(" ".join(words[2:]))
            return _moved(there["functions"][name], options)
        case "terraform", "-chdir=infra/gcp", "apply", *given:
            return _apply(there, given, put)
    raise LookupError(f"not found, or no command of the stand-in: {program} {' '.join(said)}")


def _seen(there: dict[str, Any], program: str, said: list[str], options: dict[str, str]) -> str | None:
    """What is told of the project by a command that changes nothing; None of any other."""
    match program, *said:
        case "gcloud", "projects", "describe", name if there.get("name") == name:
            return NUMBER
        case "gcloud", "billing", "projects", "describe", _:
            return str("billing" in there)
        case "gcloud", "storage", "buckets", "describe", name if there.get("bucket") == name:
            return ""
        case "gcloud", "secrets", "list" if "services" in there:
            wanted = options["--filter"].removeprefix("name:")
            return wanted if wanted in there.get("secrets", {}) else ""
        case "gcloud", "secrets", "versions", "list", name if name in there.get("secrets", {}):
            return "1"
        case "gcloud", "run", "services", "describe", name if name in there.get("functions", {}):
            return json.dumps({"status": _status(name, there["functions"][name])})
        case "gcloud", "alpha", "resource-manager", "liens", "list":
            return str(there.get("lien", ""))
        case "gcloud", "sql", "users", "list":
            return str(there.get("roles", ""))
        case "terraform", "-chdir=infra/gcp", "output", "-raw", name if name in OUTPUTS:
            return OUTPUTS[name]
        case "terraform", "-chdir=infra/gcp", "init", *_ if "bucket" in there:
            return ""
    return None


def _apply(there: dict[str, Any], given: list[str], put: Any) -> str:
    if target := [one for one in given if one.startswith("-target=")]:
        return str(put("target", target))
    files = [Path("infra/gcp") / one.removeprefix("-var-file=") for one in given if one.startswith("-var-file=")]
    stated = [json.loads(file.read_text()) if file.suffix == ".json" else {file.name: "stated"} for file in files]
    values = {name: value for one in stated for name, value in one.items()}
    for name, value in values.pop("secrets", {}).items():
        # As keys.tf names it.
        secret = "footprint-" + name.removeprefix("FOOTPRINT_").lower().replace("_", "-")
        there.setdefault("secrets", {})[secret] = value
    _deployed(there, all_traffic="all_traffic_to_newest=false" not in given)
    # The anchors' bucket is locked as soon as it is made, and that holds the project.
    if "applied" not in there:
        put("lien", LIEN)
    return str(put("applied", values))


def _deployed(there: dict[str, Any], *, all_traffic: bool) -> None:
    """A new version is a new revision of each function, which serves at once while no revision was named to serve."""
    for function in ("http", "job", "schedule"):
        known = there.setdefault("functions", {}).setdefault(f"footprint-{function}", {"newest": 0, "tags": {}})
        # Nothing of it is new when up.sh is run again.
        known["newest"] += 0 if all_traffic and known["newest"] else 1
        known["serves"] = None if all_traffic else known.get("serves")


def _revision(name: str, number: int) -> str:
    return f"{name}-{number:05}"


def _status(name: str, service: dict[str, Any]) -> dict[str, Any]:
    """What Cloud Run says of a service (https://cloud.google.com/run/docs/reference/rest/v1/ServiceStatus)."""
    serves = {"revisionName": service["serves"] or _revision(name, service["newest"]), "percent": 100}
    tagged = [
        {"revisionName": revision, "tag": tag, "url": URL.replace("https://", f"https://{tag}---")}
        for tag, revision in service["tags"].items()
    ]
    return {"latestReadyRevisionName": _revision(name, service["newest"]), "traffic": [*tagged, serves]}


def _moved(service: dict[str, Any], options: dict[str, str]) -> str:
    for tag, revision in [one.split("=") for one in filter(None, [options.get("--update-tags")])]:
        service["tags"][tag] = revision
    for revision, percent in [one.split("=") for one in filter(None, [options.get("--to-revisions")])]:
        service["serves"] = {"100": revision}[percent]
    for tag, percent in [one.split("=") for one in filter(None, [options.get("--to-tags")])]:
        service["serves"] = service["tags"][{"100": tag}[percent]]
    return ""


def main() -> int:
    """Answer one command line."""
    file = Path(sys.argv[1])
    state = json.loads(file.read_text())
    try:
        sys.stdout.write(answer(state, sys.argv[2], sys.argv[3:]) + "\n")
    except LookupError as error:
        sys.stderr.write(f"ERROR: {error}\n")
        return 1
    file.write_text(json.dumps(state))
    return 0


if __name__ == "__main__":
    sys.exit(main())
