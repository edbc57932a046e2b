"""Reference pages made from the code, so that they cannot drift from it."""

from portico.kernel.errors import REGISTRY

_HEAD = """# Errors

Every refusal has the same body, whatever the protocol: a name and a sentence for people, an E-code for programs, the
correlation id to quote, and what to do next. Names and codes never change their meaning.

```json
{{
  "code": "INVALID_INPUT",
  "message": "name: must not be empty",
  "correlation_id": "req-01J…",
  "error": {{
    "code": "E9302",
    "message": "name: must not be empty",
    "details": "Correct the fields listed and send it again.",
    "timestamp": "2026-01-01T00:00:00.000Z",
    "path": "/api/v1/keys",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "fields": [{{"field": "name", "message": "must not be empty"}}],
    "retryable": false
  }}
}}
```

Retryable means that the same request may succeed later without a change. {count} names, by family:
"""

_FAMILIES = (
    ("E90", "Routing"),
    ("E91", "Who you are"),
    ("E92", "What you may do"),
    ("E93", "What you sent"),
    ("E94", "Limits and budgets"),
    ("E95", "State"),
    ("E97", "Addresses"),
    ("E98", "Services behind the gateway"),
    ("E99", "Portico itself"),
)


def error_table() -> str:
    """docs/reference/errors.md, whole."""
    parts = [_HEAD.format(count=len(REGISTRY))]
    for prefix, title in _FAMILIES:
        rows = [code for code in REGISTRY.values() if code.e_code.startswith(prefix)]
        parts.append(
            f"\n## {title}\n\n| name | code | status | retryable | means | do next |\n|---|---|---|---|---|---|\n"
        )
        for code in sorted(rows, key=lambda each: (each.e_code, each.name)):
            retryable = "yes" if code.retryable else "no"
            parts.append(
                f"| `{code.name}` | {code.e_code} | {code.status} | {retryable} | {code.meaning} | {code.next_step} |\n"
            )
    return "".join(parts)
