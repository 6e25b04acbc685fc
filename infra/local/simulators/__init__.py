"""The platforms on loopback sockets: Microsoft's sign-in host, Graph and Exchange Online, Google's hosts, an issuer.

They keep real state and are as strict, and as ill-mannered, as the platforms they stand for. What they do not
simulate they answer with 501. The frame (`running`, `server`, `control`, `cloud`, `faults` and what these stand on)
knows no vendor; each vendor is a folder that offers a `Vendor`, registered here in one line.
"""

from pathlib import Path

from infra.local.simulators.google.application import PUBLIC_ACCOUNT, RUNTIME_ACCOUNT
from infra.local.simulators.google.state import Google
from infra.local.simulators.google.vendor import GoogleVendor, key_file
from infra.local.simulators.issuer.state import EVERYONE, Issuer
from infra.local.simulators.issuer.vendor import IssuerVendor
from infra.local.simulators.microsoft.state import Microsoft
from infra.local.simulators.microsoft.vendor import MicrosoftVendor
from infra.local.simulators.running import Running

__all__ = ["Simulators"]


class Simulators(Running):
    """All simulated platforms."""

    vendors = (
        MicrosoftVendor,
        GoogleVendor,
        IssuerVendor,
    )

    @property
    def microsoft(self) -> Microsoft:
        """Microsoft's state."""
        return self.cloud.state(Microsoft)

    @property
    def google(self) -> Google:
        """Google's state."""
        return self.cloud.state(Google)

    @property
    def issuer(self) -> Issuer:
        """The state of the operators' issuer."""
        return self.cloud.state(Issuer)

    @property
    def runtime_key(self) -> Path:
        """The key file of the account that the functions run as."""
        return key_file(self.folder, RUNTIME_ACCOUNT)

    @property
    def public_key(self) -> Path:
        """The key file of the account of those that face the internet, where the two are apart."""
        return key_file(self.folder, PUBLIC_ACCOUNT)

    def operator_token(
        self, name: str = "operator@msp.example", role: str = "operator", customer: str | None = EVERYONE
    ) -> str:
        """Return a token with which somebody may use the service for one customer; by default, for all of them."""
        return self.issuer.token(name, role, customer)
