"""The rules of the house that no type checker knows, read from the source itself."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import portico

ROOT = Path(portico.__file__).parent
REPO = ROOT.parents[1]
FILES = sorted(path for path in ROOT.rglob("*.py") if "__pycache__" not in path.parts)
DOMAINS = sorted(path.name for path in (ROOT / "domains").iterdir() if (path / "__init__.py").exists())
# Nearly all stay below the first number, and none goes beyond the second.
FILE_LINES, LONGEST_FILE = 400, 500
FUNCTION_LINES, LONGEST_FUNCTION = 40, 75
NEARLY_ALL = 0.97
# Pure rules that the gateway works with directly, because it may not load what stands behind a public face.
PURE = {
    "agents": {"shapes"},
    "limits": {"ledger", "rate"},
    "usage": {"lines"},
    "tools": {"arguments", "decide", "judge", "pins"},
}
# Where the house is put together, and where its parts may be taken by their own names.
COMPOSITION = {"main.py", "control.py", "supervisor.py"}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def imported(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every module, and every name of a module, that a file imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((each.name, node.lineno) for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((f"{node.module}.{each.name}", node.lineno) for each in node.names)


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_layers_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    outcome = subprocess.run([linter, "--no-cache"], cwd=REPO, capture_output=True, text=True, timeout=120)
    assert outcome.returncode == 0, outcome.stdout


def faces_broken(path: Path) -> list[str]:
    own = path.relative_to(ROOT).parts
    own_domain = own[1] if own[0] == "domains" and len(own) > 2 else None
    broken = []
    for module, line in imported(tree_of(path)):
        parts = module.split(".")
        if parts[:2] != ["portico", "domains"] or len(parts) < 4 or parts[2] in {own_domain, "__init__"}:
            continue
        allowed = {"public", "model"} | PURE.get(parts[2], set())
        if own[0] == "api" and path.name == "routers.py":
            allowed = {"routes"}
        if own[0] in COMPOSITION:
            allowed |= {"feed"}
        if parts[3] not in allowed:
            broken.append(f"{name_of(path)}:{line} imports {module}; ask for it through {parts[2]}.public")
    return broken


def test_a_domain_is_used_only_through_its_public_face() -> None:
    assert [each for path in FILES for each in faces_broken(path)] == []


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_public_face_names_what_it_gives(domain: str) -> None:
    face = ROOT / "domains" / domain / "public.py"
    assert face.exists(), f"{domain} has no public.py"
    names = [
        node
        for node in tree_of(face).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    assert names, f"{domain}.public has no __all__"


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_tells_its_story(domain: str) -> None:
    story = ast.get_docstring(tree_of(ROOT / "domains" / domain / "__init__.py"))
    assert story is not None
    assert "Invariants:" in story or "invariant" in story.lower(), f"{domain}: say what always holds"


def test_only_tenancy_makes_an_org_scope() -> None:
    makers = {
        name_of(path)
        for path in FILES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "OrgScope"
    }
    assert makers
    assert {each for each in makers if not each.startswith("domains/tenancy/")} == set()


def test_the_environment_is_read_in_one_file() -> None:
    readers = {
        name_of(path)
        for path in FILES
        for node in ast.walk(tree_of(path))
        if (isinstance(node, ast.Attribute) and ast.unparse(node) == "os.environ")
        or (isinstance(node, ast.Call) and ast.unparse(node.func) in {"os.getenv", "getenv"})
    }
    # The supervisor hands the whole environment on to its children and reads nothing from it.
    allowed = {"platform/settings.py", "supervisor.py"}
    assert {each for each in readers if each not in allowed and not each.startswith("cli/")} == set()


def store_files() -> list[Path]:
    """store.py, a package store/, and the parts a large one was cut into (store_journal.py, part_store.py)."""
    return [
        path
        for path in FILES
        if "domains" in path.parts and ("store" in path.stem.split("_") or path.parent.name == "store")
    ]


def test_every_store_function_takes_the_transaction_and_the_scope_first() -> None:
    wrong = []
    for path in store_files():
        for function in tree_of(path).body:
            if not isinstance(function, ast.AsyncFunctionDef) or function.name.startswith("_"):
                continue
            first = [each.arg for each in function.args.args[:2]]
            if first != ["tx", "scope"]:
                wrong.append(f"{name_of(path)}:{function.lineno} {function.name}({', '.join(first)}, …)")
    assert wrong == []


def test_sql_is_written_in_stores_only() -> None:
    """Besides the ground itself: whoever wants rows asks a store, which asks for a scope."""
    allowed = {
        "platform/db.py",
        "platform/migrate.py",
        "platform/schema.py",
        "platform/slow_statements.py",
        "cli/doctor.py",
    }
    row_types = {"sqlalchemy.Row", "sqlalchemy.engine.Row"}
    strangers = []
    for path in FILES:
        if name_of(path) in allowed or path in store_files() or path.stem == "tables":
            continue
        strangers += [
            f"{name_of(path)}:{line} imports {module}"
            for module, line in imported(tree_of(path))
            if module.startswith("sqlalchemy.") and not module.startswith("sqlalchemy.exc.") and module not in row_types
        ]
    assert strangers == []


def test_files_stay_readable() -> None:
    lines = {name_of(path): len(path.read_text().splitlines()) for path in FILES}
    assert {name: count for name, count in lines.items() if count > LONGEST_FILE} == {}
    long = {name: count for name, count in lines.items() if count > FILE_LINES}
    assert len(long) <= len(lines) * (1 - NEARLY_ALL), long


def test_functions_stay_readable() -> None:
    lines = {
        f"{name_of(path)}:{function.lineno} {function.name}": (function.end_lineno or 0) - function.lineno + 1
        for path in FILES
        for function in functions(tree_of(path))
    }
    assert {name: count for name, count in lines.items() if count > LONGEST_FUNCTION} == {}
    long = {name: count for name, count in lines.items() if count > FUNCTION_LINES}
    assert len(long) <= len(lines) * (1 - NEARLY_ALL), long


def test_no_room_is_named_after_nothing() -> None:
    empty = {"utils", "util", "helpers", "helper", "managers", "manager", "common", "misc", "base"}
    assert {name_of(path) for path in FILES if {path.stem, *path.relative_to(ROOT).parts[:-1]} & empty} == set()


def test_exceptions_are_caught_whole_only_at_the_named_places() -> None:
    """Doors and drivers, where an unknown failure has to end; anywhere else it would hide one."""
    places = {"api", "gateway", "realtime", "jobs", "cli", *COMPOSITION}
    catchers = {
        name_of(path)
        for path in FILES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ExceptHandler)
        and node.type is not None
        and ast.unparse(node.type) in {"Exception", "BaseException"}
    }
    assert {each for each in catchers if each.split("/")[0] not in places} == set()
