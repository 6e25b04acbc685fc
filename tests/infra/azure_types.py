"""Writes the shapes of the Azure resources that the Bicep files may use, taken from Microsoft's management clients.

The clients (MIT licence) are generated from the same published descriptions as Bicep's own types. They are needed only
to make data/azure.json anew, in an environment of their own, by `python tests/infra/azure_types.py`:

    azure-mgmt-web==11.0.1 azure-mgmt-storage==25.3.0 azure-mgmt-keyvault==14.1.0 azure-mgmt-network==33.1.0
    azure-mgmt-postgresqlflexibleservers==3.0.0 azure-mgmt-applicationinsights==4.1.0 azure-mgmt-loganalytics==14.0.0
    azure-mgmt-msi==7.1.0 azure-mgmt-authorization==4.0.0 azure-mgmt-privatedns==2.0.0 azure-mgmt-monitor==7.0.0

and once more with azure-mgmt-monitor==6.0.2, the last to know diagnostic settings: what an environment does not know is
left as it is. `resources` is type → {version, body}; `bodies` is name → property → {type, of?, required?, readonly?,
values?}, where `of` names another body and `values` are those that are known, not all that there may be.
"""

import enum
import importlib
import json
import re
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data" / "azure.json"
Bodies = dict[str, dict[str, dict[str, Any]]]

PLAIN = {
    "str": "string",
    "bool": "bool",
    "int": "int",
    "float": "number",
    "any": "any",
    "unix": "int",
    "iso": "string",
    "time": "string",
    "duration": "string",
    "datetime": "string",
    "base64": "string",
}

ENTRA = "Microsoft.DBforPostgreSQL/flexibleServers/administrators 2026-10-01 postgresqlflexibleservers"
# The type, the API version that the client speaks, and the model that its creation takes.
WANTED = f"""
Microsoft.Authorization/roleAssignments 2022-04-01 authorization.v2022_04_01 RoleAssignmentCreateParameters
Microsoft.DBforPostgreSQL/flexibleServers 2026-10-01 postgresqlflexibleservers Server
Microsoft.DBforPostgreSQL/flexibleServers/databases 2026-10-01 postgresqlflexibleservers Database
Microsoft.DBforPostgreSQL/flexibleServers/configurations 2026-10-01 postgresqlflexibleservers Configuration
{ENTRA} AdministratorMicrosoftEntraAdd
Microsoft.Insights/actionGroups 2023-01-01 monitor ActionGroupResource
Microsoft.Insights/components 2020-02-02 applicationinsights.v2020_02_02 ApplicationInsightsComponent
Microsoft.Insights/diagnosticSettings 2021-05-01-preview monitor.v2021_05_01_preview DiagnosticSettingsResource
Microsoft.Insights/metricAlerts 2018-03-01 monitor MetricAlertResource
Microsoft.Insights/scheduledQueryRules 2023-12-01 monitor ScheduledQueryRuleResource
Microsoft.Insights/webtests 2022-06-15 applicationinsights.v2022_06_15 WebTest
Microsoft.Insights/workbooks 2022-04-01 applicationinsights.v2022_04_01 Workbook
Microsoft.KeyVault/vaults 2026-05-15 keyvault VaultCreateOrUpdateParameters
Microsoft.KeyVault/vaults/keys 2026-05-15 keyvault KeyCreateParameters
Microsoft.KeyVault/vaults/secrets 2026-05-15 keyvault SecretCreateOrUpdateParameters
Microsoft.ManagedIdentity/userAssignedIdentities 2024-11-30 msi.v2024_11_30 Identity
Microsoft.Network/privateDnsZones 2024-06-01 privatedns PrivateZone
Microsoft.Network/privateDnsZones/virtualNetworkLinks 2024-06-01 privatedns VirtualNetworkLink
Microsoft.Network/privateEndpoints 2026-03-01 network PrivateEndpoint
Microsoft.Network/privateEndpoints/privateDnsZoneGroups 2026-03-01 network PrivateDnsZoneGroup
Microsoft.Network/virtualNetworks 2026-03-01 network VirtualNetwork
Microsoft.OperationalInsights/workspaces 2025-07-01 loganalytics Workspace
Microsoft.Storage/storageAccounts 2026-09-01 storage StorageAccountCreateParameters
Microsoft.Storage/storageAccounts/blobServices 2026-09-01 storage BlobServiceProperties
Microsoft.Storage/storageAccounts/blobServices/containers 2026-09-01 storage BlobContainer
Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies 2026-09-01 storage ImmutabilityPolicy
Microsoft.Storage/storageAccounts/queueServices 2026-09-01 storage QueueServiceProperties
Microsoft.Storage/storageAccounts/queueServices/queues 2026-09-01 storage StorageQueue
Microsoft.Web/serverfarms 2025-05-01 web AppServicePlan
Microsoft.Web/sites 2025-05-01 web Site
Microsoft.Web/sites/basicPublishingCredentialsPolicies 2025-05-01 web CsmPublishingCredentialsPoliciesEntity
"""


