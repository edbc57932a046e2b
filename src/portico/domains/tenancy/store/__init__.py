"""All SQL of tenancy, by table. A person's own rows are looked up in PlatformScope before an org is known."""
