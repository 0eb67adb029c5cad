"""A real OpenID Connect provider on loopback: Authlib's authorization server, under Flask.

It runs in a thread of the tests, so that they can change its keys while it runs. The
authorization code flow with its checks and the tokens are Authlib's. Here stand its users and
their groups, the page to sign in at, and the two documents that clients find it by.
"""

import contextlib
import os
import threading
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlparse

import flask
import requests
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import AuthorizationCodeMixin, OpenIDCode
from joserfc.jwk import RSAKey
from werkzeug.serving import WSGIRequestHandler, make_server

REDIRECT = "http://127.0.0.1/back"
SECRET = "of-the-client"

# It speaks plain HTTP, on loopback.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"


def new_key():
    """A key of the provider's kind."""
    return RSAKey.generate_key(2048)


@dataclass
class Client(ClientMixin):
    client_id: str

    def get_client_id(self):
        return self.client_id

    def get_default_redirect_uri(self):
        return REDIRECT

    def get_allowed_scope(self, scope):
        return scope

    def check_redirect_uri(self, redirect_uri):
        return redirect_uri == REDIRECT

    def check_client_secret(self, client_secret):
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method, endpoint):
        return method == "client_secret_basic"

    def check_response_type(self, response_type):
        return response_type == "code"

    def check_grant_type(self, grant_type):
        return grant_type == "authorization_code"


@dataclass
class Code(AuthorizationCodeMixin):
    client_id: str
    user: str
    scope: str
    code_challenge: str
    code_challenge_method: str

    def get_redirect_uri(self):
        return REDIRECT

    def get_scope(self):
        return self.scope

    def get_nonce(self):
        return None

    def get_auth_time(self):
        return None


def code_grant(codes):
    """The flow of the authorization code, whose codes are kept in a dictionary."""

    class Grant(AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic"]

        def save_authorization_code(self, code, request):
            asked = request.payload.data
            codes[code] = Code(
                client_id=request.client.client_id,
                user=request.user,
                scope=request.payload.scope,
                code_challenge=asked["code_challenge"],
                code_challenge_method=asked["code_challenge_method"],
            )

        def query_authorization_code(self, code, client):
            found = codes.get(code)
            return found if found and found.client_id == client.client_id else None

        def delete_authorization_code(self, authorization_code):
            for code in [code for code, kept in codes.items() if kept is authorization_code]:
                del codes[code]

        def authenticate_user(self, authorization_code):
            return authorization_code.user

    return Grant


class Tokens(OpenIDCode):
    """What stands in the tokens, and what they are signed with."""

    def __init__(self, issuer):
        super().__init__()
        self.issuer = issuer

    def exists_nonce(self, nonce, request):
        return False

    def resolve_client_private_key(self, client):
        return self.issuer.key()

    def get_encode_header(self, client):
        return {"alg": "RS256", "kid": self.issuer.key().thumbprint()}

    def get_client_claims(self, client):
        return {"iss": self.issuer.url, "aud": [client.client_id]}

    def generate_user_info(self, user, scope):
        groups = self.issuer.users[user]
        return {"sub": user, "groups": groups, "preferred_username": user}


class Quiet(WSGIRequestHandler):
    def log(self, *_):
        pass


class Issuer:
    """The provider. Its URL, and ways to sign in and to change its keys."""

    def __enter__(self):
        self.users, self.clients = {}, {}
        self.use_keys(new_key())
        self.app = self._application()
        self.server = self._serve(0)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}/o"
        self.add_client("stepwell")
        return self

    def __exit__(self, *_):
        self.stop()

    def _application(self):
        app = flask.Flask("issuer")
        server = AuthorizationServer(app, self.clients.get, lambda token, request: None)
        server.register_grant(code_grant({}), [CodeChallenge(), Tokens(self)])

        @app.get("/o/.well-known/openid-configuration")
        def discovery():
            return {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }

        @app.get("/o/keys")
        def keys():
            known = [(key, key.as_dict(private=False)) for key in self.keys]
            return {"keys": [{**public, "kid": key.thumbprint()} for key, public in known]}

        @app.post("/o/authorize")
        def authorize():
            name, password = flask.request.form["name"], flask.request.form["password"]
            if name not in self.users or password != f"{name}'s own":
                flask.abort(403)
            grant = server.get_consent_grant(end_user=name)
            return server.create_authorization_response(grant=grant, grant_user=name)

        @app.post("/o/token")
        def token():
            return server.create_token_response()

        return app

    def _serve(self, port):
        server = make_server("127.0.0.1", port, self.app, threaded=True, request_handler=Quiet)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def start_again(self):
        self.server = self._serve(self.port)

    def add_client(self, name):
        self.clients[name] = Client(name)

    def add_user(self, name, groups):
        self.users[name] = groups

    def sign_in(self, name, client="stepwell"):
        """Signs in as a browser does, by the authorization code flow, and returns the ID token."""
        verifier = "v" * 64
        asked = {
            "client_id": client,
            "code_challenge": verifier,
            "code_challenge_method": "plain",
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "scope": "openid",
        }
        endpoints = requests.get(f"{self.url}/.well-known/openid-configuration").json()
        sent_back = requests.post(
            f"{endpoints['authorization_endpoint']}?{urlencode(asked)}",
            data={"name": name, "password": f"{name}'s own"},
            allow_redirects=False,
        )
        assert sent_back.status_code == 302, sent_back.text
        code = parse_qs(urlparse(sent_back.headers["location"]).query)["code"][0]
        exchanged = requests.post(
            endpoints["token_endpoint"],
            auth=(client, SECRET),
            data={
                "code": code,
                "code_verifier": verifier,
                "grant_type": "authorization_code",
                "redirect_uri": REDIRECT,
            },
        )
        assert exchanged.status_code == 200, exchanged.text
        return exchanged.json()["id_token"]

    def key(self):
        """The key that it signs with, private part and all."""
        return self.keys[0]

    def use_keys(self, active, *others):
        """Signs with one key from now on, and publishes it beside others."""
        self.keys = [active, *others]

    @contextlib.contextmanager
    def away(self):
        """The provider cannot be reached for a while."""
        self.stop()
        try:
            yield
        finally:
            self.start_again()
