"""The AWS CLI, as people and scripts use it."""

import json
import os
import subprocess
import sys

from host import PATIENCE_SECONDS, ROLE, end, eventually, name, passing

# Beside the interpreter that runs this.
AWS = os.path.join(os.path.dirname(sys.executable), "aws")


def aws(host, *arguments, code=0):
    """Calls `aws stepfunctions …` and returns its JSON, or what it said in its error."""
    done = subprocess.run(
        [sys.executable, AWS, "stepfunctions", *arguments],
        env=host.environment(),
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        text=True,
    )
    assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stderr}"
    if code:
        return done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


def definition(result):
    return json.dumps({"StartAt": "Done", "States": passing(result)})


def test_the_cli_deploys_starts_and_reads(host):
    made = aws(
        host,
        "create-state-machine",
        *("--name", name("cli")),
        *("--definition", definition({"said": "hello"})),
        *("--role-arn", ROLE),
    )
    arn = made["stateMachineArn"]
    started = aws(
        host,
        "start-execution",
        *("--state-machine-arn", arn),
        *("--name", "from-the-cli", "--input", '{"n": 1}'),
    )
    execution = started["executionArn"]
    end(host.client(), execution)
    described = aws(host, "describe-execution", "--execution-arn", execution)
    assert described["status"] == "SUCCEEDED", described
    assert json.loads(described["output"]) == {"said": "hello"}
    events = aws(
        host,
        "get-execution-history",
        *("--execution-arn", execution),
        *("--page-size", "1", "--query", "events[].type"),
    )
    assert events == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ], events
    listed = aws(
        host,
        "list-executions",
        *("--state-machine-arn", arn),
        *("--query", "executions[].name"),
    )
    assert listed == ["from-the-cli"]
    assert aws(host, "delete-state-machine", "--state-machine-arn", arn) is None
    gone = lambda: "StateMachineDoesNotExist" in _refusal(host, arn)  # noqa: E731
    eventually("the machine's end", gone)


def _refusal(host, arn):
    command = [sys.executable, AWS, "stepfunctions", "describe-state-machine"]
    done = subprocess.run(
        [*command, "--state-machine-arn", arn],
        env=host.environment(),
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        text=True,
    )
    return done.stderr


def test_the_cli_says_what_the_host_refuses(host):
    said = aws(host, "describe-execution", "--execution-arn", "arn:none", code=255)
    assert "when calling the DescribeExecution operation" in said, said


def test_the_cli_waits_for_an_express_execution(host):
    made = aws(
        host,
        "create-state-machine",
        *("--name", name("cli"), "--type", "EXPRESS"),
        *("--definition", definition("at once")),
        *("--role-arn", ROLE),
    )
    answer = aws(
        host, "start-sync-execution", "--state-machine-arn", made["stateMachineArn"]
    )
    assert (answer["status"], answer["output"]) == ("SUCCEEDED", '"at once"'), answer


def test_the_cli_tests_a_state(host):
    state = json.dumps({"Type": "Pass", "Result": {"a": 1}, "Next": "B"})
    answer = aws(host, "test-state", "--definition", state)
    assert (answer["status"], answer["nextState"]) == ("SUCCEEDED", "B"), answer


def test_the_cli_validates_a_definition(host):
    told = aws(
        host, "validate-state-machine-definition", "--definition", '{"StartAt":"A"}'
    )
    assert told["result"] == "FAIL" and told["diagnostics"], told
