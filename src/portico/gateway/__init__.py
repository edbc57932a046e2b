"""The data plane: every call takes the same way, decided from memory.

    wire/ (bytes) -> dialects/ -> identify -> admit -> route -> forward -> relay -> settle

Each stage is one file and one verb and hands on a richer type. Stages never see a transport; the wire never sees an org.
This process touches memory and its journal, never SQL.
"""
