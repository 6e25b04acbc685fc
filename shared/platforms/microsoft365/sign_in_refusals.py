"""What a refusal of Microsoft's sign-in means, by its AADSTS codes and never by its text."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.foundation.errors import ConsentMissing, FootprintError, Permanent, Temporary

# After a consent, sign-in may know nothing of it for so long; it is asked again this often.
EFFECTIVE_WITHIN, LOOK_AGAIN = timedelta(minutes=15), timedelta(seconds=20)


class NotThere(ConsentMissing):
    """The tenant has not our application: it was removed, or consented to so lately that sign-in has not heard yet."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """What one family of AADSTS codes means to us."""

    codes: frozenset[int]
    error: Callable[[str], FootprintError]
    """Makes the error out of its sentence."""
    sentence: str


def _refusal(error: Callable[[str], FootprintError], codes: tuple[int, ...], sentence: str) -> Refusal:
    return Refusal(codes=frozenset(codes), error=error, sentence=sentence)


# learn.microsoft.com/entra/identity-platform/reference-error-codes
REFUSALS = (
    _refusal(
        ConsentMissing,
        (65001, 650056, 90094),
        "The tenant has no consent for our application. An administrator must open the consent link again.",
    ),
    _refusal(
        NotThere,
        (7000229, 700016, 700011),
        "The tenant does not have our application any more. An administrator must open the consent link again.",
    ),
    _refusal(
        partial(Permanent, "our_credential"),
        (7000215, 7000222, 70002, 700024, 700211, 700212, 700213),
        "Microsoft does not accept this deployment's own credential. Check the client secret, the certificate or the "
        "federated identity, and whether it has expired.",
    ),
    _refusal(
        partial(Temporary, "our_credential_not_known_yet"),
        (700027,),
        "Microsoft does not know our certificate yet.",
    ),
    _refusal(
        partial(Permanent, "exchange_not_licensed"),
        (500011, 650052),
        "The tenant has no Exchange Online: a licence for that is needed before mail can be protected.",
    ),
    _refusal(
        partial(Permanent, "tenant_gone"),
        (90002, 900023, 5000224),
        "Microsoft does not know this tenant, or it cannot be used any more. Check its id and its cloud.",
    ),
    _refusal(
        partial(Permanent, "service_disabled"),
        (500014, 50001),
        "A service that we need is switched off in the tenant: its subscription has lapsed, or an administrator has "
        "disabled it under Enterprise applications. Renew the subscription, or enable the service there.",
    ),
    _refusal(
        partial(Permanent, "tenant_in_another_cloud"),
        (90038,),
        "The tenant belongs to a national cloud of Microsoft's, and this deployment does not. Connect it from a "
        "deployment whose Microsoft addresses are that cloud's.",
    ),
    _refusal(
        partial(Permanent, "blocked_by_customer"),
        (53003, 530032, 7000112, 70001),
        "The tenant blocks our application: it is disabled there, or a security policy such as Conditional Access "
        "stops it. An administrator of the tenant must allow it.",
    ),
    _refusal(
        partial(Permanent, "delegated_administrator_blocked"),
        (530034,),
        "The tenant does not let a delegated administrator (GDAP) do this. An administrator of the tenant's own must "
        "open the consent link.",
    ),
    _refusal(
        partial(Temporary, "token_loop", after=timedelta(hours=1)),
        (50196,),
        "Microsoft saw too many equal token requests from us.",
    ),
    _refusal(
        partial(Temporary, "platform_unavailable"),
        (90006, 90012, 50033, 50087),
        "Microsoft's sign-in has a passing fault.",
    ),
)


def classify(error: Mapping[str, Any]) -> FootprintError:
    """What an error answer of the token endpoint means, by its AADSTS codes and never by its text."""
    codes = codes_of(error)
    for refusal in REFUSALS:
        if codes & refusal.codes:
            number = min(codes & refusal.codes)
            return refusal.error(f"{refusal.sentence} (AADSTS{number})")
    # A code that we do not know proves nothing.
    named = ", ".join(f"AADSTS{code}" for code in sorted(codes)) or str(error.get("error", "no code"))
    return Temporary("token_refused", f"Microsoft gave no token ({named}).", after=timedelta(minutes=15))


def codes_of(error: Mapping[str, Any]) -> set[int]:
    """The AADSTS codes of an error answer."""
    listed = error.get("error_codes")
    if isinstance(listed, list) and listed:
        return {int(code) for code in listed}
    return {int(code) for code in re.findall(r"AADSTS(\d+)", str(error.get("error_description", "")))[:1]}


def perhaps_too_early(refused: FootprintError, connection: Connection, now: datetime) -> FootprintError:
    """What is to be made of "no such application" or permission: sign-in hears of a consent some minutes later."""
    if connection.stage > Stage.GRANT or now >= (connection.asked_at or connection.stage_since) + EFFECTIVE_WITHIN:
        return refused
    sentence = "Microsoft's sign-in does not know of the consent yet, which can take some minutes."
    return Temporary("consent_not_effective", sentence, after=LOOK_AGAIN)
