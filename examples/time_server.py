"""A tool server of time and arithmetic, written with the official MCP SDK. Needs `pip install "mcp>=2.3"`.

It speaks both eras of MCP over streamable HTTP at /mcp. Tools: now, convert, between, calculate, countdown; one resource,
time://zones, and one prompt, plan_meeting.
"""

import argparse
import ast
import operator
import signal
import socket
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, DecimalException
from zoneinfo import ZoneInfo, available_timezones

import anyio
import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel

MOST_CHARACTERS = 200
MOST_EXPONENT = 1000
MOST_STEPS = 600
server = MCPServer("portico-time", version="1.0.0", instructions="What time it is, where, and plain arithmetic.")


class Moment(BaseModel):
    zone: str
    at: str
    weekday: str


class Span(BaseModel):
    seconds: float
    days: float


class Result(BaseModel):
    value: str


@server.tool()
def now(zone: str = "UTC") -> Moment:
    """The time now in an IANA time zone, such as Europe/Berlin."""
    return _moment(datetime.now(_zone(zone)), zone)


@server.tool()
def convert(at: str, from_zone: str, to_zone: str) -> Moment:
    """The same moment in another zone; `at` is ISO 8601, and `from_zone` counts when it names no offset."""
    return _moment(_read(at, from_zone).astimezone(_zone(to_zone)), to_zone)


@server.tool()
def between(start: str, end: str) -> Span:
    """How long it is from one ISO 8601 moment to another; UTC unless they name an offset."""
    seconds = (_read(end, "UTC") - _read(start, "UTC")).total_seconds()
    return Span(seconds=seconds, days=seconds / 86400)


@server.tool()
def calculate(expression: str) -> Result:
    """Decimal arithmetic with + - * / // % ** and brackets: `(0.1 + 0.2) * 3`."""
    if len(expression) > MOST_CHARACTERS:
        raise ToolError(f"An expression may have {MOST_CHARACTERS} characters.")
    try:
        return Result(value=str(_value(ast.parse(expression, mode="eval").body)))
    except (SyntaxError, ValueError) as error:
        raise ToolError(f"This is not an expression: {error}") from error
    except DecimalException as error:
        raise ToolError("This has no value: a division by zero, or a number too large.") from error


@server.tool()
async def countdown(steps: int, ctx: Context, pause_s: float = 0.1) -> str:
    """Count down, telling the progress of each step."""
    if not 1 <= steps <= MOST_STEPS or not 0 <= pause_s <= 1:
        raise ToolError(f"steps must be 1 to {MOST_STEPS}, pause_s 0 to 1.")
    for step in range(1, steps + 1):
        await anyio.sleep(pause_s)
        await ctx.report_progress(step, steps, f"{steps - step} to go")
    return "lift-off"


@server.resource("time://zones")
def zones() -> str:
    """All time zones that are known here, one a line."""
    return "\n".join(sorted(available_timezones()))


@server.prompt()
def plan_meeting(people: str, zone: str) -> str:
    """Find a time for people who live in different zones."""
    return f"Find an hour of the working day that suits {people}; say it in the zone {zone} and in each of theirs."


def _zone(name: str) -> ZoneInfo:
    if name not in available_timezones():
        raise ToolError(f"There is no time zone {name!r}; the resource time://zones lists them.")
    return ZoneInfo(name)


def _read(text: str, zone: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ToolError(f"{text!r} is not an ISO 8601 moment, such as 2026-07-28T09:30.") from error
    return at if at.tzinfo is not None else at.replace(tzinfo=_zone(zone))


def _moment(at: datetime, zone: str) -> Moment:
    return Moment(zone=zone, at=at.isoformat(timespec="seconds"), weekday=at.strftime("%A"))


_Step = Callable[[Decimal, Decimal], Decimal]
_STEPS: dict[type[ast.operator], _Step] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


def _value(node: ast.expr) -> Decimal:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return Decimal(repr(number))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.BinOp(left=left, op=step, right=right) if type(step) in _STEPS:
            first, second = _value(left), _value(right)
            if isinstance(step, ast.Pow) and abs(second) > MOST_EXPONENT:
                raise ToolError(f"An exponent may be at most {MOST_EXPONENT}.")
            return _STEPS[type(step)](first, second)
        case _:
            raise ToolError("Only numbers, brackets and + - * / // % ** can be calculated.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=18082, help="0 takes a free one")
    options = parser.parse_args()
    listening = socket.create_server((options.host, options.port), backlog=512)
    # uvicorn ends in good order and then raises the signal again, which would make a regular stop look like a failure.
    signal.signal(signal.SIGTERM, lambda *_: None)
    print(f"The time server listens on http://{options.host}:{listening.getsockname()[1]}/mcp", flush=True)
    app = server.streamable_http_app(host=options.host)
    uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)).run([listening])


if __name__ == "__main__":
    main()