def main() -> None:
    """Bring data/azure.json up to date with what is installed here."""
    old = json.loads(DATA.read_text()) if DATA.exists() else {"resources": {}, "bodies": {}}
    resources, bodies = old["resources"], old["bodies"]
    for line in WANTED.split("\n"):
        if not line:
            continue
        kind, version, client, model = line.split()
        try:
            models = importlib.import_module(f"azure.mgmt.{client}.models")
        except ImportError:
            continue
        if hasattr(models, model):
            resources[kind] = {"version": version, "body": _body(models, model, client, bodies)}
    kept = _reachable({resource["body"] for resource in resources.values()}, bodies)
    bodies = {name: body for name, body in bodies.items() if name in kept}
    DATA.write_text(f'{{"resources": {_lines(resources)},\n"bodies": {_lines(bodies)}}}\n')


def _lines(entries: dict[str, Any]) -> str:
    return "{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(entries.items())) + "\n}"


def _reachable(names: set[str], bodies: Bodies) -> set[str]:
    found: set[str] = set()
    while names:
        found |= names
        names = {p["of"] for name in names for p in bodies[name].values() if "of" in p} - found
    return found


def _body(models: Any, model: str, client: str, bodies: Bodies) -> str:
    """Note the shape of a model, and of every model in it, in `bodies`; returns its name there."""
    name = f"{client}.{model}"
    if name not in bodies:
        bodies[name] = {}  # it may hold itself
        cls = getattr(models, model)
        found = _described(models, cls, client, bodies) if hasattr(cls, "_attribute_map") else {}
        bodies[name] |= found or _annotated(models, cls, client, bodies)
        for other in vars(models).values():  # one of several kinds of it: what any of them has
            if isinstance(other, type) and other is not cls and issubclass(other, cls):
                extra = bodies[_body(models, other.__name__, client, bodies)]
                bodies[name] |= {
                    key: {k: v for k, v in shape.items() if k != "required"}
                    for key, shape in extra.items()
                    if key not in bodies[name]
                }
    return name


def _described(models: Any, cls: Any, client: str, bodies: Bodies) -> dict[str, dict[str, Any]]:
    """A model that lists its own attributes; `properties.x` stands for x inside properties."""
    shapes: dict[str, dict[str, Any]] = {}
    for attribute, entry in cls._attribute_map.items():
        rules = cls._validation.get(attribute, {}) if hasattr(cls, "_validation") else {}
        *outer, key = re.split(r"(?<!\\)\.", entry["key"])
        inside = shapes
        for depth, step in enumerate(outer):
            holder = f"{client}.{cls.__name__}.{'.'.join(outer[: depth + 1])}"
            inside.setdefault(step, {"type": "object", "of": holder})
            inside = bodies.setdefault(holder, {})
        if key:
            shape = _shape(models, entry["type"], client, bodies)
            if rules.get("readonly"):
                shape = {"type": shape["type"], "readonly": True}
            elif rules.get("required"):
                shape["required"] = True
            inside[key.replace("\\.", ".")] = shape
    return shapes


def _annotated(models: Any, cls: Any, client: str, bodies: Bodies) -> dict[str, dict[str, Any]]:
    """A model whose attributes are typed fields, each with its name on the wire and who may set it."""
    shapes: dict[str, dict[str, Any]] = {}
    for base in reversed(cls.__mro__):
        for attribute, hint in vars(base).get("__annotations__", {}).items():
            field = vars(base).get(attribute)
            if not hasattr(field, "_rest_name_input"):
                continue
            said = re.sub(r"typing\.|ForwardRef\(|<class|datetime\.|[()'\"> ]", "", str(hint))
            shape = _shape(models, said, client, bodies)
            if field._visibility == ["read"]:
                shape = {"type": shape["type"], "readonly": True}
            elif not said.startswith("Optional") and "NoneType" not in said:
                shape["required"] = True
            shapes[field._rest_name_input or attribute] = shape
    return shapes


def _shape(models: Any, hint: str, client: str, bodies: Bodies) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": _plain(hint)}
    named = re.search(r"_models\.(\w+)", hint) or re.search(r"([A-Z]\w+)[\]}]*$", hint)
    cls = getattr(models, named[1], None) if named else None
    if isinstance(cls, type) and issubclass(cls, enum.Enum):
        shape["values"] = [value.value for value in cls]
        shape["type"] = "array" if shape["type"] == "array" else "string"
    elif isinstance(cls, type):
        shape["of"] = _body(models, cls.__name__, client, bodies)
    return shape


def _plain(hint: str) -> str:
    inner = re.sub(r"^(Optional|Union)\[(Union\[)?(str,)?", "", hint).lower()
    if inner.startswith(("list[", "[")):
        return "array"
    if inner.startswith(("dict[", "{")):
        return "map"
    return next((name for start, name in PLAIN.items() if inner.startswith(start)), "object")


if __name__ == "__main__":
    main()
