"""The domains, ranked: each calls only the public face of what lies below it."""
