from portico.kernel.errors import InvalidInput
from portico.kernel.paging import Cursor


def last_text(cursor: Cursor) -> str:
    """The one text value that every list of tenancy is sorted by."""
    if len(cursor.after) != 1 or not isinstance(cursor.after[0], str):
        raise InvalidInput("cursor", "is not a cursor that this list gave out; start again without it")
    return cursor.after[0]
