"""An OpenAI-compatible endpoint of a language model that marks what it has gone over."""

import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Model:
    """What it has been asked."""

    url: str = ""
    delay_s: float = 0.0
    texts: list[str] = field(default_factory=list)
    systems: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    def corrected(self, text: str) -> str:
        return f"{text}!"

    def translated(self, text: str) -> str:
        return f"¡{text}!"


@contextmanager
def language_model(delay_s: float = 0.0) -> Iterator[Model]:
    """One that takes so long for each text, however many it has at once."""
    model, lock = Model(delay_s=delay_s), threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            system, user = (message["content"] for message in asked["messages"])
            text = json.loads(user)["text"]
            with lock:
                model.texts.append(text)
                model.systems.append(system)
                model.at_once += 1
                model.most_at_once = max(model.most_at_once, model.at_once)
            time.sleep(model.delay_s)
            with lock:
                model.at_once -= 1
            made = model.translated(text) if "translate" in system else model.corrected(text)
            body = json.dumps({"choices": [{"message": {"role": "assistant", "content": made}}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        model.url = f"http://127.0.0.1:{server.server_port}/v1"
        try:
            yield model
        finally:
            server.shutdown()
            thread.join()
