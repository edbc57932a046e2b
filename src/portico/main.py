"""The composition root: settings -> ground -> domains -> doors. Wiring only.

`portico serve` is four processes of this one program: a small supervisor, `control` (API, realtime, jobs), `gateway` (the loop
that carries traffic) and `bridge` (local tool servers). Each can run alone: `python -m portico.main control|gateway|bridge`.
"""

import os
import sys

if __name__ == "__main__":
    # The library that writes the log would load all it takes to draw on terminals: 7 MB in each process, and never used.
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]

from portico.platform.settings import EXIT_CONFIG, SettingsInvalid, load_settings


def run(role: str) -> int:
    """One process of `portico serve`, started by the supervisor or alone; `serve` is the supervisor itself."""
    try:
        loaded = load_settings()
    except SettingsInvalid as invalid:
        sys.stderr.write(
            "The settings are not valid:\n" + "\n".join(f"  - {problem}" for problem in invalid.problems) + "\n"
        )
        return EXIT_CONFIG
    if role == "serve":
        from portico.supervisor import supervise

        return supervise(loaded.settings)
    from portico.platform.telemetry import start_logging

    start_logging(loaded.settings.log)
    os.umask(0o077)
    if role == "gateway":
        from portico.gateway.process import run_gateway

        return run_gateway(loaded.settings, loaded.settings.gateway.id)
    if role == "bridge":
        from portico.bridge.process import run_bridge

        return run_bridge(loaded.settings)
    from portico.control import run_control

    return run_control(loaded)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1] if len(sys.argv) > 1 else "control"))
