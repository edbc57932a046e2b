"""The hot path may run compiled: what must hold for that, and that a build never outlives its sources."""

import ast
import importlib
import sys
from pathlib import Path

import pytest

from portico import compiled
from scripts.compile import MODULES


def test_what_is_compiled_defines_no_structures() -> None:
    """msgspec reads a structure's fields from annotations, of which compiled classes keep only the plain ones."""
    defining = [
        module
        for module in MODULES
        for node in ast.walk(ast.parse((compiled.SOURCES / (module.replace(".", "/") + ".py")).read_text()))
        if isinstance(node, ast.ClassDef) and any("Struct" in ast.unparse(base) for base in node.bases)
    ]
    assert defining == []


def test_all_or_none_of_the_hot_path_runs_compiled() -> None:
    kinds = {type(importlib.import_module(name).__loader__).__name__ for name in MODULES}
    expected = {"compiled": {"ExtensionFileLoader"}, "plain": {"SourceFileLoader"}}
    assert kinds == expected[compiled.mode()]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of compiled modules, instead of one that this environment may have."""
    place = tmp_path / compiled.FOLDER
    place.mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    importlib.invalidate_caches()
    return place


def write_manifest(folder: Path, digest: str) -> None:
    (folder / compiled.MANIFEST).write_text(f"{digest}\nportico.kernel.ids\nportico__mypyc\n")


def test_a_build_of_these_sources_is_taken(folder: Path) -> None:
    write_manifest(folder, compiled.digest_of(["portico.kernel.ids"]))
    assert compiled.compiled_files()["portico.kernel.ids"] == folder / "portico.kernel.ids.so"


@pytest.mark.parametrize("manifest", ["0" * 64 + "\nportico.kernel.ids", "", "x portico.gone"])
def test_a_build_of_other_sources_is_as_good_as_none(folder: Path, manifest: str) -> None:
    (folder / compiled.MANIFEST).write_text(manifest)
    assert compiled.compiled_files() == {}


def test_a_folder_without_a_manifest_is_as_good_as_none(folder: Path) -> None:
    assert compiled.compiled_files() == {}
