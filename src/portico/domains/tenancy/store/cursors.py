from portico.kernel.errors import InvalidInput
from portico.kernel.paging import Cursor


def last_text(cursor: Cursor) -> str:
    """The one text value that every list of tenancy is sorted by."""
    after = cursor.after[0] if len(cursor.after) == 1 else None
    if not isinstance(after, str) or not after.isprintable():
        raise InvalidInput("cursor", "is not a cursor that this list gave out; start again without it")
    return after
