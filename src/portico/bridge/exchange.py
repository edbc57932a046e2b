"""One HTTP exchange of MCP with a local server, in the client's era whatever the server's is."""

import asyncio
from collections import deque
from dataclasses import dataclass

import msgspec
from msgspec import UNSET, Raw

from portico.bridge import eras, rpc
from portico.bridge.greet import Manner
from portico.bridge.http import Answer, ClientGone, Request
from portico.bridge.notices import LISTS, MOST_URI_CHARS, MOST_URIS, UPDATED, Listener
from portico.bridge.rpc import Members, Message, RpcError
from portico.bridge.server import Server
from portico.bridge.sessions import Question, Session, takes_questions
from portico.bridge.talk import META, MODERN, Call, Talk, Trouble

# A call that is quiet for so long is answered as a stream, so that nobody on the way takes it for dead.
QUIET_S = 5.0
COMMENT_S = 10.0
MOST_KEPT_NOTICES = 500
SESSION = b"mcp-session-id"
CANCELLED, UNSUPPORTED_VERSION = -32800, -32022
_ALLOW_POST = (b"Allow", b"POST")
_RETRY = b"Retry-After"


@dataclass(slots=True)
class Client:
    """Who asks, as the gateway says. `session` is None in the era of single requests."""

    principal: str
    single: bool
    timeout_s: float
    session: Session | None = None


