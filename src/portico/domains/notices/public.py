"""What others may ask of notices."""

from portico.domains.notices.consumer import TellPeople
from portico.domains.notices.model import Notice, notice_id
from portico.domains.notices.service import count_unread, list_notices, purge_notices
from portico.domains.notices.wire import NoticeWire, notice_wire

__all__ = [
    "Notice",
    "NoticeWire",
    "TellPeople",
    "count_unread",
    "list_notices",
    "notice_id",
    "notice_wire",
    "purge_notices",
]
