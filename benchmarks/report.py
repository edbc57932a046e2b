"""From raw cells to medians, ratios and a table a person can read."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable
from typing import Any

# The raw result is JSON by nature (it is stored as it stands), so it is read as such here.
Raw = dict[str, Any]

FOREIGN_LIMIT = 0.05
NAMES = {"direct": "direct", "nginx": "nginx", "portico": "**Portico**", "portkey": "Portkey", "litellm": "LiteLLM"}


def summarise(result: Raw) -> Raw:
    medians = {name: _medians(record) for name, record in result["records"].items() if record["rounds"]}
    return {"medians": medians, "ratios": _ratios(medians), "goals": _goals(medians, _gateway_us(result["records"]))}


def _medians(record: Raw) -> Raw:
    rounds: list[Raw] = record["rounds"]
    by_connections: dict[str, list[Raw]] = {}
    for cell in (cell for one in rounds for cell in one["plain"]):
        by_connections.setdefault(str(cell["connections"]), []).append(cell)
    streamed = [one["streamed"] for one in rounds if one["streamed"] is not None]
    plain = {
        count: {
            key: _median(cell[key] for cell in cells) for key in ("rps", "p50_us", "p99_us", "cpu_us", "cpu_during_us")
        }
        | {"failed": sum(cell["failed"] for cell in cells), "requests": sum(cell["requests"] for cell in cells)}
        for count, cells in by_connections.items()
    }
    stream_keys = ("events_per_s", "first_p50_ms", "first_p99_ms", "cpu_us", "cpu_during_us")
    cells = [cell for one in rounds for cell in one["plain"]] + streamed
    return {
        "rounds": len(rounds),
        "start_s": _median(one["start_s"] for one in rounds),
        "rss_idle_mb": _median(one["rss_idle_mb"] for one in rounds),
        "rss_loaded_mb": _median(one["rss_loaded_mb"] for one in rounds),
        "plain": plain,
        "streamed": {key: _median(cell[key] for cell in streamed) for key in stream_keys}
        | {"failed": sum(cell["failed"] for cell in streamed), "streams": sum(cell["streams"] for cell in streamed)},
        "stages": {name: _median(one["stages"].get(name, math.nan) for one in rounds) for name in rounds[0]["stages"]},
        "foreign_most": max((cell["foreign"] for cell in cells), default=math.nan),
    }


def _median(numbers: Iterable[float]) -> float:
    real = [number for number in numbers if not math.isnan(number)]
    return statistics.median(real) if real else math.nan


def _ratios(medians: Raw) -> Raw:
    """How many times better Portico is than each (below one: worse); NaN where one of the two is missing."""
    if "portico" not in medians:
        return {}
    return {
        name: _against(medians["portico"], other)
        for name, other in medians.items()
        if name not in ("portico", "direct")
    }


def _against(ours: Raw, theirs: Raw) -> Raw:
    def cell(record: Raw, count: str, key: str) -> float:
        return float(record["plain"].get(count, {}).get(key, math.nan))

    return {
        "by_cpu_64": _over(cell(theirs, "64", "cpu_us"), cell(ours, "64", "cpu_us")),
        "by_rps_64": _over(cell(ours, "64", "rps"), cell(theirs, "64", "rps")),
        "p99_64": _over(cell(ours, "64", "p99_us"), cell(theirs, "64", "p99_us")),
        "cpu_per_chunk": _over(ours["streamed"]["cpu_us"], theirs["streamed"]["cpu_us"]),
        "memory": _over(ours["rss_loaded_mb"], theirs["rss_loaded_mb"]),
        "start": _over(ours["start_s"], theirs["start_s"]),
    }


def _over(one: float, other: float) -> float:
    return one / other if other and not math.isnan(other) else math.nan


def _added_p50_us(medians: Raw, name: str) -> float:
    try:
        return float(medians[name]["plain"]["1"]["p50_us"] - medians["direct"]["plain"]["1"]["p50_us"])
    except KeyError:
        return math.nan


NOTHING: Raw = {"plain": {}}


def _gateway_us(records: Raw) -> float:
    return _parts_at_most_connections(records["portico"]).get("gateway", math.nan) if "portico" in records else math.nan


def _goals(medians: Raw, gateway_us: float) -> list[Raw]:
    """`gateway_us` is the CPU per request, at 64 connections, of the process that carries the calls."""
    ratios = _ratios(medians)

    def against(name: str, key: str) -> float:
        return float(ratios.get(name, {}).get(key, math.nan))

    added = _over(_added_p50_us(medians, "portico"), _added_p50_us(medians, "nginx"))
    at_least: Callable[[float, float], bool] = lambda value, goal: value >= goal  # noqa: E731
    at_most: Callable[[float, float], bool] = lambda value, goal: value <= goal  # noqa: E731
    rows = [
        ("first milestone", "of nginx per core, by CPU per request", against("nginx", "by_cpu_64"), at_least, 0.30),
        ("first milestone", "of nginx per core, by requests/s", against("nginx", "by_rps_64"), at_least, 0.30),
        (
            "first milestone",
            "of nginx per core, by CPU per request of the gateway process alone (its records are folded beside it)",
            _over(medians.get("nginx", NOTHING)["plain"].get("64", {}).get("cpu_us", math.nan), gateway_us),
            at_least,
            0.30,
        ),
        ("first milestone", "times LiteLLM, by CPU per request", against("litellm", "by_cpu_64"), at_least, 100),
        ("first milestone", "times LiteLLM, by requests/s", against("litellm", "by_rps_64"), at_least, 100),
        ("first milestone", "added p50 at 1 connection, times nginx's", added, at_most, 2),
        ("goal", "of nginx per core, by CPU per request", against("nginx", "by_cpu_64"), at_least, 0.50),
        ("goal", "CPU per streamed chunk, times nginx's", against("nginx", "cpu_per_chunk"), at_most, 1.3),
        ("goal", "times Portkey, by CPU per request", against("portkey", "by_cpu_64"), at_least, 20),
        ("goal", "times LiteLLM, by CPU per request", against("litellm", "by_cpu_64"), at_least, 200),
        ("goal", "memory, times LiteLLM's", against("litellm", "memory"), at_most, 0.2),
        ("goal", "time to start, times LiteLLM's", against("litellm", "start"), at_most, 0.2),
    ]
    return [
        {
            "kind": kind,
            "what": what,
            "value": value,
            "goal": f"{'>=' if check is at_least else '<='} {goal:g}",
            "met": None if math.isnan(value) else check(value, goal),
        }
        for kind, what, value, check, goal in rows
    ]


# -- the page -------------------------------------------------------------------------------------------------------


def markdown(result: Raw) -> str:
    parts = [_head(result), *_warnings(result), _plain_table(result), _stream_table(result), _standing(result)]
    return "\n".join(part for part in parts if part)


def _head(result: Raw) -> str:
    machine, setting = result["machine"], result["setting"]
    where = (
        f"the proxy on core {setting['proxy_core']}, load and upstream on core {setting['load_core']}"
        if setting["proxy_core"] != setting["load_core"]
        else "everything on the only core: the numbers are those of a crowded machine"
    )
    kind = "quick run (short cells: a check that it works, not a result)" if result["quick"] else "full run"
    return (
        f"# Side by side, {result['began'][:10]}, commit {result['commit']}\n\n"
        f"{kind}; {setting['rounds']} rounds, interleaved, medians. {machine['cpu']}, {machine['cores']} cores, Linux "
        f"{machine['kernel']}, Python {machine['python']}; {where}. Upstream: {setting['plain_upstream']} with 1 KB for "
        f"plain calls ({setting['plain_s']:g} s per cell), a raw protocol server for streams.\n"
    )


def _warnings(result: Raw) -> list[str]:
    lines = [f"- {NAMES[name]} **IS ABSENT**: {reason}" for name, reason in result["absent"].items()]
    for name, record in result["records"].items():
        lines += [f"- {NAMES[name]} **FAILED in one round**: {problem}" for problem in record["problems"]]
    for name, median in result["summary"]["medians"].items():
        failed = {f"{count} connections": cell["failed"] for count, cell in median["plain"].items() if cell["failed"]}
        failed |= {"streams": median["streamed"]["failed"]} if median["streamed"]["failed"] else {}
        lines += [f"- {NAMES[name]}: **{number} calls failed** ({where})" for where, number in failed.items()]
        if median["foreign_most"] > FOREIGN_LIMIT:
            share = f"{median['foreign_most']:.0%}"
            lines.append(f"- {NAMES[name]}: other programs took up to {share} of the proxy's core during a cell")
    return ["\n".join(lines) + "\n"] if lines else []


def _plain_table(result: Raw) -> str:
    counts = [str(count) for count in result["setting"]["connections"]]
    head = "| | start s | MB idle | MB loaded | " + " | ".join(
        f"{count} conn: req/s | p50 µs | p99 µs | CPU µs" for count in counts
    )
    rows = [head + " |", "|---" * (4 + 4 * len(counts)) + "|"]
    for name, median in result["summary"]["medians"].items():
        cells = [_show(median["start_s"], 2), _show(median["rss_idle_mb"]), _show(median["rss_loaded_mb"])]
        for count in counts:
            cell = median["plain"].get(count, {})
            cells += [_show(cell.get(key, math.nan)) for key in ("rps", "p50_us", "p99_us")]
            cells.append(_show(cell.get("cpu_us", math.nan), 1))
        rows.append(f"| {_title(result, name)} | " + " | ".join(cells) + " |")
    rows += [f"| {NAMES[name]} | {why}" + " |" * (3 + 4 * len(counts)) for name, why in _without_numbers(result)]
    does = [f"- {NAMES[name]}: {record['does']}" for name, record in result["records"].items()]
    return "## Plain calls\n\n" + "\n".join(rows) + "\n\nWhat each of them does on a call:\n\n" + "\n".join(does) + "\n"


def _stream_table(result: Raw) -> str:
    setting = result["setting"]
    rows = ["| | CPU µs per chunk | first chunk p50 ms | p99 ms | chunks/s | failed |", "|---|---|---|---|---|---|"]
    for name, median in result["summary"]["medians"].items():
        cell = median["streamed"]
        numbers = [_show(cell["cpu_us"], 1), _show(cell["first_p50_ms"], 2), _show(cell["first_p99_ms"], 2)]
        numbers += [_show(cell["events_per_s"]), str(cell["failed"])]
        rows.append(f"| {_title(result, name)} | " + " | ".join(numbers) + " |")
    rows += [f"| {NAMES[name]} | {why} | | | | |" for name, why in _without_numbers(result)]
    intro = (
        f"{setting['streams']} streams at once, {setting['chunks']} chunks each, one every {setting['interval_ms']:g} ms; a"
        " proxy that keeps up passes what direct passes.\n"
    )
    return "## Streams\n\n" + intro + "\n" + "\n".join(rows) + "\n"


def _standing(result: Raw) -> str:
    summary = result["summary"]
    if "portico" not in summary["medians"]:
        return "## Where Portico stands\n\n**Portico was not in this run, so there is nothing to compare.**\n"
    rows = ["| | measured | wanted | |", "|---|---|---|---|"]
    for goal in summary["goals"]:
        verdict = {True: "met", False: "**not met**", None: "not known (one of the two is missing)"}[goal["met"]]
        rows.append(f"| {goal['kind']}: {goal['what']} | {_show(goal['value'], 2)} | {goal['goal']} | {verdict} |")
    added = [
        f"{NAMES[name]} {_show(_added_p50_us(summary['medians'], name))} µs"
        for name in summary["medians"]
        if name != "direct"
    ]
    note = (
        "Added p50 at one connection (through the proxy minus direct): "
        + ", ".join(added)
        + ". Ratios are at 64 connections."
    )
    stages = ", ".join(f"{name} {_show(took, 1)}" for name, took in summary["medians"]["portico"]["stages"].items())
    parts = _parts_at_most_connections(result["records"]["portico"])
    if parts:
        note += "\n\nPortico's CPU µs per request by process, at 64 connections: " + ", ".join(
            f"{name} {_show(spent, 1)}" for name, spent in parts.items()
        )
    if stages:
        note += f"\n\nMicroseconds per stage of a plain call, from Portico's own records: {stages}."
    return "## Where Portico stands\n\n" + "\n".join(rows) + "\n\n" + note + "\n"


def _parts_at_most_connections(record: Raw) -> dict[str, float]:
    cells = [one["plain"][-1] for one in record["rounds"] if one["plain"]]
    names = sorted({name for cell in cells for name in cell["parts_us"]})
    return {name: _median(cell["parts_us"].get(name, math.nan) for cell in cells) for name in names}


def _without_numbers(result: Raw) -> list[tuple[str, str]]:
    failed = [name for name, record in result["records"].items() if not record["rounds"]]
    return [(name, "ABSENT") for name in result["absent"]] + [(name, "FAILED") for name in failed]


def _title(result: Raw, name: str) -> str:
    return f"{NAMES[name]} {result['records'][name]['version']}".strip()


def _show(number: float, digits: int = 0) -> str:
    return "-" if math.isnan(number) else f"{number:,.{digits}f}"
