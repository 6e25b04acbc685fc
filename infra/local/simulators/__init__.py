"""Both platforms on loopback sockets: Entra's sign-in host, Graph and Exchange Online, and Google's hosts.

They keep real state and are as strict, and as ill-mannered, as the platforms they stand for. What they do not
simulate they answer with 501.
"""

from infra.local.simulators.cloud import Cloud
from infra.local.simulators.running import Simulators
from infra.local.simulators.wire import Call

__all__ = ["Call", "Cloud", "Simulators"]
