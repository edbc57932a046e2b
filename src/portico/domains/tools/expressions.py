"""What a policy's expression may say. Pure, and checked when it is saved.

Expressions run on the gateway's one thread, so what could take long is refused here: nested loops, joining texts in loops,
regular expressions that come from the call or repeat too often. Arguments are bounded where they are judged.
"""

import re
from typing import Any, NamedTuple

from portico.domains.tools.cel_library import cel

MOST_CHARS = 1000
MOST_LOOPS = 3
MOST_LOOP_CHARS = 200
MOST_PATTERN_CHARS, MOST_REPEATS, MOST_PATTERNS = 200, 200, 3
MOST_SUMS = 10
MOST_NESTING = 20
VARIABLES = frozenset({"principal", "server", "tool", "args", "request"})

_STRING = re.compile(r"""[rRbB]{0,2}("|')""")
_LOOP = re.compile(r"\.\s*(all|exists|exists_one|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")
_MATCHES = re.compile(r"\bmatches\b")
_PLAIN_MATCHES = re.compile(r"\.\s*matches\s*\(\s*\x00\s*\)")
_REFUSED_CALLS = re.compile(r"\.\s*(map|reduce|transformList|transformMap)\s*\(")
_REPEAT = re.compile(r"\{\s*\d*\s*(?:,\s*(\d*)\s*)?\}")
_PLACE = re.compile(r"<input>:(\d+):(\d+): (.+)")
_FUNCTIONS = frozenset(
    {"size", "contains", "startsWith", "endsWith", "matches", "int", "uint", "double", "string", "bytes", "type"}
    | {"timestamp", "duration", "dyn", "has", "max", "min"}
)
_OPERATORS = re.compile(r"[@_!\-?:&|=<>+*/%\[\]]+[a-z_]*[_\]]?|@\w+")


class Unusable(Exception):
    """The expression may not be used; the message says why, and where when that is known."""


class Compiled(NamedTuple):
    """`program` is the library's; the rest is what is asked of it without running it."""

    program: Any
    variables: frozenset[str]
    loops: bool


def compile_expression(expression: str) -> Compiled:
    """raises Unusable"""
    if not 0 < len(expression) <= MOST_CHARS:
        raise Unusable(f"must have 1 to {MOST_CHARS} characters")
    if not all(char.isprintable() or char in "\t\n\r" for char in expression):
        raise Unusable("may hold visible characters only")
    bare, texts = _without_texts(expression)
    loops = _check_shape(bare)
    _check_patterns(bare, texts)
    try:
        program = cel().compile(expression)
        used = program.references()
    except (ValueError, RuntimeError) as error:
        raise Unusable(_told(str(error))) from error
    bound = {each[2] for each in _LOOP.finditer(bare)}
    unknown = set(used["variables"]) - VARIABLES - bound
    if unknown:
        known = ", ".join(sorted(VARIABLES))
        raise Unusable(f"speaks of {sorted(unknown)[0]!r}; there are {known}")
    strange = {name for name in used["functions"] if name not in _FUNCTIONS and not _OPERATORS.fullmatch(name)}
    if strange:
        raise Unusable(f"calls {sorted(strange)[0]!r}, which does not exist here")
    return Compiled(program, VARIABLES & set(used["variables"]), bool(loops))


def _without_texts(expression: str) -> tuple[str, list[str]]:
    """The expression with each text literal replaced by a NUL character, and those texts as written."""
    bare: list[str] = []
    texts: list[str] = []
    at = 0
    while at < len(expression):
        opened = _STRING.match(expression, at)
        if opened is None or (expression[at] not in "\"'" and at and (expression[at - 1].isalnum())):
            if expression.startswith("//", at):
                raise Unusable("may hold no comments; use the description")
            bare.append(expression[at])
            at += 1
            continue
        quote, start = opened[1], opened.end()
        if expression.startswith(quote * 2, start):
            raise Unusable("may not use triple quotes")
        end = _end_of_text(expression, start, quote, raw="r" in opened[0].lower())
        texts.append(expression[start:end])
        bare.append("\x00")
        at = end + 1
    return "".join(bare), texts


def _end_of_text(expression: str, start: int, quote: str, *, raw: bool) -> int:
    at = start
    while at < len(expression):
        if expression[at] == "\\" and not raw:
            at += 2
            continue
        if expression[at] == quote:
            return at
        at += 1
    raise Unusable(f"has a text that does not end, from character {start}")


def _check_shape(bare: str) -> int:
    """How many loops there are."""
    depth = deepest = 0
    for char in bare:
        depth += (char in "([{") - (char in ")]}")
        deepest = max(deepest, depth)
    if deepest > MOST_NESTING:
        raise Unusable(f"is nested more than {MOST_NESTING} deep")
    refused = _REFUSED_CALLS.search(bare)
    if refused is not None:
        raise Unusable(f"may not use {refused[1]}; all, exists, exists_one and filter are there")
    if bare.count("+") > MOST_SUMS:
        raise Unusable(f"may use + {MOST_SUMS} times at most")
    bodies = _loop_bodies(bare)
    if len(bodies) > MOST_LOOPS:
        raise Unusable(f"may hold {MOST_LOOPS} loops at most")
    for body in bodies:
        if _LOOP.search(body):
            raise Unusable("may not hold a loop inside a loop")
        if len(body) > MOST_LOOP_CHARS:
            raise Unusable(f"has a loop of more than {MOST_LOOP_CHARS} characters")
        if _MATCHES.search(body) or "+" in body:
            raise Unusable("may use neither matches nor + inside a loop")
    return len(bodies)


def _loop_bodies(bare: str) -> list[str]:
    bodies = []
    for found in _LOOP.finditer(bare):
        depth, at = 1, found.end()
        while at < len(bare) and depth:
            depth += (bare[at] == "(") - (bare[at] == ")")
            at += 1
        bodies.append(bare[found.end() : at])
    return bodies


def _check_patterns(bare: str, texts: list[str]) -> None:
    """A regular expression is compiled anew at each evaluation, so it must be short, plain and the policy's own."""
    if len(_MATCHES.findall(bare)) != len(_PLAIN_MATCHES.findall(bare)):
        raise Unusable('may use matches only as value.matches("a fixed pattern")')
    if len(_MATCHES.findall(bare)) > MOST_PATTERNS:
        raise Unusable(f"may use matches {MOST_PATTERNS} times at most")
    for found in _PLAIN_MATCHES.finditer(bare):
        pattern = texts[bare[: found.end()].count("\x00") - 1]
        repeats = 1
        for each in _REPEAT.finditer(pattern):
            numbers = [int(number) for number in re.findall(r"\d{1,9}", each[0])]
            repeats *= max([1, *numbers])
        if len(pattern) > MOST_PATTERN_CHARS or repeats > MOST_REPEATS:
            raise Unusable(f"has a pattern that is too large: {pattern[:40]!r}")


def _told(message: str) -> str:
    place = _PLACE.search(message)
    if place is None:
        return "cannot be read: " + message.splitlines()[0][:200]
    said = place[3].removeprefix("Syntax error: ")
    return f"cannot be read at line {place[1]}, character {place[2]}: {said[:160]}"
