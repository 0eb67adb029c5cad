"""Tokens of a real OpenID Connect provider, and tokens that no provider would sign.

The provider is `issuer.py`. What it does not sign is made here with its own keys, so that a
refusal is for the one thing that is wrong.
"""

import base64
import hmac
import json
import os
import time

import requests
from host import Host
from issuer import Issuer, new_key
from joserfc import jwt


class Shop:
    """A host that takes the tokens of a provider, and the provider."""

    def __init__(self, program, folder):
        self.program = program
        self.folder = os.path.join(folder, "oidc")
        os.mkdir(self.folder)

    def __enter__(self):
        self.issuer = Issuer()
        self.issuer.__enter__()
        self.issuer.add_client("another-client")
        for name, groups in (
            ("ada", ["developers"]),
            ("grace", ["operators", "auditors"]),
            ("eve", ["strangers"]),
            ("mary", ["developers", "bank-viewers"]),
        ):
            self.issuer.add_user(name, groups)
        self.host = Host(self.program, self.folder, ["--oidc-config", self.configuration()])
        self.host.__enter__()
        with open(os.path.join(self.folder, "data", "admin-token")) as file:
            self.admin = file.read().strip()
        self.host.stepwell("tenant", "create", "bank", "--account", "333333333333")
        self.host.stepwell("role", "put", "auditor", "--permission", "access:read")
        return self

    def __exit__(self, *problem):
        self.host.__exit__(*problem)
        self.issuer.__exit__(*problem)

    def configuration(self):
        groups = [
            {"group": "developers", "tenant": "default", "role": "developer"},
            {"group": "operators", "tenant": "default", "role": "operator"},
            {"group": "auditors", "tenant": "default", "role": "auditor"},
            {"group": "bank-viewers", "tenant": "bank", "role": "viewer"},
        ]
        issuer = {"issuer": self.issuer.url, "audiences": ["stepwell"], "groups": groups}
        file = os.path.join(self.folder, "oidc.json")
        with open(file, "w") as text:
            json.dump({"issuers": [issuer]}, text)
        return file

    def get(self, path, token, **headers):
        headers["authorization"] = f"Bearer {token}"
        return requests.get(self.host.url + path, headers=headers, timeout=60)

    def caller(self, token, **headers):
        answer = self.get("/v1/caller", token, **headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, token, reason):
        """Expects a refusal of the token, in the body and in the header."""
        answer = self.get("/v1/caller", token)
        assert answer.status_code == 401, answer.text
        error = answer.json()["error"]
        assert (error["code"], error["message"]) == ("Unauthenticated", reason), error
        challenge = answer.headers["www-authenticate"]
        assert challenge == f'Bearer error="invalid_token", error_description="{reason}"', challenge

    def signed(self, key=None, header=None, **claims):
        """A token as the provider signs it, but for what is said otherwise; None leaves out."""
        key = key or self.issuer.key()
        now = int(time.time())
        everything = {
            "iss": self.issuer.url,
            "sub": "1",
            "aud": "stepwell",
            "iat": now,
            "exp": now + 300,
            "groups": ["developers"],
            **claims,
        }
        claims = {name: value for name, value in everything.items() if value is not None}
        header = {"alg": "RS256", "typ": "JWT", "kid": key.thumbprint(), **(header or {})}
        return jwt.encode(header, claims, key)


def test_who_signs_in_has_the_roles_of_their_groups(shop):
    ada = shop.caller(shop.issuer.sign_in("ada"))
    assert ada["principal"].startswith(f"oidc:{shop.issuer.url}#"), ada
    assert (ada["name"], ada["tenant"], ada["role"]) == ("ada", "default", "developer"), ada
    assert "definitions:write" in ada["permissions"] and "access:read" not in ada["permissions"], ada
    grace = shop.issuer.sign_in("grace")
    assert shop.caller(grace)["role"] == "auditor, operator"
    assert shop.get("/v1/api-tokens", grace).status_code == 200
    assert shop.get("/v1/api-tokens", shop.issuer.sign_in("ada")).status_code == 403


def test_a_group_without_a_role_lets_nobody_in(shop):
    answer = shop.get("/v1/caller", shop.issuer.sign_in("eve"))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (403, "Forbidden"), answer.text
    assert 'none of your groups has a role here (groups: "strangers")' in error["message"], error


def test_who_has_roles_in_two_tenants_chooses_one(shop):
    token = shop.issuer.sign_in("mary")
    unclear = shop.get("/v1/caller", token)
    assert (unclear.status_code, unclear.json()["error"]["code"]) == (400, "TenantNotChosen")
    assert "bank, default" in unclear.text
    bank = shop.caller(token, **{"stepwell-tenant": "bank"})
    assert (bank["tenant"], bank["role"]) == ("bank", "viewer")
    environment = {"STEPWELL_TOKEN": token, "STEPWELL_TENANT": "bank"}
    assert shop.host.stepwell("whoami", environment=environment)["tenant"] == "bank"
    environment["STEPWELL_TENANT"] = "default"
    assert shop.host.stepwell("whoami", environment=environment)["role"] == "developer"


