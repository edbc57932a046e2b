"""The bridge: the door behind the door, where MCP cannot pass verbatim. Local tool servers live here, each in a jail of its own.

The gateway identifies, admits, decides and records; what it lets through for a local server arrives here over a local socket.
"""
