"""Public footprints of other products that stand in the way of mail: where their servers are, and what they write.

The names of hosts are those under which the products' public set-up guides and MX records show them.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """One product: the domains of its servers, and headers that its rules look for or write, in small letters."""

    name: str
    domains: tuple[str, ...]
    headers: tuple[str, ...] = ()


VENDORS = (
    Vendor(name="AppRiver", domains=("arsmtp.com",)),
    Vendor(name="Barracuda", domains=("barracudanetworks.com", "cudaops.com")),
    Vendor(
        name="Check Point Harmony Email",
        domains=("avanan.net", "checkpointcloudsec.com"),
        headers=("x-cloud-sec-av-info", "x-cloud-sec-av-scl"),
    ),
    Vendor(name="Cisco Secure Email", domains=("iphmx.com",)),
    Vendor(name="Cloudflare Email Security", domains=("mxrecord.io", "mxrecord.mx")),
    Vendor(name="CodeTwo", domains=("codetwo.online",), headers=("x-codetwoprocessed",)),
    Vendor(name="Egress", domains=("egress.com",)),
    Vendor(name="Exclaimer", domains=("exclaimer.net",), headers=("x-exclaimermessageprocessed",)),
    Vendor(name="Forcepoint", domains=("mailcontrol.com",)),
    Vendor(name="FortiMail", domains=("fortimailcloud.com",)),
    Vendor(name="Hornetsecurity", domains=("hornetsecurity.com", "antispameurope.com")),
    Vendor(name="Libraesva", domains=("esvacloud.com",)),
    Vendor(name="MailRoute", domains=("mailroute.net",)),
    Vendor(name="Mimecast", domains=("mimecast.com", "mimecast-offshore.com", "mimecast.co.za")),
    Vendor(name="N-able Mail Assure", domains=("antispamcloud.com", "mtaroutes.com")),
    Vendor(name="Perception Point", domains=("perception-point.io",)),
    Vendor(
        name="Proofpoint",
        domains=("pphosted.com", "gpphosted.com", "ppe-hosted.com"),
        headers=("x-proofpoint-virus-version",),
    ),
    Vendor(name="Retarus", domains=("retarus.com",)),
    Vendor(name="SEPPmail", domains=("seppmail.cloud",)),
    Vendor(name="Sophos", domains=("sophos.com",)),
    Vendor(name="Symantec Email Security", domains=("messagelabs.com",)),
    Vendor(name="TitanHQ SpamTitan", domains=("spamtitan.com", "titanhq.com")),
    Vendor(name="Trellix", domains=("fireeyecloud.com", "fireeyegov.com")),
    Vendor(name="Trend Micro", domains=("trendmicro.com", "trendmicro.eu")),
    Vendor(name="Vade", domains=("vadesecure.com",)),
    Vendor(name="Zix", domains=("zixmail.net", "zixworks.com")),
)


def of_hosts(hosts: Iterable[str], *others: Vendor) -> str | None:
    """The product that one of some hosts, or of the domains of certificates, belongs to; `others` are known too."""
    found = [host.lower().rstrip(".").removeprefix("*.") for host in hosts]
    for vendor in (*VENDORS, *others):
        if any(host == one or host.endswith(f".{one}") for host in found for one in vendor.domains):
            return vendor.name
    return None


def of_header(header: str) -> str | None:
    """The product that writes a header."""
    return next((vendor.name for vendor in VENDORS if header.lower() in vendor.headers), None)
