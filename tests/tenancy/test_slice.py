from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.service.authority import PLATFORM


async def test_smoke(deps):
    seeded = await tenancy.seed_owner(deps, "Acme", "acme", "Ann@Example.com", "Ann", "correct horse battery")
    assert seeded.created
    again = await tenancy.seed_owner(deps, "Acme", "acme", "Ann@Example.com", "Ann", "correct horse battery")
    assert again == (seeded.org_id, seeded.person_id, False)
    signed_in = await tenancy.sign_in("ann@example.com", "correct horse battery", None, "1.2.3.4", deps)
    identity = await tenancy.authenticate(deps, signed_in.access_token, "1.2.3.4")
    assert identity == signed_in.identity
    key, secret = await tenancy.create_key(identity.scope, tenancy.KeyDraft("bot", expires_in="30d"), deps)
    kid = await tenancy.authenticate(deps, secret, None)
    assert kid.key_id == key.id
    async with deps.read() as tx:
        entries = await tenancy.snapshot_entries(tx, PLATFORM)
    assert entries.keys[0].digest == key.digest
    t = await tenancy.issue_ticket(identity, deps)
    assert await tenancy.redeem_ticket(deps, t.word) == identity
    assert await tenancy.redeem_ticket(deps, t.word) is None
    assert await tenancy.still_valid(deps, identity)
