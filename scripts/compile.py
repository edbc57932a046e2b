"""Compiles the hot path with mypyc into the environment's `portico_compiled` (docs/decisions/0010).

    python -m scripts.compile build | on | off | digest

`on` and `off` put what was built in use and out of it; `on` fails when there is nothing that fits the sources.
Run by scripts/compile.sh, which brings the tools.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from portico.compiled import FOLDER, MANIFEST, compiled_files, digest_of

REPO = Path(__file__).parents[1]
BUILD = REPO / "build" / "compiled"
PLACE = Path(sysconfig.get_path("purelib"))
GROUP = "portico"
# All that a call passes through. msgspec's structures are made while Python runs, so modules that define some stay plain.
MODULES = (
    "portico.domains.limits.ledger",
    "portico.domains.limits.model",
    "portico.domains.limits.rate",
    "portico.domains.usage.journal",
    "portico.domains.usage.parties",
    "portico.domains.usage.reader",
    "portico.gateway.admit",
    "portico.gateway.agents",
    "portico.gateway.breaker",
    "portico.gateway.cache",
    "portico.gateway.call",
    "portico.gateway.catalog",
    "portico.gateway.dialects.http",
    "portico.gateway.dialects.openai",
    "portico.gateway.door",
    "portico.gateway.forward",
    "portico.gateway.gate",
    "portico.gateway.identify",
    "portico.gateway.inside",
    "portico.gateway.journal",
    "portico.gateway.models",
    "portico.gateway.pipeline",
    "portico.gateway.record",
    "portico.gateway.relay",
    "portico.gateway.route",
    "portico.gateway.sessions",
    "portico.gateway.settle",
    "portico.gateway.stats",
    "portico.gateway.tools",
    "portico.gateway.toolset",
    "portico.gateway.translated",
    "portico.gateway.view",
    "portico.gateway.wire.exchange",
    "portico.gateway.wire.head",
    "portico.gateway.wire.server",
    "portico.gateway.wire.tunnel",
    "portico.gateway.wire.turn",
    "portico.gateway.wire.upstream",
    "portico.kernel.ids",
)


def build(place: Path = PLACE) -> None:
    os.chdir(REPO)
    shutil.rmtree(BUILD / "lib", ignore_errors=True)
    digest = digest_of(MODULES)
    _compile()
    suffix = str(sysconfig.get_config_var("EXT_SUFFIX"))
    fresh = place / f"{FOLDER}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    names = []
    for file in (BUILD / "lib").rglob(f"*{suffix}"):
        names.append(".".join(file.relative_to(BUILD / "lib").parts).removesuffix(suffix))
        shutil.copy(file, fresh / f"{names[-1]}.so")
    (fresh / MANIFEST).write_text("\n".join([digest, *sorted(names)]) + "\n")
    shutil.rmtree(place / FOLDER, ignore_errors=True)
    fresh.rename(place / FOLDER)


def _compile() -> None:
    from mypyc.build import mypycify
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    sources = [f"src/{module.replace('.', '/')}.py" for module in MODULES]
    options = ["--config-file", "pyproject.toml", "--follow-imports", "silent", "--cache-dir", str(BUILD / "cache")]
    extensions = mypycify(
        [*options, *sources], opt_level="2", debug_level="0", group_name=GROUP, target_dir=str(BUILD / "c")
    )
    command = build_ext(Distribution({"name": GROUP, "ext_modules": extensions}))
    command.build_lib, command.build_temp = str(BUILD / "lib"), str(BUILD / "temp")
    command.ensure_finalized()
    command.run()


def switch_on() -> bool:
    aside = PLACE / f"{FOLDER}.off"
    if not (PLACE / FOLDER).exists() and aside.exists():
        aside.rename(PLACE / FOLDER)
    return bool(compiled_files()) and _loads()


def _loads() -> bool:
    """A build of another machine's libraries is found out here rather than when traffic comes."""
    asked = [sys.executable, "-c", "import portico.gateway.process, portico.domains.usage.journal"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0  # noqa: S603


def switch_off() -> None:
    if (PLACE / FOLDER).exists():
        shutil.rmtree(PLACE / f"{FOLDER}.off", ignore_errors=True)
        (PLACE / FOLDER).rename(PLACE / f"{FOLDER}.off")


def main(verb: str, *places: str) -> int:
    match verb:
        case "build":
            build(*map(Path, places))
        case "on":
            return 0 if switch_on() else 1
        case "off":
            switch_off()
        case "digest":
            sys.stdout.write(digest_of(MODULES) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
