"""Sessions of clients of 2025-11-25 and older. They live here, not in the server, and so outlive its restarts."""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec import Raw

from portico.bridge.notices import LISTS, Listener
from portico.bridge.rpc import Members, Message
from portico.bridge.talk import Talk

MOST_PER_SERVER = 2000
MOST_QUESTIONS = 16


@dataclass(slots=True)
class Question:
    """Something the server asked its client: the id under which it waits for the answer, and where it waits."""

    server_id: Raw
    talk: Talk


@dataclass(slots=True, eq=False)
class Session:
    id: str
    principal: str
    capabilities: Members
    client_info: Raw | None
    log_level: Raw | None = None
    streaming: bool = False
    listener: Listener = field(default_factory=lambda: Listener(frozenset(LISTS.values())))
    questions: OrderedDict[int, Question] = field(default_factory=OrderedDict)
    # By the client's id of each call under way: what cancels it.
    running: dict[bytes, Callable[[], None]] = field(default_factory=dict)
    _asked: int = 0

    def ask(self, question: Question) -> int:
        """The id under which the client is asked; the oldest open question goes when there are too many."""
        self._asked += 1
        self.questions[self._asked] = question
        if len(self.questions) > MOST_QUESTIONS:
            self.questions.popitem(last=False)
        return self._asked


class Sessions:
    """Of one server; the one longest unused makes room for a new one. Another's session is as unknown as none."""

    def __init__(self, most: int = MOST_PER_SERVER) -> None:
        self._most = most
        self._open: OrderedDict[str, Session] = OrderedDict()

    def open(self, principal: str, capabilities: Members, client_info: Raw | None) -> tuple[Session, Session | None]:
        """The new session, and the one that had to go."""
        session = Session(secrets.token_urlsafe(24), principal, capabilities, client_info)
        self._open[session.id] = session
        gone = self._open.popitem(last=False)[1] if len(self._open) > self._most else None
        return session, gone

    def find(self, session_id: str, principal: str) -> Session | None:
        session = self._open.get(session_id)
        if session is None or session.principal != principal:
            return None
        self._open.move_to_end(session_id)
        return session

    def end(self, session: Session) -> None:
        self._open.pop(session.id, None)


def takes_questions(session: Session, message: Message) -> bool:
    """Whether the client said that it can be asked this."""
    needed = {"elicitation/create": "elicitation", "sampling/createMessage": "sampling"}.get(str(message.method))
    return needed is not None and needed in session.capabilities
