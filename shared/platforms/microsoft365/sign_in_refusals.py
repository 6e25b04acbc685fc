"""What a refusal of Microsoft's sign-in means, by its AADSTS codes and never by its text."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

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
        (65001, 65004, 650056, 90008, 90094, 90095, 90099),
        "The tenant has no consent for our application. An administrator must open the invitation again.",
    ),
    _refusal(
        NotThere,
        (7000229, 700016, 700011),
        "The tenant does not have our application any more. An administrator must open the invitation again.",
    ),
    _refusal(
        partial(Permanent, "our_credential"),
        (
            *(50012, 50027, 50048, 70002, 700024, 700025, 700030, 700211, 700212, 700213, 700229),
            *(7000215, 7000218, 7000222, 900384),
        ),
        "Microsoft does not accept this deployment's own credential. Check the client secret, the certificate or the "
        "federated identity, and whether it has expired.",
    ),
    _refusal(
        partial(Permanent, "our_credential"),
        (50194, 65005, 650057, 70003, 70011),
        "Microsoft does not serve this deployment's app registration as it is. Check that it is multi-tenant and names "
        "every permission that the documents list.",
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
        (50059, 50128, 90002, 900023, 5000224),
        "Microsoft does not know this tenant, or it cannot be used any more. Check its id and its cloud.",
    ),
    _refusal(
        partial(Permanent, "service_disabled"),
        (500014, 50001, 650054),
        "A service that we need is switched off in the tenant: its subscription has lapsed, or an administrator has "
        "disabled it under Enterprise applications. Renew the subscription, or enable the service there.",
    ),
    _refusal(
        partial(Permanent, "tenant_in_another_cloud"),
        (90038, 90043, 90051, 900382, 900432, 1000104),
        "The tenant belongs to a national cloud of Microsoft's, and this deployment does not. Connect it from a "
        "deployment whose Microsoft addresses are that cloud's.",
    ),
    _refusal(
        partial(Permanent, "blocked_by_customer"),
        (50002, 500021, 500022, 500212, 500213, 53003, 530032, 530035, 7000112, 70001, 1000031),
        "The tenant blocks our application: disabled there, or a security policy such as Conditional Access "
        "stops it. An administrator of the tenant must allow it.",
    ),
    _refusal(
        partial(Permanent, "blocked_by_customer"),
        (50105, 501051),
        "The tenant requires that users and applications are assigned to a service that we need. An administrator of "
        "the tenant must assign our application under Enterprise applications, or set “Assignment required” to no.",
    ),
    _refusal(
        partial(Permanent, "blocked_by_customer"),
        (
            *(50005, 50053, 50057, 50072, 50074, 50076, 50078, 50079, 50097, 50127, 50129, 50131, 50155, 50158, 50161),
            *(53000, 53001, 53002, 53004, 53010, 53011, 135011),
        ),
        "The tenant's policies stop this sign-in: the account or its device is disabled, at risk or not compliant, or "
        "a second factor is missing. Sign in with an account and from a device that the tenant allows.",
    ),
    _refusal(
        partial(Permanent, "delegated_administrator_blocked"),
        (530034,),
        "The tenant does not let a delegated administrator (GDAP) do this. An administrator of the tenant's own must "
        "open the invitation.",
    ),
    _refusal(
        partial(Temporary, "token_loop", after=timedelta(hours=1)),
        (50196,),
        "Microsoft saw too many equal token requests from us.",
    ),
    _refusal(
        partial(Temporary, "platform_unavailable"),
        (40010, 50000, 50033, 50087, 50166, 70012, 90006, 90012, 90024, 90033, 90055, 90085, 90090, 90091),
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
    if isinstance(listed, list) and (codes := {int(code) for code in map(str, listed) if code.isdecimal()}):
        return codes
    return {int(code) for code in re.findall(r"AADSTS(\d+)", str(error.get("error_description", "")))[:1]}


def perhaps_too_early(refused: FootprintError, consented_at: datetime | None, now: datetime) -> FootprintError:
    """What is to be made of "no such application" or permission: sign-in hears of a consent some minutes later."""
    if consented_at is None or now >= consented_at + EFFECTIVE_WITHIN:
        return refused
    sentence = "Microsoft's sign-in does not know of the consent yet, which can take some minutes."
    return Temporary("consent_not_effective", sentence, after=LOOK_AGAIN)
