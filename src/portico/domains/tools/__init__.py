"""Tools: what each MCP server offers, which of it an org has approved, and who may call it with what.

Who exists: a server (a service of kind `tools` in the hub) with its terms; a tool with every definition it was ever seen
with; a policy (a CEL expression with an effect) and its earlier versions.

Invariants: a definition is known by its pin, the hash of what a model reads; a tool is offered and called only while the
definition last seen is the one that was approved; versions are never changed, only added; the same rules decide in the
gateway and in the simulator; a policy that cannot be evaluated denies.
Records tool.approved, .quarantined, .changed, .rejected, .disabled, .enabled, .deprecated, .restored, .gone;
tool_server.listed, .terms_changed; policy.created, .updated, .deleted.
"""
