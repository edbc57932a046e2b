"""Ports with a real and an embedded implementation: settings, database, bus, crypto, outgoing HTTP, logs."""
