"""A small server of the older era, written by hand so that it can misbehave in every way there is.

small.py [--ignore-sigterm] [--deaf] [--silent]
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

TOOLS = (
    "add",
    "whoami",
    "read",
    "write",
    "reach",
    "flood",
    "long",
    "noise",
    "die",
    "exit",
    "fork",
    "hang",
    "hog",
    "bomb",
    "ask",
    "steps",
    "touch",
)


def say(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def text(words):
    return {"content": [{"type": "text", "text": str(words)}], "isError": False}


def reached(path):
    try:
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).connect(path)
    except OSError as error:
        return error.strerror
    return "reached"


def say_too_much(name):
    if name == "flood":
        while True:
            say({"method": "notifications/message", "params": {"level": "info", "data": "x" * 500}})
    if name == "noise":
        while True:
            sys.stdout.write("this is not JSON " * 100 + "\n")
    if name == "long":
        sys.stdout.write("x" * (8 << 20))
        sys.stdout.flush()


def take_too_much(name):
    if name == "hang":
        time.sleep(3600)
    if name == "hog":
        kept = []
        while True:
            kept.append(bytearray(os.urandom(4 << 20)))
            time.sleep(0.005)
    if name == "bomb":
        while True:
            subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(3600)"])


def leave(name):
    if name == "die":
        sys.stderr.write("I was told to die\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "exit":
        sys.stderr.write(f"giving up with {os.environ.get('TOKEN', '')}\n")
        sys.stderr.flush()
        sys.exit(3)


def fork_away():
    """A grandchild in a session of its own that ignores SIGTERM and lets go of the pipes, as a daemon would."""
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            for number in (0, 1, 2):
                os.close(number)
            time.sleep(3600)
        os._exit(0)
    os.waitpid(child, 0)


def work(name, asked):
    if name == "add":
        return text(asked["a"] + asked["b"])
    if name == "whoami":
        return text(json.dumps({"pid": os.getpid(), "environment": dict(os.environ), "folder": str(Path.cwd())}))
    if name == "read":
        return text(Path(asked["path"]).read_text())
    if name == "write":
        Path(asked["path"]).write_text("written")
        return text("written")
    if name == "reach":
        return text(reached(asked["path"]))
    if name == "fork":
        fork_away()
        return text("forked")
    for misbehave in (say_too_much, take_too_much, leave):
        misbehave(name)
    return text("still here")


def call(message):
    params = message["params"]
    name, asked = params["name"], params.get("arguments") or {}
    token = (params.get("_meta") or {}).get("progressToken")
    if name == "steps":
        for step in range(asked["steps"]):
            if token is not None:
                say({"method": "notifications/progress", "params": {"progressToken": token, "progress": step + 1}})
    if name == "touch":
        say({"method": "notifications/tools/list_changed"})
        say({"method": "notifications/resources/updated", "params": {"uri": "small://one"}})
    if name == "ask":
        say(
            {
                "id": 77,
                "method": "elicitation/create",
                "params": {
                    "message": "Your name?",
                    "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}},
                },
            }
        )
        told = json.loads(sys.stdin.readline())
        return text(json.dumps(told.get("result") or told.get("error")))
    if name == "trace":
        return text((params.get("_meta") or {}).get("traceparent"))
    try:
        return work(name, asked)
    except OSError as error:
        return {"content": [{"type": "text", "text": error.strerror or str(error)}], "isError": True}


def main():
    if "--ignore-sigterm" in sys.argv:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "--silent" in sys.argv:
        time.sleep(3600)
    while True:
        line = sys.stdin.readline()
        if not line:
            if "--ignore-sigterm" in sys.argv:
                time.sleep(3600)
            return
        message = json.loads(line)
        method = message.get("method")
        if method == "initialize":
            capabilities = {"tools": {"listChanged": True}, "resources": {"subscribe": True, "listChanged": True}}
            result = {
                "protocolVersion": "2025-06-18",
                "capabilities": capabilities,
                "serverInfo": {"name": "small", "version": "1"},
            }
        elif method == "tools/list":
            result = {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]}
        elif method == "tools/call":
            result = call(message)
        elif method in {"resources/subscribe", "resources/unsubscribe"}:
            result = {}
        elif "id" in message:
            say({"id": message["id"], "error": {"code": -32601, "message": "Method not found"}})
            continue
        else:
            continue
        say({"id": message["id"], "result": result})


main()
