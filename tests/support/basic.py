"""A panel's API: HTTP Basic, the PAM service by the path. What it says is what PAM says."""
import base64
import http.server
import sys

sys.path.insert(0, "/usr/local/lib")
from panel_login import password_is_right


class Api(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        kind, _, credentials = self.headers.get("Authorization", "").partition(" ")
        user, _, password = base64.b64decode(credentials).decode().partition(":")
        service, address = self.path.strip("/"), self.client_address[0]
        right = kind == "Basic" and password_is_right(service, user, password, address)
        self.send_response(200 if right else 401)
        self.end_headers()

    def log_message(self, *_):
        pass


http.server.HTTPServer(("127.0.0.1", 8000), Api).serve_forever()
