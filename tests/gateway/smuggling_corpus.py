"""Inputs on which HTTP parsers have disagreed, and forms that none should accept.

`@` stands for the input's own mark, so that a smuggled request can be told from those of other inputs.
"""

from tests.gateway.house import SECRET

AUTH = b"Authorization: Bearer " + SECRET.encode() + b"\r\n"
HOST = b"Host: portico\r\n"
SMUGGLED = b"GET /svc/echo/@/smuggled HTTP/1.1\r\n" + HOST + AUTH + b"\r\n"


def get(headers: bytes = b"", *, target: bytes = b"/svc/echo/@/a", version: bytes = b"HTTP/1.1") -> bytes:
    return b"GET " + target + b" " + version + b"\r\n" + HOST + AUTH + headers + b"\r\n"


def post(headers: bytes, body: bytes, *, method: bytes = b"POST") -> bytes:
    return method + b" /svc/echo/@/a HTTP/1.1\r\n" + HOST + AUTH + headers + b"\r\n" + body


def chunked(body: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked\r\n", body)


def te(value: bytes) -> bytes:
    """TE.TE: a coding one parser sees and another does not, next to a Content-Length that hides a request."""
    hidden = b"0\r\n\r\n" + SMUGGLED
    return post(value + b"Content-Length: %d\r\n" % len(hidden), hidden)


def te_alone(value: bytes) -> bytes:
    return post(value, b"0\r\n\r\n" + SMUGGLED)


# What must get through, or the test would prove nothing: name -> number of requests.
GOOD: dict[str, tuple[bytes, int]] = {
    "get": (get(), 1),
    "query": (get(target=b"/svc/echo/@/a?x=1&y=%20"), 1),
    "escaped path": (get(target=b"/svc/echo/@/a%2Fb%20c"), 1),
    "post": (post(b"Content-Length: 5\r\n", b"hello"), 1),
    "empty post": (post(b"Content-Length: 0\r\n", b""), 1),
    "post without a length": (post(b"", b""), 1),
    "chunked": (chunked(b"5\r\nhello\r\n0\r\n\r\n"), 1),
    "chunked upper": (chunked(b"A\r\n0123456789\r\n0\r\n\r\n"), 1),
    "chunked zeros": (chunked(b"005\r\nhello\r\n000\r\n\r\n"), 1),
    "chunk extension": (chunked(b"5;name=value\r\nhello\r\n0\r\n\r\n"), 1),
    "chunk trailer": (chunked(b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"), 1),
    "chunked in capitals": (post(b"Transfer-Encoding: CHUNKED\r\n", b"1\r\na\r\n0\r\n\r\n"), 1),
    "pipeline": (post(b"Content-Length: 5\r\n", b"hello") + SMUGGLED, 2),
    "pipeline after chunks": (chunked(b"5\r\nhello\r\n0\r\n\r\n") + SMUGGLED, 2),
    "get with a body": (get(b"Content-Length: 3\r\n") + b"abc", 1),
    "value with spaces around": (get(b"X-A:   b  \r\n"), 1),
    "empty value": (get(b"X-A:\r\n"), 1),
    "value in latin-1": (get(b"X-A: \xe4\r\n"), 1),
    "http/1.0": (get(version=b"HTTP/1.0"), 1),
    "leading empty line": (b"\r\n" + get(), 1),
}

_LENGTHS = [
    b"+5",
    b"-5",
    b"0x5",
    b"5 5",
    b"5, 5",
    b"5,5",
    b"5, 6",
    b"5.0",
    b"5e0",
    b"",
    b" ",
    b"5;",
    b"\x0b5",
    b"five",
    b"05 ",
]
_LENGTHS += [b"99999999999999999999", b"18446744073709551621", b"9223372036854775808", b"5\x00", b"\xd9\xa5"]
_CODINGS = [
    b"Transfer-Encoding: xchunked\r\n",
    b"Transfer-Encoding : chunked\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
    b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Transfer-Encoding: chunked, identity\r\n",
    b"Transfer-Encoding: identity, chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding: chunked, chunked\r\n",
    b"Transfer-Encoding:\tchunked\r\n",
    b"Transfer-Encoding: chunked \r\n",
    b"Transfer-Encoding:\x0bchunked\r\n",
    b"Transfer-Encoding: \x00chunked\r\n",
    b"Transfer-Encoding: chunked\x00\r\n",
    b'Transfer-Encoding: "chunked"\r\n',
    b"Transfer-Encoding: chunked;q=1\r\n",
    b"Transfer-Encoding:\r\n chunked\r\n",
    b"Transfer-Encoding\r\n: chunked\r\n",
    b"X: y\r\n Transfer-Encoding: chunked\r\n",
    b"X: y\rTransfer-Encoding: chunked\r\n",
    b"X: y\nTransfer-Encoding: chunked\r\n",
    b"\x20Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked\n",
    b"Transfer_Encoding: chunked\r\n",
    b"Transfer-Encoding: chun\\ked\r\n",
    b"Transfer-Encoding: ch\xc3\xbcnked\r\n",
    b"Transfer-Encoding: ,chunked\r\n",
    b"Transfer-Encoding: chunked,\r\n",
    b"Transfer-Encoding:\r\n",
    b"Transfer-encoding: cow\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-\xc4\x8encoding: chunked\r\n",
]
_CHUNKS = [
    b"0x5\r\nhello\r\n0\r\n\r\n",
    b"+5\r\nhello\r\n0\r\n\r\n",
    b"-5\r\nhello\r\n0\r\n\r\n",
    b" 5\r\nhello\r\n0\r\n\r\n",
    b"5 \r\nhello\r\n0\r\n\r\n",
    b"5\t\r\nhello\r\n0\r\n\r\n",
    b"\r\nhello\r\n0\r\n\r\n",
    b"g\r\nhello\r\n0\r\n\r\n",
    b"5\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\n0\r\n\r\n",
    b"5\rhello\r\n0\r\n\r\n",
    b"5\r\nhello0\r\n\r\n",
    b"5\r\nhelloX\r\n0\r\n\r\n",
    b"5\r\nhelloXX0\r\n\r\n",
    b"4\r\nhello\r\n0\r\n\r\n",
    b"6\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\r\n0\r\n",
    b"5\r\nhello\r\n0\n\n",
    b"5\r\nhello\r\n0\r\n\n",
    b"5\r\nhello\r\n0\r\r",
    b"5\r\nhello\r\n",
    b"5\r\nhello\r\n0 \r\n\r\n",
    b"5;\r\nhello\r\n0\r\n\r\n",
    b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    b"5;a\x00b\r\nhello\r\n0\r\n\r\n",
    b'5;"a\r\nb"\r\nhello\r\n0\r\n\r\n',
    b'5;a="b\r\nhello\r\n0\r\n\r\n',
    b"5 ;a\r\nhello\r\n0\r\n\r\n",
    b"5;" + b"e" * 20_000 + b"\r\nhello\r\n0\r\n\r\n",
    b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    b"7fffffffffffffff\r\nhello\r\n0\r\n\r\n",
    b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    b"100000000000000000000000000000005\r\nhello\r\n0\r\n\r\n",
    b"0" * 5000 + b"5\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\r\n0\r\nBad Trailer: 1\r\n\r\n",
    b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
    b"5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"5\r\nhello\r\n0\r\n" + SMUGGLED,
    b"0\r\n\r\n" + b"X" + SMUGGLED,
]
_HEADERS = [
    b"X-A : b\r\n",
    b"X-A\t: b\r\n",
    b" X-A: b\r\n",
    b"X A: b\r\n",
    b": b\r\n",
    b"X-A\r\n",
    b"X-A;\r\n",
    b"X-A: b\r\n c\r\n",
    b"X-A: b\r\n\tc\r\n",
    b"X-A:\r\n b\r\n",
    b"X-A: b\nX-B: c\r\n",
    b"X-A: b\rX-B: c\r\n",
    b"X-A: b\r\r\n",
    b"X-A: \x00\r\n",
    b"X-A: a\x00b\r\n",
    b"X-A: \x01\r\n",
    b"X-A: \x08\r\n",
    b"X-A: \x1b\r\n",
    b"X-A: \x7f\r\n",
    b"X\x00A: b\r\n",
    b"X\x01A: b\r\n",
    b"X\x7fA: b\r\n",
    b"X\xe4A: b\r\n",
    b"X(A): b\r\n",
    b"X[A]: b\r\n",
    b"X{A}: b\r\n",
    b'X"A: b\r\n',
    b"X/A: b\r\n",
    b"X@@A: b\r\n",
    b"X,A: b\r\n",
    b"X\\A: b\r\n",
    b"X_A: b\r\n",
    b"Content_Length: 5\r\n",
    b"Host: other\r\n",
    b"host: portico\r\n",
    b"Host: \r\n",
    b"Expect: 100-continue, other\r\n",
]
_TARGETS = [
    b"",
    b"*",
    b"svc/echo/@/a",
    b"//svc/echo/@/a",
    b"http://portico/svc/echo/@/a",
    b"http://other/svc/echo/@/a",
    b"http:/svc/echo/@/a",
    b"https://portico/svc/echo/@/a",
    b"ftp://portico/svc/echo/@/a",
    b"portico:443",
    b"/svc/echo/@/a b",
    b"/svc/echo/@/a\tb",
    b"/svc/echo/@/a\x00b",
    b"/svc/echo/@/a\x01b",
    b"/svc/echo/@/a\x7fb",
    b"/svc/echo/@/a\xe4b",
    b"/svc/echo/@/a#b",
    b"/svc/echo/@/a%00b",
    b"/svc/echo/@/a%zz",
    b"/svc/echo/@/a%",
    b"/svc/echo/@/a%2",
    b"/svc/echo/@/../../../etc/passwd",
    b"/svc/echo/@/%2e%2e/%2e%2e/%2e%2e/x",
    b"/svc/echo/@/..",
    b"/svc/echo/@/.%2e/x",
    b"/svc/echo/@/..\\x",
    b"/svc/echo/@/a\\..\\..\\b",
    b"/svc/echo/@/a?\x00",
    b"/svc/echo/@/a?b c",
]
_VERSIONS = [
    b"HTTP/1.2",
    b"HTTP/2.0",
    b"HTTP/0.9",
    b"HTTP/1",
    b"HTTP/1.",
    b"HTTP/11",
    b"HTTP/1.10",
    b"HTTP/01.1",
    b"HTTP/1.1x",
]
_VERSIONS += [
    b"http/1.1",
    b"HTTPS/1.1",
    b"HTP/1.1",
    b"HTTP/3.0",
    b"HTTP/-1.1",
    b"HTTP /1.1",
    b"HTTP/1 .1",
    b"",
    b"ICE/1.0",
]
_HOSTS = [
    b"",
    b"Host:\r\n",
    b"Host: a b\r\n",
    b"Host: a/b\r\n",
    b"Host: a\\b\r\n",
    b"Host: a@@b\r\n",
    b"Host: a#b\r\n",
    b"Host: a?b\r\n",
    b"Host: a\x00b\r\n",
    b"Host: a\x01b\r\n",
    b"Host: \xe4\r\n",
    b"Host: a:b:c\r\n",
    b"Host: [::1\r\n",
    b"Host: a\r\nHost: a\r\n",
    b"Host: a\r\nHost: b\r\n",
    b"Host: a\r\nhOST: b\r\n",
    b"Host : a\r\n",
    b"Host: a\r\n b\r\n",
    b"Host: a,b\r\n",
    b"Host: ..\r\n",
    b"Host: .\r\n",
    b"Host: a..b\r\n",
]
_METHODS = [
    b"get",
    b"GeT",
    b"CONNECT",
    b"TRACE",
    b"PRI",
    b"PROPFIND",
    b"FOO",
    b"G\x00T",
    b"G@@T",
    b" GET",
    b"GET\t",
    b"",
    b"GE T",
]
_METHODS += [b"POST,", b"LONGLONGLONGLONGLONGLONGLONGLONGLONG", b"\xc7ET", b"{GET}", b"M-SEARCH", b"SOURCE", b"QUERY"]

_WHOLE: dict[str, bytes] = {
    "cl.te": post(b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\nX" + SMUGGLED),
    "te.cl": post(b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", b"5\r\nhello\r\n0\r\n\r\n" + SMUGGLED),
    "cl.cl same": post(b"Content-Length: 5\r\nContent-Length: 5\r\n", b"hello"),
    "cl.cl different": post(b"Content-Length: 5\r\nContent-Length: 0\r\n", b"hello" + SMUGGLED),
    "cl.cl different, smaller first": post(b"Content-Length: 0\r\nContent-Length: 5\r\n", b"hello" + SMUGGLED),
    "cl longer than the body": post(b"Content-Length: 50\r\n", b"hello"),
    "cl shorter than the body": post(b"Content-Length: 2\r\n", b"hello" + SMUGGLED),
    "te in http/1.0": b"POST /svc/echo/@/a HTTP/1.0\r\n"
    + AUTH
    + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
    "cl in connection": post(b"Connection: Content-Length\r\nContent-Length: 5\r\n", b"hello"),
    "te in connection": post(
        b"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n", b"1\r\na\r\n0\r\n\r\n"
    ),
    "host in connection": get(b"Connection: Host, Authorization\r\n"),
    "get with chunked body": get(b"Transfer-Encoding: chunked\r\n") + b"5\r\nhello\r\n0\r\n\r\n",
    "head with a body": post(b"Content-Length: 3\r\n", b"abc", method=b"HEAD"),
    "delete with a body": post(b"Content-Length: 3\r\n", b"abc", method=b"DELETE"),
    "options with a body": post(b"Content-Length: 3\r\n", b"abc", method=b"OPTIONS"),
    "upgrade hides a request": get(b"Connection: Upgrade\r\nUpgrade: other\r\n") + SMUGGLED,
    "upgrade with a body hides a request": post(
        b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n", b"hello" + SMUGGLED
    ),
    "upgrade with chunks hides a request": post(
        b"Connection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n" + SMUGGLED
    ),
    "websocket with a body": get(b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n")
    + b"hello"
    + SMUGGLED,
    "connect": b"CONNECT portico:443 HTTP/1.1\r\n" + HOST + AUTH + b"\r\n" + SMUGGLED,
    "trace": b"TRACE /svc/echo/@/a HTTP/1.1\r\n" + HOST + AUTH + b"\r\n",
    "http/0.9": b"GET /svc/echo/@/a\r\n",
    "http/0.9 with more": b"GET /svc/echo/@/a\r\n" + HOST + AUTH + b"\r\n",
    "http/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 9,
    "tls hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40,
    "nothing but newlines": b"\r\n" * 50,
    "nul first": b"\x00" + get(),
    "space first": b" " + get(),
    "bare lf everywhere": get().replace(b"\r\n", b"\n"),
    "bare lf after the request line": get().replace(b"\r\n", b"\n", 1),
    "bare lf at the end": get()[:-2] + b"\n",
    "bare cr at the end": get()[:-1] + SMUGGLED,
    "cr in the request line": get().replace(b" HTTP", b"\rHTTP"),
    "two spaces": get().replace(b"GET ", b"GET  "),
    "two spaces before the version": get().replace(b" HTTP", b"  HTTP"),
    "tab for a space": get().replace(b"GET ", b"GET\t"),
    "space after the version": get().replace(b"HTTP/1.1\r", b"HTTP/1.1 \r"),
    "missing final line": get()[:-2],
    "response instead": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "form feed in the head": get(b"\x0c\r\n"),
    "many headers": get(b"".join(b"X-%d: y\r\n" % number for number in range(500))),
    "large header": get(b"X-A: " + b"a" * 100_000 + b"\r\n"),
    "large target": get(target=b"/svc/echo/@/" + b"a" * 100_000),
    "keep-alive list": get(b"Connection: keep-alive, close\r\n") + SMUGGLED,
    "junk after a closed request": get(b"Connection: close\r\n") + b"junk" + SMUGGLED,
}


def entries() -> dict[str, bytes]:
    """Every input by name, those that must get through included."""
    found = {name: data for name, (data, _) in GOOD.items()} | dict(_WHOLE)
    found |= {
        f"length {value!r}": post(b"Content-Length: " + value + b"\r\n", b"hello" + SMUGGLED) for value in _LENGTHS
    }
    found |= {f"te.te {value!r}": te(value) for value in _CODINGS}
    found |= {f"te alone {value!r}": te_alone(value) for value in _CODINGS}
    found |= {f"chunk {value[:40]!r} {len(value)}": chunked(value) for value in _CHUNKS}
    found |= {f"header {value!r}": get(value) for value in _HEADERS}
    found |= {f"target {value!r}": get(target=value) for value in _TARGETS}
    found |= {f"version {value!r}": get(version=value) for value in _VERSIONS}
    found |= {f"host {value!r}": b"GET /svc/echo/@/a HTTP/1.1\r\n" + value + AUTH + b"\r\n" for value in _HOSTS}
    found |= {f"method {value!r}": value + get()[3:] for value in _METHODS}
    return found


def marked(data: bytes, mark: int) -> bytes:
    """The input with its mark in place; `@@` is the character itself."""
    return data.replace(b"@@", b"\x1a").replace(b"@", b"%d" % mark).replace(b"\x1a", b"@")
