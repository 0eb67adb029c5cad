"""The SDK for Python, the AWS CLI and a provider of identities against the real program.

`cargo xtask test` makes an environment of `requirements.txt` and runs this in it:

    python main.py PROGRAM [PART OF A TEST'S NAME]

Each function that begins with `test_` is a test. Those of AWS's tools use one host in
development mode, with names of their own; those of `oidc` one that takes a provider's tokens.
Plain asserts: what fails is shown with its line.
"""

import inspect
import os
import subprocess
import sys
import tempfile
import time
import traceback

import aws_cli
import aws_sdk
import oidc
from host import Host


def tests(modules, wanted):
    for module in modules:
        for name, test in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("test_") and wanted in name:
                yield name, test


def run(modules, wanted, make):
    """Runs tests with one host, and returns how many passed and which failed."""
    chosen, failed = list(tests(modules, wanted)), []
    if not chosen:
        return 0, failed
    with make as host:
        for name, test in chosen:
            began = time.monotonic()
            try:
                test(host)
                verdict = "ok"
            except Exception:  # noqa: BLE001 - whatever it is, the other tests go on
                traceback.print_exc()
                failed.append(name)
                verdict = "FAILED"
            print(f"{time.monotonic() - began:8.1f} s  {verdict:6}  {name}", flush=True)
        if failed:
            print(getattr(host, "host", host).log_end())
    return len(chosen) - len(failed), failed


def main():
    program, wanted = sys.argv[1], (sys.argv[2:] or [""])[0]
    # Nothing of the person who runs this: no profiles, no other endpoints.
    for name in [name for name in os.environ if name.startswith(("AWS_", "STEPWELL_"))]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    failed, passed = [], 0
    with tempfile.TemporaryDirectory(prefix="stepwell-clients-") as folder:
        for modules, make in (
            ((aws_sdk, aws_cli), Host(program, folder)),
            ((oidc,), oidc.Shop(program, folder)),
        ):
            some_passed, some_failed = run(modules, wanted, make)
            passed, failed = passed + some_passed, failed + some_failed
    print(f"{passed} passed, {len(failed)} failed")
    if failed or not passed:
        sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except subprocess.TimeoutExpired as error:
        sys.exit(f"no end: {error}")
