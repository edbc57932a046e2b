"""The verbs of tenancy, by what they act on."""
