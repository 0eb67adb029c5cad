"""The host under test, and what the tests share."""

import itertools
import json
import os
import subprocess
import time

import boto3
from botocore.config import Config

REGION = "us-east-1"
ROLE = "arn:aws:iam::000000000000:role/any"
PATIENCE_SECONDS = 60

_numbers = itertools.count(1)


class Host:
    """`stepwell serve` on a folder; it ends with the `with` block. Without options, `--dev`."""

    def __init__(self, program, folder, options=("--dev",)):
        self.program = program
        self.folder = folder
        self.options = options
        self.url = None

    def __enter__(self):
        self.log = open(os.path.join(self.folder, "host.log"), "w+b")
        command = [self.program, "serve", *self.options, "--listen", "127.0.0.1:0"]
        command += ["--until-stdin-ends", "--data", os.path.join(self.folder, "data")]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log
        )
        first = self.process.stdout.readline().decode().strip()
        assert first.startswith("listening on "), f"{first!r}\n{self.log_end()}"
        self.url = first.removeprefix("listening on ")
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        status = self.process.wait(timeout=PATIENCE_SECONDS)
        self.log.close()
        assert status == 0, f"the host ended with {status}"

    def log_end(self):
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").splitlines()
        return "\n".join(["the host's log ends so:", *lines[-30:]])

    def client(self, url=None, key=("test", "test"), **options):
        # The prefix of `sync-` operations is for names that a name server knows.
        config = Config(inject_host_prefix=False, read_timeout=70, **options)
        return boto3.client(
            "stepfunctions",
            endpoint_url=url or self.url,
            region_name=REGION,
            aws_access_key_id=key[0],
            aws_secret_access_key=key[1],
            config=config,
        )

    def environment(self):
        """The variables that make the AWS CLI speak to the host, as the guide has them."""
        return {
            **os.environ,
            "AWS_ENDPOINT_URL_SFN": self.url,
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_PAGER": "",
        }

    def stepwell(self, *arguments, environment=()):
        """Runs a command; without a token, with the admin's in the host's folder."""
        command = [self.program, "--server", self.url, "--json", *arguments]
        variables = {"STEPWELL_DATA": os.path.join(self.folder, "data"), **dict(environment)}
        done = subprocess.run(
            command,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            env={**os.environ, **variables},
        )
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout) if done.stdout.strip() else None


def name(what):
    """A name that no other test has."""
    return f"{what}-{next(_numbers)}"


def machine(client, states, start, kind="STANDARD", **members):
    """Makes a state machine and returns its ARN."""
    definition = json.dumps({"StartAt": start, "States": states})
    made = client.create_state_machine(
        name=name("machine"), definition=definition, roleArn=ROLE, type=kind, **members
    )
    return made["stateMachineArn"]


def passing(result):
    """The states of a machine that answers with `result`."""
    return {"Done": {"Type": "Pass", "Result": result, "End": True}}


def eventually(what, look):
    """Looks until there is something, and returns it."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        seen = look()
        if seen:
            return seen
        time.sleep(0.02)
    raise AssertionError(f"{what}: not seen")


def end(client, execution):
    """Waits for an execution's end and describes it."""

    def look():
        described = client.describe_execution(executionArn=execution)
        return described if described["status"] not in ("RUNNING", "PENDING_REDRIVE") else None

    return eventually(f"the end of {execution}", look)


def raises(code, call, **members):
    """Calls, expects a refusal with this code, and returns it."""
    from botocore.exceptions import ClientError

    try:
        answer = call(**members)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error
    raise AssertionError(f"{code} was expected, got {answer}")
