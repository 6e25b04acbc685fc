"""The modules that decide, and names for their lines that stay when other lines come and go."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Engine, ledger and chain, certificate and closing, leases, sealing and links, consent, guards, policies' decisions,
# transport rules, lists, watches.
MODULES = (
    "shared/engine/administrator.py",
    "shared/engine/certificate.py",
    "shared/engine/chain.py",
    "shared/engine/drift.py",
    "shared/engine/erasure.py",
    "shared/engine/incarnations.py",
    "shared/engine/last_look.py",
    "shared/engine/ledger.py",
    "shared/engine/plan.py",
    "shared/engine/reconcile.py",
    "shared/engine/rows.py",
    "shared/engine/steps.py",
    "shared/connections/due.py",
    "shared/connections/lease.py",
    "shared/connections/record.py",
    "shared/deployment/links.py",
    "shared/deployment/sealing.py",
    "shared/deployment/signing.py",
    "shared/flows/advance.py",
    "shared/flows/closing.py",
    "shared/flows/consent.py",
    "shared/flows/grant.py",
    "shared/flows/invitation.py",
    "shared/flows/revoke.py",
    "shared/foundation/hash_chain.py",
    "shared/protection/decisions.py",
    "shared/protection/policies.py",
    "shared/protection/targets.py",
    "shared/web/accounts.py",
    "shared/web/dispatch.py",
    "shared/web/preconditions.py",
    "shared/web/sessions.py",
    "shared/platforms/group_members.py",
    "shared/platforms/microsoft365/allow_lists.py",
    "shared/platforms/microsoft365/rule_settings.py",
    "shared/platforms/microsoft365/transport_rules.py",
    "shared/platforms/google_workspace/watches.py",
)


def places(path: Path) -> dict[int, str]:
    """For each line inside a function its name: the function's, and the line's own text."""
    source = path.read_text()
    lines, named = source.splitlines(), {}

    def walk(node: ast.AST, function: str) -> None:
        for child in ast.iter_child_nodes(node):
            inner = function
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = f"{function}.{child.name}".lstrip(".")
                if not isinstance(child, ast.ClassDef):
                    body = range(child.body[0].lineno, (child.end_lineno or 0) + 1)
                    named.update({line: f"{inner}| {lines[line - 1].strip()}" for line in body})
            walk(child, inner)

    walk(ast.parse(source), "")
    return named
