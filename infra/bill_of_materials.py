"""What an archive installs, as a CycloneDX bill of materials: the locked packages that its runtime takes.

Beside each package stand its hashes, as the lock has them, and what asked for it. The same lock gives the same bill.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement

HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, kw_only=True)
class Locked:
    """A package of a lock: its version, the SHA-256 of each of its files, and the names of what asked for it."""

    requirement: Requirement
    hashes: tuple[str, ...]
    via: frozenset[str]

    @property
    def version(self) -> str:
        """The one version that is locked."""
        (only,) = self.requirement.specifier
        return only.version


def locked(text: str) -> Iterator[Locked]:
    """The packages of a lock, as `uv pip compile --generate-hashes` writes it."""
    for block in re.split(r"\n(?=\S)", text.strip()):
        first = block.partition("\n")[0].removesuffix("\\")
        via = (line.strip().removeprefix("#").removeprefix(" via").strip() for line in block.splitlines()[1:])
        asked = frozenset(name for name in via if name and not name.startswith(("-", "\\")))
        yield Locked(requirement=Requirement(first), hashes=tuple(HASH.findall(block)), via=asked)


def bill(name: str, version: str, digest: str, lock: str, runtime: Mapping[str, str]) -> str:
    """The bill of an archive with a SHA-256, as JSON; `runtime` holds what a marker may ask of its platform.

    Raises ValueError if it is not what CycloneDX' own schema takes.
    """
    root = Component(type=ComponentType.APPLICATION, name=name, version=version, bom_ref=name, hashes=[_sha256(digest)])
    bom = Bom()
    bom.metadata.component = root
    taken = [
        one for one in locked(lock) if one.requirement.marker is None or one.requirement.marker.evaluate(dict(runtime))
    ]
    made = {one.requirement.name: _component(one) for one in taken}
    for component in made.values():
        bom.components.add(component)
    asked: dict[str, list[Component]] = {}
    for one in taken:
        for via in one.via:
            asked.setdefault(via, []).append(made[one.requirement.name])
    for asking, component in [(f"{name} (pyproject.toml)", root), *made.items()]:
        bom.register_dependency(component, asked.get(asking, []))
    # A bill that says when it was made is another one each time.
    bom.metadata.timestamp, bom.serial_number = None, None  # type: ignore[assignment]  # optional in the schema
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong is not None:
        raise ValueError(str(wrong))
    return text


def _component(one: Locked) -> Component:
    url = PackageURL("pypi", name=one.requirement.name, version=one.version)
    return Component(
        type=ComponentType.LIBRARY,
        name=one.requirement.name,
        version=one.version,
        bom_ref=one.requirement.name,
        purl=url,
        external_references=[
            ExternalReference(
                type=ExternalReferenceType.DISTRIBUTION,
                url=XsUri(str(url)),
                hashes=[_sha256(digest) for digest in one.hashes],
            )
        ],
    )


def _sha256(digest: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=digest)
