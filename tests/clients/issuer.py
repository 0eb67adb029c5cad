"""A real OpenID Connect provider on loopback: django-oauth-toolkit.

It runs in a thread of the tests, so that they can change its keys while it runs. Everything
that is a provider's comes from the package: discovery, keys, the authorization code flow and
the tokens. Here stand its settings, its users and their groups.
"""

import contextlib
import logging
import tempfile
import threading
from socketserver import ThreadingMixIn
from urllib.parse import parse_qs, urlencode, urlparse
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import django
import requests
from django.conf import settings
from jwcrypto import jwk

REDIRECT = "http://127.0.0.1/back"
FOLDER = tempfile.TemporaryDirectory(prefix="stepwell-issuer-")


def new_key():
    """A key of the provider's kind, as PEM with its private part."""
    return jwk.JWK.generate(kty="RSA", size=2048).export_to_pem(True, None).decode()


settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{FOLDER.name}/issuer.db"}
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "oauth2_provider",
    ],
    LOGIN_URL="/login",
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    OAUTH2_PROVIDER={
        "ACCESS_TOKEN_EXPIRE_SECONDS": 600,
        "ID_TOKEN_EXPIRE_SECONDS": 600,
        "OAUTH2_VALIDATOR_CLASS": "issuer_claims.Claims",
        "OIDC_ENABLED": True,
        "OIDC_RSA_PRIVATE_KEY": new_key(),
        "OIDC_RSA_PRIVATE_KEYS_INACTIVE": [],
        "SCOPES": {"openid": "who somebody is"},
    },
    ROOT_URLCONF="issuer_urls",
    SECRET_KEY="not a secret: a provider of the tests",
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    USE_TZ=True,
)
django.setup()

from django.contrib.auth.models import Group, User  # noqa: E402 - needs the settings
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from oauth2_provider.models import Application  # noqa: E402
from oauth2_provider.settings import oauth2_settings  # noqa: E402


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


class Issuer:
    """The provider. Its URL, its one client, and ways to sign in and to change its keys."""

    def __enter__(self):
        logging.disable(logging.ERROR)
        call_command("migrate", verbosity=0)
        self.server = self._serve(0)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}/o"
        self.client = self.add_client("stepwell")
        return self

    def __exit__(self, *_):
        self.stop()

    def _serve(self, port):
        server = Server(("127.0.0.1", port), Quiet)
        server.set_app(get_wsgi_application())
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
        return Application.objects.create(
            name=name,
            client_id=name,
            client_secret="of-the-client",
            client_type=Application.CLIENT_CONFIDENTIAL,
            authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
            redirect_uris=REDIRECT,
            algorithm=Application.RS256_ALGORITHM,
            skip_authorization=True,
        )

    def add_user(self, name, groups):
        user = User.objects.create_user(name, password=f"{name}'s own")
        for group in groups:
            user.groups.add(Group.objects.get_or_create(name=group)[0])
        return user

    def sign_in(self, name, client="stepwell"):
        """Signs in as a browser does, by the authorization code flow, and returns the ID token."""
        browser = requests.Session()
        base = f"http://127.0.0.1:{self.port}"
        browser.post(f"{base}/login", data={"name": name, "password": f"{name}'s own"})
        verifier = "v" * 64
        asked = {
            "client_id": client,
            "code_challenge": verifier,
            "code_challenge_method": "plain",
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "scope": "openid",
        }
        sent_back = browser.get(f"{self.url}/authorize/?{urlencode(asked)}", allow_redirects=False)
        assert sent_back.status_code == 302, sent_back.text
        code = parse_qs(urlparse(sent_back.headers["location"]).query)["code"][0]
        exchanged = requests.post(
            f"{self.url}/token/",
            auth=(client, "of-the-client"),
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
        return jwk.JWK.from_pem(oauth2_settings.OIDC_RSA_PRIVATE_KEY.encode())

    def use_keys(self, active, *others):
        """Signs with one key from now on, and publishes it beside others."""
        changed = dict(settings.OAUTH2_PROVIDER)
        changed["OIDC_RSA_PRIVATE_KEY"] = active
        changed["OIDC_RSA_PRIVATE_KEYS_INACTIVE"] = list(others)
        settings.OAUTH2_PROVIDER = changed
        oauth2_settings.reload()

    @contextlib.contextmanager
    def away(self):
        """The provider cannot be reached for a while."""
        self.stop()
        try:
            yield
        finally:
            self.start_again()
