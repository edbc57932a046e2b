"""How a notice looks to clients."""

from portico.domains.notices.model import Notice, Severity
from portico.platform.web import Moment, Wire


class NoticeWire(Wire):
    """`link` is a place in the web client; `kind` and `subject` are those of the event it was made from."""

    id: str
    severity: Severity
    title: str
    text: str
    link: str
    kind: str
    subject: str
    at: Moment
    read: bool


class NoticeCountWire(Wire):
    unread: int


def notice_wire(notice: Notice) -> NoticeWire:
    return NoticeWire.model_validate(notice)
