"""A small agent, traced with `portico.tracing`: asked for a plan, it asks a model through Portico. argv: its port."""

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2

from portico.tracing import serving, start_tracing, trace_headers, traced

MODEL = "extractive-summariser"


@traced("ask the model")
def ask_model(question: str) -> str:
    headers = {"Authorization": f"Bearer {os.environ['PORTICO_KEY']}", **trace_headers()}
    body = {"model": MODEL, "messages": [{"role": "user", "content": question}]}
    answer = httpx2.post(f"{os.environ['PORTICO_URL']}/v1/chat/completions", json=body, headers=headers, timeout=10)
    answer.raise_for_status()
    return str(answer.json()["choices"][0]["message"]["content"])


class Agent(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        with serving(f"GET {self.path}", dict(self.headers.items())):
            try:
                status, text = 200, ask_model("Projects have goals. Goals have steps. Steps take time.")
            except httpx2.HTTPError as error:
                status, text = 502, str(error)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    start_tracing()
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Agent).serve_forever()