def test_the_command_line_works_with_a_providers_token(shop):
    token = {"STEPWELL_TOKEN": shop.issuer.sign_in("ada")}
    file = os.path.join(shop.folder, "done.json")
    with open(file, "w") as text:
        json.dump({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}, text)
    shop.host.stepwell("deploy", file, "--name", "by-ada", environment=token)
    ended = shop.host.stepwell("start", "by-ada", "--wait", environment=token)
    assert ended["status"] == "SUCCEEDED", ended


def test_keys_change_in_the_middle(shop):
    before = shop.issuer.sign_in("ada")
    shop.caller(before)
    old, new = shop.issuer.key(), new_key()
    shop.issuer.use_keys(new, old)
    after = shop.issuer.sign_in("ada")
    assert header(after)["kid"] != header(before)["kid"]
    # An unknown key id makes the host look, but not more often than each ten seconds.
    eventually_taken(shop, after)
    shop.caller(before)
    shop.issuer.use_keys(new)
    # Looked for once more, the old key is withdrawn.
    stranger = new_key()
    publishes_no_such = "the issuer of the token does not publish its key"
    until = time.monotonic() + 30
    while shop.get("/v1/caller", before).status_code == 200:
        shop.refused(shop.signed(stranger), publishes_no_such)
        assert time.monotonic() < until, "the old key is still good"
        time.sleep(0.5)
    shop.refused(before, publishes_no_such)
    shop.caller(after)


def test_a_token_for_another_client_is_refused(shop):
    token = shop.issuer.sign_in("ada", client="another-client")
    shop.refused(token, "the token is for another audience")
    shop.caller(shop.signed())
    shop.refused(shop.signed(aud=["other", "another"]), "the token is for another audience")


def test_a_token_without_a_signature_is_refused(shop):
    reason = "the algorithm of the token is not accepted"
    head, claims, signature = shop.issuer.sign_in("ada").split(".")
    for algorithm in ("none", "None", "NONE", "nOnE"):
        unsigned = encoded({"alg": algorithm, "typ": "JWT"})
        for end in ("", signature):
            shop.refused(f"{unsigned}.{claims}.{end}", reason)
    shop.refused(f"{head}.{claims}.", "the signature of the token is wrong")


def test_a_public_key_is_no_shared_secret(shop):
    key = shop.issuer.key()
    public = key.as_dict(private=False)
    modulus = base64.urlsafe_b64decode(public["n"] + "==")
    head = encoded({"alg": "HS256", "typ": "JWT", "kid": key.thumbprint()})
    signed = f"{head}.{encoded({'iss': shop.issuer.url})}".encode()
    for secret in (key.as_pem(private=False), json.dumps(public).encode(), modulus):
        end = base64.urlsafe_b64encode(hmac.digest(secret, signed, "sha256")).rstrip(b"=")
        token = b".".join((signed, end)).decode()
        shop.refused(token, "the algorithm of the token is not accepted")


def test_a_token_is_good_in_its_time_alone(shop):
    now = int(time.time())
    shop.refused(shop.signed(iat=now - 600, exp=now - 300), "the token has expired")
    shop.refused(shop.signed(nbf=now + 300), "the token is not valid yet")
    shop.refused(shop.signed(iat=now + 300, exp=now + 600), "the token is not valid yet")
    shop.refused(shop.signed(exp=now + 86_000), "the token is good for longer than is accepted")
    shop.refused(shop.signed(exp=None), "the token lacks the claim exp")


def test_another_issuer_and_another_key_are_refused(shop):
    stranger = new_key()
    elsewhere = shop.signed(iss="https://id.example.com")
    shop.refused(elsewhere, "the issuer of the token is not accepted")
    own_id = {"kid": shop.issuer.key().thumbprint()}
    shop.refused(shop.signed(stranger, own_id), "the signature of the token is wrong")
    offered = {**own_id, "jwk": stranger.as_dict(private=False)}
    shop.refused(shop.signed(stranger, offered), "the signature of the token is wrong")
    shop.refused(shop.signed(stranger), "the issuer of the token does not publish its key")


def test_a_provider_that_is_away_stops_nobody_whose_key_is_known(shop):
    token = shop.issuer.sign_in("ada")
    eventually_taken(shop, token)
    with shop.issuer.away():
        shop.caller(token)
        # A host that starts now says that it cannot tell, and starts all the same.
        folder = os.path.join(shop.folder, "later")
        os.mkdir(folder)
        with Host(shop.program, folder, ["--oidc-config", shop.configuration()]) as later:
            there = requests.get(f"{later.url}/healthz", timeout=60)
            assert there.status_code == 200, there.text
            bearer = {"authorization": f"Bearer {token}"}
            answer = requests.get(f"{later.url}/v1/caller", headers=bearer, timeout=60)
            assert answer.status_code == 503, answer.text
            assert answer.json()["error"]["code"] == "IssuerUnreachable", answer.text
            assert "the keys of an issuer cannot be fetched" in later.log_end()


def eventually_taken(shop, token):
    """Looks until the host takes a token whose key it may have to fetch."""
    until = time.monotonic() + 30
    while shop.get("/v1/caller", token).status_code != 200:
        assert time.monotonic() < until, shop.get("/v1/caller", token).text
        time.sleep(0.5)


def encoded(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def header(token):
    part = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
