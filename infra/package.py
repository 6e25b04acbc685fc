"""What a cloud's functions need and nothing else, as one archive: `python -m infra.package azure` (or gcp).

Its bill of materials is written beside it, as `dist/footprint-azure.cdx.json`.

The same files give the same archive, byte for byte. Beside each module lies its compiled form, valid whatever the
archive's way does to times of change: otherwise every cold start compiles the app again, for a sixth of the time that
building it takes. It helps only the version of Python that made it, so it is left out if that is not the clouds'.
"""

import hashlib
import py_compile
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.bill_of_materials import bill
from shared import __version__

ROOT = Path(__file__).parent.parent
# What both clouds run: the version that the tests run on.
RUNTIME = (3, 11)

# In each archive: single files by the names they have there, and whole folders.
FILES = {
    "azure": {"function_app.py": "function_app.py", "host.json": "host.json", "requirements.txt": "requirements.txt"},
    "gcp": {"main.py": "infra/gcp/main.py", "requirements.txt": "requirements-gcp.txt"},
}
FOLDERS = {"azure": ("shared",), "gcp": ("shared", "gcp_functions")}


def package(cloud: str, target: Path) -> None:
    """Write the archive of "azure" or "gcp"; its folder is made. Raises CalledProcessError outside a git checkout."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(_contents(cloud)):
            # The oldest date that an archive can hold.
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr, entry.compress_type, entry.create_system = 0o644 << 16, zipfile.ZIP_DEFLATED, 3
            archive.writestr(entry, content)


def bill_of(cloud: str, archive: Path) -> str:
    """The bill of materials of an archive that was written: what its cloud's Python installs beside it, as JSON."""
    python = ".".join(map(str, RUNTIME))
    linux = {"os_name": "posix", "sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"}
    cpython = {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
    runtime = {
        **linux,
        **cpython,
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_version": f"{python}.0",
    }
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    return bill("footprint", __version__, digest, (ROOT / FILES[cloud]["requirements.txt"]).read_text(), runtime)


def _contents(cloud: str) -> Iterator[tuple[str, bytes]]:
    sources = {name: ROOT / source for name, source in FILES[cloud].items()}
    sources |= {name: ROOT / name for name in _kept(FOLDERS[cloud])}
    for name, source in sources.items():
        yield name, source.read_bytes()
        if source.suffix == ".py" and sys.version_info[:2] == RUNTIME:
            path = Path(name)
            compiled = path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"
            yield compiled.as_posix(), _compiled(source, name)


def _kept(folders: tuple[str, ...]) -> list[str]:
    """The files that git keeps or would keep: no caches, no databases, no secrets."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *folders]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout  # noqa: S603
    return sorted({name for name in listed.split("\0") if name and (ROOT / name).is_file()})


def _compiled(source: Path, name: str) -> bytes:
    with TemporaryDirectory() as folder:
        target = Path(folder) / "module.pyc"
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(source), str(target), name, doraise=True, invalidation_mode=mode)
        return target.read_bytes()


if __name__ == "__main__":
    archive = ROOT / "dist" / f"footprint-{sys.argv[1]}.zip"
    package(sys.argv[1], archive)
    archive.with_suffix(".cdx.json").write_text(bill_of(sys.argv[1], archive))
    with zipfile.ZipFile(archive) as made:
        size = f"{len(made.namelist())} files, {archive.stat().st_size // 1024} kB"
    says = f"{archive.relative_to(ROOT)}: {size}; what it installs: {archive.stem}.cdx.json\n"
    sys.stdout.write(says)
    if sys.version_info[:2] != RUNTIME:
        sys.stdout.write(f"Nothing is compiled: this is not Python {'.'.join(map(str, RUNTIME))}.\n")
