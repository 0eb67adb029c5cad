"""A platform to try the delivery pipeline with: it keeps versions, and runs nothing.

    python3 platform.py [--port 8470] [--token TOKEN]

A version with "sick" in its name runs well in staging and badly in production.
"""

import argparse
import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

versions = {}  # by environment
answered = {}  # by idempotency key


class Platform(BaseHTTPRequestHandler):
    token = ""

    def do_PUT(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        environment = self.environment("release")
        if environment is None:
            return self.answer(404, {"error": "there is no such thing"})
        if self.headers.get("authorization") != f"Bearer {self.token}":
            return self.answer(401, {"error": "who are you?"})
        key = self.headers.get("idempotency-key", "")
        if key not in answered:
            previous = versions.get(environment)
            versions[environment] = json.loads(body)["version"]
            answered[key] = {"previous": previous}
            print(f"{environment}: {previous} -> {versions[environment]}", flush=True)
        self.answer(200, answered[key])

    def do_GET(self):
        environment = self.environment("health")
        if environment is None:
            return self.answer(404, {"error": "there is no such thing"})
        version = versions.get(environment)
        sick = environment == "production" and "sick" in (version or "")
        self.answer(200, {"version": version, "failed_percent": 12.5 if sick else 0.1})

    def environment(self, what):
        found = re.fullmatch(rf"/v1/environments/(staging|production)/{what}", self.path)
        return found and found[1]

    def answer(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, default=8470)
    arguments.add_argument("--token", default="platform-token")
    arguments = arguments.parse_args()
    Platform.token = arguments.token
    server = ThreadingHTTPServer(("127.0.0.1", arguments.port), Platform)
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
