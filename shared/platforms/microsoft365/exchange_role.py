"""The application's role in Exchange: given and taken back by the administrator, seen by what Exchange lets us run.

Consent does not give it. It is the directory role Exchange Administrator, or a role group of Exchange that holds the
cmdlets below and no others. Sources: https://learn.microsoft.com/powershell/exchange/app-only-auth-powershell-v2 and,
for role groups, https://learn.microsoft.com/exchange/permissions-exo/permissions-exo.
"""

from shared.connections.stages import Stage
from shared.engine.rows import ByAdministrator, Sighting
from shared.foundation.brand import Brand
from shared.platforms.microsoft365.allow_lists import POLICY
from shared.platforms.microsoft365.entra import TokenRefused, claims
from shared.platforms.microsoft365.exchange import ADMINISTRATORS
from shared.platforms.microsoft365.sign_in_refusals import NotThere
from shared.platforms.microsoft365.tenant import MicrosoftTenant

# Every cmdlet that we run; a test holds this list against the code, and the simulator refuses what is not in it.
CMDLETS = (
    "Disable-TransportRule",
    "Enable-OrganizationCustomization",
    "Enable-TransportRule",
    "Get-AcceptedDomain",
    "Get-HostedConnectionFilterPolicy",
    "Get-InboundConnector",
    "Get-JournalRule",
    "Get-OrganizationConfig",
    "Get-OutboundConnector",
    "Get-RemoteDomain",
    "Get-TenantAllowBlockListSpoofItems",
    "Get-TransportRule",
    "Get-UnifiedGroup",
    "New-InboundConnector",
    "New-OutboundConnector",
    "New-TenantAllowBlockListSpoofItems",
    "New-TransportRule",
    "Remove-InboundConnector",
    "Remove-OutboundConnector",
    "Remove-TenantAllowBlockListSpoofItems",
    "Remove-TransportRule",
    "Set-HostedConnectionFilterPolicy",
    "Set-InboundConnector",
    "Set-OutboundConnector",
    "Set-TenantAllowBlockListSpoofItems",
    "Set-TransportRule",
    "Set-UnifiedGroup",
)


def exchange_role(brand: Brand, serves: tuple[str, ...]) -> ByAdministrator:
    """The role, which outlives everything that is made with it."""
    return ByAdministrator(
        key="exchange-role",
        title="The application's role in Exchange",
        why=f"decides what {brand.software} may change in Exchange; consent alone does not give it",
        accounts_for=("grant-app", "cleanup-app"),
        permissions=("Exchange.ManageAsApp",),
        removed_in=Stage.CLEANUP,
        serves=serves,
        set_up=(
            "In the Entra admin center, under Roles and administrators, open Exchange Administrator, choose Add "
            f"assignments, and select {brand.application}. In its place a role group of Exchange will do that holds "
            "just the cmdlets that are used; your provider has the commands that make one."
        ),
        removal=(
            "If it is a role group of Exchange, remove that and the application's entry in Exchange, with the commands "
            "from your provider. The role Exchange Administrator goes with the application; to take it back before "
            "that, open it in the Entra admin center, under Roles and administrators, and choose Remove assignments."
        ),
        link="https://entra.microsoft.com/#view/Microsoft_AAD_IAM/RolesManagementMenuBlade/~/AllRoles",
        values=(("Application", "{client_id}"), ("Role", "Exchange Administrator")),
        check=look,
        lets_us_see=True,
        without="nothing in Exchange can be made, repaired or removed",
    )


async def look(tenant: MicrosoftTenant, _identity: str | None) -> Sighting:
    """Whether Exchange lets us in, and by what. Raises when that does not show whether there is a role."""
    tokens, resource = tenant.tokens, tenant.microsoft.exchange_url
    try:
        if tenant.connection.stage is Stage.CLEANUP:
            # A token goes on saying what was true when it was minted.
            await tokens.renew(resource)
        # What is read anyway, so that it costs no call of its own.
        await tenant.listing("Get-HostedConnectionFilterPolicy", Identity=POLICY)
        said = claims(await tokens.get(resource))
    except NotThere:
        if tenant.connection.stage < Stage.REVOKE:
            raise
        return Sighting(present=False, evidence="Microsoft's sign-in does not know the application any more")
    except TokenRefused:
        said = claims(await tokens.get(resource))
        unsure = "Exchange.ManageAsApp" not in said.get("roles", []) or ADMINISTRATORS.intersection(
            said.get("wids", [])
        )
        if tenant.connection.stage < Stage.CLEANUP or unsure:
            raise
        return Sighting(present=False, evidence="a new token names no role, and Exchange refuses it")
    by = "the role Exchange Administrator" if ADMINISTRATORS.intersection(said.get("wids", [])) else "another role"
    return Sighting(present=True, evidence=f"Exchange lets the application in, by {by}")


def commands(name: str) -> tuple[str, str]:
    """What an administrator types in Exchange Online's PowerShell to make a role group of that name, and to remove it.

    Exchange itself says which of its roles holds a cmdlet with most of its parameters. Each of those is copied, and the
    copy loses what we do not run.
    """
    listed = ",\n  ".join(f'"{cmdlet}"' for cmdlet in CMDLETS)
    return (
        f"""$application = "<application id>"; $object = "<object id of the enterprise application>"
$cmdlets = @(
  {listed}
)
$parents = $cmdlets | ForEach-Object {{
  $held = Get-ManagementRoleEntry "*\\$_" | Sort-Object {{ $_.Parameters.Count }} -Descending
  "$($held[0].Role)"
}} | Sort-Object -Unique
foreach ($parent in $parents) {{
  New-ManagementRole -Name "{name} $parent" -Parent $parent
  Get-ManagementRoleEntry "{name} $parent\\*" | Where-Object {{ $_.Name -notin $cmdlets }} |
    ForEach-Object {{ Remove-ManagementRoleEntry "{name} $parent\\$($_.Name)" -Confirm:$false }}
}}
New-RoleGroup -Name "{name}" -Roles ($parents | ForEach-Object {{ "{name} $_" }})
New-ServicePrincipal -AppId $application -ObjectId $object -DisplayName "{name}"
Add-RoleGroupMember -Identity "{name}" -Member $object""",
        f"""Remove-RoleGroup -Identity "{name}" -Confirm:$false
Get-ManagementRole "{name} *" | Remove-ManagementRole -Confirm:$false
Remove-ServicePrincipal -Identity "<object id of the enterprise application>" -Confirm:$false""",
    )
