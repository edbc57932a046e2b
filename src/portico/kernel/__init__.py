"""The words every room shares: ids, scope, clock, refusals, money, paging. Standard library only."""