class Exchange:
    def __init__(self, server: Server, client: Client, request: Request, answer: Answer) -> None:
        self._server, self._client, self._request, self._answer = server, client, request, answer
        self._id: Raw = rpc.NULL

    async def run(self) -> None:
        try:
            match self._request.method:
                case "POST":
                    await self._post(self._read())
                case "GET" if not self._client.single:
                    await self._stream_notices()
                case "DELETE" if not self._client.single:
                    self._end_session()
                case _:
                    self._answer.whole(405, b"", _ALLOW_POST)
        except RpcError as error:
            self._fail(error, error.status if error.status != 200 else self._status(error.code))
        except Trouble as trouble:
            self._fail(RpcError(trouble.code, trouble.message), trouble.status, trouble.retry_after_s)

    def _read(self) -> Message:
        try:
            message = rpc.decode_message(self._request.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RpcError(rpc.PARSE_ERROR, f"The body is not a JSON-RPC message: {error}.", status=400) from error
        if message.id is not UNSET:
            self._id = message.id
        return message

    async def _post(self, message: Message) -> None:
        if message.is_request:
            await self._request_of(message, str(message.method), rpc.members(message.params))
        elif message.is_notice:
            await self._notice(message)
        else:
            self._answered(message)

    async def _request_of(self, message: Message, method: str, params: Members) -> None:
        client, server = self._client, self._server
        if client.single:
            _check_version(params)
            if method == "server/discover":
                self._tell(eras.discovered(await self._manner()))
            elif method == "subscriptions/listen":
                await self._listen(params)
            else:
                await self._forward(method, params)
        elif method == "initialize":
            await self._initialize(params)
        else:
            session = self._session()
            if method == "ping":
                self._tell({})
            elif method == "logging/setLevel":
                await self._set_level(session, params)
            elif method in {"resources/subscribe", "resources/unsubscribe"}:
                self._subscribe(session, method, params)
            else:
                await self._forward(method, params)
        server.used()

    # -- a call ------------------------------------------------------------------------------------------------------------------

    async def _manner(self) -> Manner:
        """How the server introduced itself, from memory when it ever did."""
        if self._server.manner is None:
            await self._server.talk()
        manner = self._server.manner
        assert manner is not None  # noqa: S101
        return manner

    async def _forward(self, method: str, params: Members) -> None:
        client, session = self._client, self._client.session
        if method not in eras.SHARED:
            raise RpcError(rpc.METHOD_NOT_FOUND, f"{method} is not served for local servers.")
        talk = await self._server.talk()
        manner = await self._manner()
        if client.single and not manner.modern:
            params = eras.single_to_session(params)
        elif session is not None and manner.modern:
            params = eras.session_to_single(params, session.client_info, session.log_level)
        # A task would be found by its id alone, by every client of the process.
        params.pop("task", None)
        eras.carry_trace(params, self._request.header(b"traceparent"))
        heard = _Heard()
        call = talk.begin(method, params, client.timeout_s, heard.hear)
        call.answered.add_done_callback(heard.ended)
        if session is not None:
            session.running[bytes(self._id)] = lambda: talk.cancel(call, "the client cancelled")
        try:
            result = await self._wait(call, talk, heard)
        except (asyncio.CancelledError, ClientGone):
            # Leaving is how a client of single requests cancels; one with a session may only have lost its connection.
            if client.single:
                talk.cancel(call, "the client left")
            else:
                call.heard = None
            raise
        finally:
            if session is not None:
                session.running.pop(bytes(self._id), None)
        self._tell(self._translated(method, result, manner))

    def _translated(self, method: str, result: Raw, manner: Manner) -> Raw:
        if self._client.single and not manner.modern:
            return eras.session_to_single_result(method, result, manner)
        if not self._client.single and manner.modern:
            return eras.single_to_session_result(result)
        return result

    async def _wait(self, call: Call, talk: Talk, heard: "_Heard") -> Raw:
        """The result; what comes before it goes to the client as it comes."""
        while True:
            try:
                async with asyncio.timeout(
                    COMMENT_S if self._answer.begun else min(QUIET_S, self._client.timeout_s / 2)
                ):
                    await heard.news.wait()
            except TimeoutError:
                self._begin_events()
                await self._answer.comment()
                continue
            heard.news.clear()
            while heard.kept:
                await self._pass_on(heard.kept.popleft(), talk)
            if call.answered.cancelled():
                raise RpcError(CANCELLED, "The call was cancelled.")
            if call.answered.done():
                return call.answered.result()

    async def _pass_on(self, message: Message, talk: Talk) -> None:
        if message.id is UNSET:
            self._begin_events()
            await self._answer.event(rpc.encode(_plain(message)))
            return
        session = self._client.session
        if session is None or not takes_questions(session, message):
            why = f"The client that is being served cannot be asked for {message.method}."
            talk.tell(rpc.error(message.id, RpcError(rpc.METHOD_NOT_FOUND, why)))
            return
        asked = session.ask(Question(message.id, talk))
        self._begin_events()
        params = None if message.params is UNSET else message.params
        await self._answer.event(rpc.request(asked, str(message.method), params))

    # -- sessions ----------------------------------------------------------------------------------------------------------------

    async def _initialize(self, params: Members) -> None:
        manner = await self._manner()
        session, gone = self._server.sessions.open(
            self._client.principal, rpc.members(params.get("capabilities")), params.get("clientInfo")
        )
        if gone is not None:
            self._server.notices.leave(gone.listener)
            gone.listener.close()
        result = eras.initialized(manner, rpc.text_of(params.get("protocolVersion")))
        self._answer.whole(200, rpc.answer(self._id, result), (b"Mcp-Session-Id", session.id.encode()))

    def _session(self) -> Session:
        given = self._request.header(SESSION)
        if given is None:
            raise RpcError(rpc.INVALID_REQUEST, "Missing session ID; send initialize first.", status=400)
        session = self._server.sessions.find(given, self._client.principal)
        if session is None:
            raise RpcError(rpc.INVALID_REQUEST, "Session not found.", status=404)
        self._client.session = session
        return session

    def _end_session(self) -> None:
        session = self._session()
        self._server.sessions.end(session)
        self._server.notices.leave(session.listener)
        session.listener.close()
        self._answer.whole(200, b"")

    async def _notice(self, message: Message) -> None:
        if not self._client.single:
            session = self._session()
            if message.method == "notifications/cancelled":
                self._cancelled(session, rpc.members(message.params))
        self._answer.whole(202, b"")

    def _cancelled(self, session: Session, params: Members) -> None:
        asked = params.get("requestId")
        running = None if asked is None else session.running.get(bytes(asked))
        if running is not None:
            running()

    def _answered(self, message: Message) -> None:
        """The client's answer to something the server asked it."""
        if self._client.single:
            raise RpcError(rpc.INVALID_REQUEST, "Answers are not sent in this version of the protocol.", status=400)
        session = self._session()
        rpc_id = rpc.value_of(message.id)
        question = session.questions.pop(rpc_id, None) if isinstance(rpc_id, int) else None
        if question is not None:
            if message.result is not UNSET:
                question.talk.tell(rpc.answer(question.server_id, message.result))
            elif message.error is not UNSET:
                question.talk.tell(rpc.error(question.server_id, rpc.raised(message.error)))
        self._answer.whole(202, b"")

    async def _set_level(self, session: Session, params: Members) -> None:
        session.log_level = params.get("level")
        manner = await self._manner()
        if not manner.modern and manner.offers("logging"):
            await (await self._server.talk()).ask("logging/setLevel", params, self._client.timeout_s)
        self._tell({})

    def _subscribe(self, session: Session, method: str, params: Members) -> None:
        uri = rpc.text_of(params.get("uri"))
        if not uri or len(uri) > MOST_URI_CHARS:
            raise RpcError(rpc.INVALID_PARAMS, "uri must name a resource.")
        notices, listener = self._server.notices, session.listener
        if method.endswith("unsubscribe"):
            notices.unsubscribe(listener, uri)
        else:
            if len(listener.uris) >= MOST_URIS:
                raise RpcError(rpc.INVALID_REQUEST, f"A session can subscribe to at most {MOST_URIS} resources.")
            notices.join(listener)
            notices.subscribe(listener, uri)
        self._tell({})

    # -- streams of changes --------------------------------------------------------------------------------------------------------

    async def _stream_notices(self) -> None:
        """On which a server speaks unasked to a client with a session; one for each session."""
        session = self._session()
        if session.streaming:
            raise RpcError(rpc.INVALID_REQUEST, "This session's stream is open already.", status=409)
        session.streaming = True
        self._server.notices.join(session.listener)
        self._begin_events()
        try:
            await self._tell_changes(session.listener, None)
        finally:
            session.streaming = False
        self._answer.end_events()

    async def _listen(self, params: Members) -> None:
        """subscriptions/listen: first what is honoured of the wishes, then the changes, for as long as the client stays."""
        manner = await self._manner()
        wishes = rpc.members(params.get("notifications"))
        uris = rpc.value_of(wishes.get("resourceSubscriptions"))
        lists = [name for name in manner.lists() if rpc.value_of(wishes.get(name)) is True]
        listener = Listener(frozenset(LISTS[name] for name in lists))
        honoured: dict[str, object] = dict.fromkeys(lists, True)
        if isinstance(uris, list) and manner.subscribable:
            listener.uris = {uri for uri in uris[:MOST_URIS] if isinstance(uri, str) and len(uri) <= MOST_URI_CHARS}
            honoured["resourceSubscriptions"] = sorted(listener.uris)
        notices = self._server.notices
        if notices.full:
            raise Trouble("Too many clients listen to this server already.", status=503, code=9802)
        self._begin_events()
        mark = rpc.raw({f"{META}subscriptionId": self._id})
        acknowledged = {"_meta": mark, "notifications": rpc.raw(honoured)}
        notices.join(listener)
        try:
            await self._answer.event(rpc.notice("notifications/subscriptions/acknowledged", acknowledged))
            await self._tell_changes(listener, mark)
        finally:
            notices.leave(listener)
        self._tell({"resultType": rpc.raw("complete"), "_meta": mark})

    async def _tell_changes(self, listener: Listener, mark: Raw | None) -> None:
        while not listener.closed:
            try:
                async with asyncio.timeout(COMMENT_S):
                    await listener.news.wait()
            except TimeoutError:
                await self._answer.comment()
                continue
            for message in listener.take():
                params = rpc.members(message.params)
                if mark is not None:
                    params["_meta"] = mark
                if params or message.method == UPDATED:
                    message = Message(method=message.method, params=rpc.raw(params))
                await self._answer.event(rpc.encode(_plain(message)))

    # -- answers -----------------------------------------------------------------------------------------------------------------

    def _begin_events(self) -> None:
        if not self._answer.begun:
            self._answer.begin_events()

    def _tell(self, result: Raw | Members) -> None:
        self._send(200, rpc.answer(self._id, result))

    def _status(self, code: int) -> int:
        return eras.status_of(code) if self._client.single else 200

    def _fail(self, error: RpcError, status: int, retry_after_s: float | None = None) -> None:
        headers = [] if retry_after_s is None else [(_RETRY, b"%d" % max(1, int(retry_after_s + 0.999)))]
        told = eras.single_error(error) if self._client.single else error
        self._send(status, rpc.error(self._id, told), *headers)

    def _send(self, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
        if not self._answer.begun:
            self._answer.whole(status, body, *headers)
        elif not self._answer.gone:
            self._answer.last_event(body)


class _Heard:
    """What the server said about a call and the client has not been told yet; the oldest goes when a client is too slow."""

    __slots__ = ("kept", "news")

    def __init__(self) -> None:
        self.kept: deque[Message] = deque(maxlen=MOST_KEPT_NOTICES)
        self.news = asyncio.Event()

    def hear(self, message: Message) -> None:
        self.kept.append(message)
        self.news.set()

    def ended(self, answered: "asyncio.Future[Raw]") -> None:
        self.news.set()


def _check_version(params: Members) -> None:
    asked = rpc.text_of(rpc.members(params.get("_meta")).get(f"{META}protocolVersion"))
    if asked is None:
        raise RpcError(rpc.INVALID_PARAMS, "The parameters hold no _meta with the protocol's version.")
    if asked != MODERN:
        data = rpc.raw({"supported": [MODERN], "requested": asked})
        raise RpcError(UNSUPPORTED_VERSION, "This version of the protocol is not spoken here.", data)


def _plain(message: Message) -> dict[str, object]:
    told: dict[str, object] = {"jsonrpc": "2.0", "method": message.method}
    if message.params is not UNSET:
        told["params"] = message.params
    return told
