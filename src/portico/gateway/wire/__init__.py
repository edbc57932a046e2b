"""Sockets and HTTP/1.1: the server's side, the pooled upstream side, and the rules that keep the two unambiguous."""
