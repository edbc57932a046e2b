"""Tenancy says who acts and where: orgs, their scopes, people and roles, sign-ins, API keys, grants and socket tickets.

Who exists: an org with at least three scopes and, from its first accepted invitation on, at least one owner; a person, known by
email, with a role in each org they belong to; a key, made by a person or by another key, that belongs to one org and one scope.

Invariants
- Only this domain makes an OrgScope. What a credential may not see does not exist for it.
- Nobody gives, takes or changes more than they hold: not a role, not a grant, not a key's permissions.
- A key never holds more than its maker: demoting the maker narrows their keys, removing the maker revokes them.
- An org with an owner keeps one. Only an owner changes owners.
- Passwords live as argon2id; every other secret (key, refresh token, invitation, ticket) lives as a SHA-256 digest only.
- A refresh token is used once. A second use, outside a short grace for two tabs, ends the whole sign-in.
- Every check of a credential asks the database, so a revocation holds from the next request on; the gateway learns of it
  through the Snapshot.

Events: org.*, scope.*, member.*, invitation.*, grant.*, key.*, sign_in.*, person.password_changed.
"""
