"""The hot path runs compiled where it could be compiled, and as plain Python everywhere else (docs/decisions/0010).

`scripts/compile.sh` leaves a folder `portico_compiled` among the installed packages: extension modules, and a manifest with
the digest of the sources they were made from. Once a source differs, the whole folder counts as absent, so what runs is
always what is written.
"""

import hashlib
import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from importlib.util import find_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Literal

FOLDER = "portico_compiled"
MANIFEST = "manifest"
SOURCES = Path(__file__).parents[1]


class CompiledFinder:
    """Answers Python's import with a name's extension module, before the source is looked for."""

    def __init__(self, files: dict[str, Path]) -> None:
        self._files = files

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        file = self._files.get(fullname)
        if file is None:
            return None
        return spec_from_file_location(fullname, file, loader=ExtensionFileLoader(fullname, str(file)))


def prefer_compiled() -> None:
    """Called once, before any module of the hot path is imported."""
    files = compiled_files()
    if files:
        sys.meta_path.insert(0, CompiledFinder(files))


def mode() -> Literal["compiled", "plain"]:
    return "compiled" if any(isinstance(finder, CompiledFinder) for finder in sys.meta_path) else "plain"


def compiled_files() -> dict[str, Path]:
    """Extension files by module name; none when there is no folder, or one made from other sources than these."""
    found = find_spec(FOLDER)
    for place in () if found is None else found.submodule_search_locations or ():
        folder = Path(place)
        try:
            digest, *modules = (folder / MANIFEST).read_text().split()
            if digest == digest_of(modules):
                return {module: folder / f"{module}.so" for module in modules}
        except (OSError, ValueError):
            continue
    return {}


def digest_of(modules: Iterable[str]) -> str:
    """Of the sources of all modules named that are Portico's; the compiler adds one of its own, which has no source."""
    digest = hashlib.sha256()
    for module in sorted(modules):
        if module.startswith("portico."):
            digest.update((SOURCES / (module.replace(".", "/") + ".py")).read_bytes())
    return digest.hexdigest()
