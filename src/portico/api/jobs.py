"""What the API door asks of the jobs; `main` hands it in, tests may leave it out."""

from collections.abc import Mapping
from typing import Protocol


class JobRun(Protocol):
    @property
    def healthy(self) -> bool: ...
    @property
    def failure(self) -> str | None: ...


class JobReports(Protocol):
    @property
    def runs(self) -> Mapping[str, JobRun]: ...


def troubled(reports: JobReports) -> dict[str, str]:
    """The jobs whose last run failed, with what went wrong."""
    return {name: run.failure or "failed" for name, run in reports.runs.items() if not run.healthy}
