"""The exit record as JSON. Its content is what was signed, and is only described here."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from shared.engine import certificate
from shared.engine.certificate import AdministratorStep, Counts, KeptObject, Leftover, Result
from shared.engine.ledger import HoldingState
from shared.foundation.schedule import Site
from shared.web.schema import When, example


class FormerObject(TypedDict):
    """An object that was ours, and what became of it."""

    key: str
    title: str
    identity: str | None
    state: HoldingState
    made_at: When | None
    removed_at: When | None


class Looked(TypedDict):
    """How one kind of object was last checked."""

    key: str
    title: str
    at: When
    how: str
    found: str


class Difference(TypedDict):
    """One object that was not treated as promised."""

    key: str
    title: str
    why: str


class Promise(TypedDict):
    """Whether what the administrator was shown before the consent was kept."""

    given_at: When
    kept: bool
    differences: list[Difference]


class LedgerHead(TypedDict):
    """The ledger that all this is drawn from."""

    entries: int
    head: Annotated[str, Field(description="the hash of its last entry")]


class Certificate(TypedDict):
    """What was created in a tenant and what was removed, what was pre-existing, and what is left or was not checked."""

    connection: str
    name: str
    platform: str
    modes: list[str]
    tenant: str | None
    site: Site
    generation: int
    result: Annotated[Result, Field(description="`degraded`: something could not be checked")]
    drawn_up_at: When
    counts: Counts
    changes: list[FormerObject]
    yours_before_us: Annotated[list[str], Field(description="what was there before us and stays, by key")]
    cannot_tell_whose: Annotated[list[str], Field(description="elements of shared lists that are left, by key")]
    left_to_another_connection: list[str]
    kept_as_published: list[KeptObject]
    cannot_be_undone: Annotated[list[str], Field(description="remarks of the ledger, such as what cannot be undone")]
    residue: list[Leftover]
    could_not_check: list[Leftover]
    bears_our_mark: Annotated[
        list[Leftover], Field(description="bears our mark, name or addresses under an id that was never recorded; left")
    ]
    looked: Annotated[list[Looked], Field(description="when and how each kind was checked for the last time")]
    not_checkable: Annotated[list[Leftover], Field(description="what no call of ours can see")]
    by_administrator: list[AdministratorStep]
    open: Annotated[list[str], Field(description="keys of the administrator's steps that are awaited")]
    promise: Annotated[Promise | None, Field(description="what was shown before the consent, held against the ledger")]
    ledger: LedgerHead


class Anchor(TypedDict):
    """That the certified ledger is in the deployment's log of heads."""

    index: Annotated[int, Field(description="the leaf's place in the tree")]
    proof: Annotated[list[str], Field(description="the inclusion proof (RFC 6962), each hash in base64")]
    checkpoint: Annotated[str, Field(description="a signed note (C2SP tlog-checkpoint)")]


@example(
    {
        "certificate": {
            "connection": "5f0c1d9be7a84c0f9a3be1f0c2d4a6b8",
            "name": "Contoso",
            "platform": "example",
            "modes": [],
            "tenant": "contoso.com",
            "site": "eu",
            "generation": 2,
            "result": "clean",
            "drawn_up_at": "2026-11-28T10:00:00+00:00",
            "counts": {"created": 1, "removed": 1, "pre_existing": 0},
            "changes": [
                {
                    "key": "rule",
                    "title": "Routing rule",
                    "identity": "8c1f2a",
                    "state": "gone",
                    "made_at": "2026-11-24T09:14:31+00:00",
                    "removed_at": "2026-11-26T14:00:02+00:00",
                },
            ],
            "yours_before_us": [],
            "cannot_tell_whose": [],
            "left_to_another_connection": [],
            "kept_as_published": [],
            "cannot_be_undone": [],
            "residue": [],
            "could_not_check": [],
            "bears_our_mark": [],
            "looked": [
                {
                    "key": "rule",
                    "title": "Routing rule",
                    "at": "2026-11-28T10:00:00+00:00",
                    "how": "by identity: the platform was asked for the recorded object",
                    "found": "nothing of ours",
                },
            ],
            "not_checkable": [],
            "by_administrator": [],
            "open": [],
            "promise": {"given_at": "2026-11-24T09:12:04+00:00", "kept": True, "differences": []},
            "ledger": {"entries": 41, "head": "1" * 64},
        },
        "signature": "eyJ…",
        "key_id": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        "anchor": None,
    }
)
class SignedCertificate(TypedDict):
    """The exit record, with a signature that anyone can check with the keys at `/.well-known/jwks.json`."""

    certificate: Certificate
    signature: Annotated[str, Field(description="a JSON Web Signature (EdDSA) over the same content, made once")]
    key_id: Annotated[str, Field(description="the signing key's SHA-256 thumbprint (RFC 7638), its `kid`")]
    anchor: Annotated[Anchor | None, Field(description="null while the ledger is not anchored")]


def signed_certificate(signed: certificate.SignedCertificate, anchor: Anchor | None) -> SignedCertificate:
    """The exit record with its signature, and its place among the anchored heads."""
    return {
        "certificate": signed.content,
        "signature": signed.signature,
        "key_id": signed.kid,
        "anchor": anchor,
    }
