"""boto3, as programs use it."""

import http.client
import http.server
import json
import threading
import urllib.parse

from host import ROLE, end, eventually, machine, name, passing, raises


def test_deploy_start_wait_and_read_the_history(host):
    client = host.client()
    states = {
        "First": {"Type": "Pass", "Next": "Wait"},
        "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Done"},
        **passing({"answer": 42}),
    }
    arn = machine(client, states, "First")
    described = client.describe_state_machine(stateMachineArn=arn)
    assert described["status"] == "ACTIVE" and described["type"] == "STANDARD", described
    assert json.loads(described["definition"])["StartAt"] == "First"

    execution = name("execution")
    started = client.start_execution(stateMachineArn=arn, name=execution, input='{"n":1}')
    again = client.start_execution(stateMachineArn=arn, name=execution, input='{"n":1}')
    assert again["executionArn"] == started["executionArn"]
    assert again["startDate"] == started["startDate"]
    raises(
        "ExecutionAlreadyExists",
        client.start_execution,
        stateMachineArn=arn,
        name=execution,
        input='{"n":2}',
    )
    ended = end(client, started["executionArn"])
    assert ended["status"] == "SUCCEEDED", ended
    assert json.loads(ended["output"]) == {"answer": 42}
    assert ended["stopDate"] > ended["startDate"]

    pages = client.get_paginator("get_execution_history").paginate(
        executionArn=started["executionArn"], PaginationConfig={"PageSize": 2}
    )
    pages = list(pages)
    events = [event for page in pages for event in page["events"]]
    assert len(pages) > 3 and all(len(page["events"]) <= 2 for page in pages)
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["type"] == "ExecutionStarted" and events[-1]["type"] == "ExecutionSucceeded"
    newest = client.get_execution_history(
        executionArn=started["executionArn"], reverseOrder=True, maxResults=1
    )
    assert newest["events"][0]["type"] == "ExecutionSucceeded"
    bare = client.get_execution_history(
        executionArn=started["executionArn"], includeExecutionData=False
    )
    assert "output" not in bare["events"][-1]["executionSucceededEventDetails"], bare


def test_lists_have_pages(host):
    client = host.client()
    arn = machine(client, passing(1), "Done")
    started = [
        client.start_execution(stateMachineArn=arn)["executionArn"] for _ in range(5)
    ]
    pages = client.get_paginator("list_executions").paginate(
        stateMachineArn=arn, PaginationConfig={"PageSize": 2}
    )
    listed = [line["executionArn"] for page in pages for line in page["executions"]]
    assert listed == started[::-1]
    for execution in started:
        end(client, execution)
    succeeded = client.list_executions(stateMachineArn=arn, statusFilter="SUCCEEDED")
    assert len(succeeded["executions"]) == 5
    assert client.list_executions(stateMachineArn=arn, statusFilter="FAILED")["executions"] == []

    names = sorted(name("activity") for _ in range(3))
    for activity in names:
        client.create_activity(name=activity)
    pages = client.get_paginator("list_activities").paginate(PaginationConfig={"PageSize": 1})
    listed = [line["name"] for page in pages for line in page["activities"]]
    assert set(names) <= set(listed)
    pages = client.get_paginator("list_state_machines").paginate(PaginationConfig={"PageSize": 2})
    assert arn in [line["stateMachineArn"] for page in pages for line in page["stateMachines"]]


def test_an_express_machine_answers_at_once(host):
    client = host.client()
    states = {"Done": {"Type": "Pass", "Parameters": {"got.$": "$"}, "End": True}}
    arn = machine(client, states, "Done", kind="EXPRESS")
    answer = client.start_sync_execution(stateMachineArn=arn, input='{"n": 1}')
    assert answer["status"] == "SUCCEEDED", answer
    assert json.loads(answer["output"]) == {"got": {"n": 1}}
    assert answer["billingDetails"]["billedDurationInMilliseconds"] >= 100
    failing = {"No": {"Type": "Fail", "Error": "Declined", "Cause": "no money"}}
    arn = machine(client, failing, "No", kind="EXPRESS")
    answer = client.start_sync_execution(stateMachineArn=arn)
    assert (answer["status"], answer["error"], answer["cause"]) == (
        "FAILED",
        "Declined",
        "no money",
    )


def test_a_worker_calls_back_through_an_activity(host):
    client = host.client()
    activity = client.create_activity(name=name("activity"))["activityArn"]
    states = {
        "Ask": {"Type": "Task", "Resource": activity, "HeartbeatSeconds": 30, "End": True}
    }
    arn = machine(client, states, "Ask")
    seen = []

    def work():
        worker = host.client()
        for _ in range(2):
            task = worker.get_activity_task(activityArn=activity, workerName="py")
            worker.send_task_heartbeat(taskToken=task["taskToken"])
            order = json.loads(task["input"])
            seen.append(order)
            if order["ok"]:
                worker.send_task_success(taskToken=task["taskToken"], output='{"done":true}')
            else:
                worker.send_task_failure(
                    taskToken=task["taskToken"], error="Declined", cause="not ok"
                )
            raises(
                "TaskTimedOut",
                worker.send_task_success,
                taskToken=task["taskToken"],
                output="1",
            )

    thread = threading.Thread(target=work)
    thread.start()
    good = client.start_execution(stateMachineArn=arn, input='{"ok":true}')["executionArn"]
    assert json.loads(end(client, good)["output"]) == {"done": True}
    bad = client.start_execution(stateMachineArn=arn, input='{"ok":false}')["executionArn"]
    ended = end(client, bad)
    assert (ended["status"], ended["error"], ended["cause"]) == ("FAILED", "Declined", "not ok")
    thread.join()
    assert seen == [{"ok": True}, {"ok": False}]
    raises("InvalidToken", client.send_task_success, taskToken="none", output="1")
    client.delete_activity(activityArn=activity)
    raises("ActivityDoesNotExist", client.describe_activity, activityArn=activity)


def test_an_alias_divides_starts_between_two_versions(host):
    client = host.client()
    arn = machine(client, passing("one"), "Done", publish=True)
    definition = json.dumps({"StartAt": "Done", "States": passing("two")})
    updated = client.update_state_machine(
        stateMachineArn=arn, definition=definition, publish=True
    )
    one, two = f"{arn}:1", updated["stateMachineVersionArn"]
    assert two == f"{arn}:2"
    alias = client.create_state_machine_alias(
        name="live", routingConfiguration=[{"stateMachineVersionArn": one, "weight": 100}]
    )["stateMachineAliasArn"]

    def outputs(count):
        started = [
            client.start_execution(stateMachineArn=alias)["executionArn"] for _ in range(count)
        ]
        ended = [end(client, execution) for execution in started]
        assert all(line["stateMachineAliasArn"] == alias for line in ended), ended[0]
        return {json.loads(line["output"]) for line in ended}

    assert outputs(3) == {"one"}
    client.update_state_machine_alias(
        stateMachineAliasArn=alias,
        routingConfiguration=[
            {"stateMachineVersionArn": one, "weight": 50},
            {"stateMachineVersionArn": two, "weight": 50},
        ],
    )
    # All forty the same: once in 2^39 runs.
    assert outputs(40) == {"one", "two"}
    versions = client.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]
    assert [line["stateMachineVersionArn"] for line in versions] == [two, one]
    aliases = client.list_state_machine_aliases(stateMachineArn=arn)["stateMachineAliases"]
    assert [line["stateMachineAliasArn"] for line in aliases] == [alias]
    raises(
        "ConflictException", client.delete_state_machine_version, stateMachineVersionArn=one
    )
    client.delete_state_machine_alias(stateMachineAliasArn=alias)
    client.delete_state_machine_version(stateMachineVersionArn=one)


def test_a_failed_execution_is_redriven(host):
    client = host.client()
    activity = client.create_activity(name=name("activity"))["activityArn"]
    states = {
        "First": {"Type": "Pass", "Next": "Ask"},
        "Ask": {"Type": "Task", "Resource": activity, "End": True},
    }
    execution = client.start_execution(stateMachineArn=machine(client, states, "First"))
    execution = execution["executionArn"]
    task = client.get_activity_task(activityArn=activity)
    client.send_task_failure(taskToken=task["taskToken"], error="NotNow")
    failed = end(client, execution)
    assert (failed["status"], failed["redriveStatus"]) == ("FAILED", "REDRIVABLE"), failed
    redriven = client.redrive_execution(executionArn=execution, clientToken="once")
    assert redriven["redriveDate"] > failed["stopDate"]
    task = client.get_activity_task(activityArn=activity)
    client.send_task_success(taskToken=task["taskToken"], output='"now"')
    ended = end(client, execution)
    assert (ended["status"], ended["output"], ended["redriveCount"]) == ("SUCCEEDED", '"now"', 1)
    events = client.get_execution_history(executionArn=execution)["events"]
    types = [event["type"] for event in events]
    assert "ExecutionRedriven" in types and types.count("PassStateEntered") == 1, types


def test_a_running_execution_is_stopped(host):
    client = host.client()
    states = {"Wait": {"Type": "Wait", "Seconds": 3600, "End": True}}
    arn = machine(client, states, "Wait")
    execution = client.start_execution(stateMachineArn=arn)["executionArn"]
    used = client.describe_state_machine_for_execution(executionArn=execution)
    assert used["stateMachineArn"] == arn
    client.stop_execution(executionArn=execution, error="Enough", cause="seen it")
    ended = end(client, execution)
    assert (ended["status"], ended["error"], ended["cause"]) == ("ABORTED", "Enough", "seen it")


def test_a_state_is_tested_alone(host):
    client = host.client()
    definition = json.dumps(
        {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "check", "Payload.$": "$"},
            "OutputPath": "$.Payload",
            "Next": "After",
        }
    )
    answer = client.test_state(
        definition=definition,
        input='{"n":1}',
        inspectionLevel="DEBUG",
        mock={"result": '{"Payload":{"fine":true},"StatusCode":200}'},
    )
    assert (answer["status"], answer["nextState"]) == ("SUCCEEDED", "After"), answer
    assert json.loads(answer["output"]) == {"fine": True}
    assert json.loads(answer["inspectionData"]["input"]) == {"n": 1}


def test_machines_have_tags(host):
    client = host.client()
    arn = machine(client, passing(1), "Done", tags=[{"key": "team", "value": "a"}])
    client.tag_resource(resourceArn=arn, tags=[{"key": "cost", "value": "7"}])
    tags = client.list_tags_for_resource(resourceArn=arn)["tags"]
    assert {tag["key"]: tag["value"] for tag in tags} == {"team": "a", "cost": "7"}
    client.untag_resource(resourceArn=arn, tagKeys=["team"])
    tags = client.list_tags_for_resource(resourceArn=arn)["tags"]
    assert tags == [{"key": "cost", "value": "7"}]


def test_activities_have_tags(host):
    client = host.client()
    tagged = name("activity")
    made = client.create_activity(name=tagged, tags=[{"key": "team", "value": "a"}])
    arn = made["activityArn"]
    # The activity that is there keeps its tags.
    again = client.create_activity(name=tagged, tags=[{"key": "team", "value": "b"}])
    assert again["creationDate"] == made["creationDate"]
    tags = client.list_tags_for_resource(resourceArn=arn)["tags"]
    assert tags == [{"key": "team", "value": "a"}], tags
    client.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == []
    raises(
        "InvalidEncryptionConfiguration",
        client.create_activity,
        name=name("activity"),
        encryptionConfiguration={"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "alias/a"},
    )
    client.delete_activity(activityArn=arn)
    raises("ResourceNotFound", client.list_tags_for_resource, resourceArn=arn)


def test_refusals_are_the_exceptions_of_the_sdk(host):
    client = host.client()
    unknown = "arn:aws:states:us-east-1:000000000000:stateMachine:no-such-machine"
    try:
        client.describe_state_machine(stateMachineArn=unknown)
        raise AssertionError("it is there")
    except client.exceptions.StateMachineDoesNotExist as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    raises("InvalidName", client.create_activity, name="no spaces")
    definition = '{"StartAt":"A","States":{}}'
    raises(
        "InvalidDefinition",
        client.create_state_machine,
        name=name("machine"),
        definition=definition,
        roleArn=ROLE,
    )
    told = client.validate_state_machine_definition(definition=definition)
    assert told["result"] == "FAIL" and told["diagnostics"], told


def test_keys_are_made_and_taken_away(host):
    made = host.stepwell("keys", "create", "python")
    key = (made["accessKeyId"], made["secretAccessKey"])
    host.client(key=key).list_state_machines()
    wrong = host.client(key=(key[0], "guessed"))
    raises("InvalidSignatureException", wrong.list_state_machines)
    host.stepwell("keys", "delete", "python")
    raises("UnrecognizedClientException", host.client(key=key).list_state_machines)


class _Throttled(http.server.BaseHTTPRequestHandler):
    """Stands before the host, and answers the first requests with a throttling error."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):  # noqa: N802 - the name that the base class asks for
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.server.throttled > 0:
            self.server.throttled -= 1
            self._answer(400, b'{"__type":"ThrottlingException","message":"Rate exceeded"}')
            return
        there = http.client.HTTPConnection(self.server.host_address, timeout=60)
        # The name that was signed stays, so that the host sees what the client meant.
        there.request("POST", "/", body, dict(self.headers))
        answer = there.getresponse()
        self._answer(answer.status, answer.read())

    def _answer(self, status, body):
        self.send_response(status)
        self.send_header("content-type", "application/x-amz-json-1.0")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_the_sdk_tries_again_where_it_is_throttled(host):
    proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Throttled)
    proxy.host_address = urllib.parse.urlparse(host.url).netloc
    thread = threading.Thread(target=proxy.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{proxy.server_address[1]}"
        proxy.throttled = 2
        patient = host.client(url, retries={"mode": "standard", "total_max_attempts": 4})
        answer = patient.list_state_machines()
        assert answer["ResponseMetadata"]["RetryAttempts"] == 2, answer
        proxy.throttled = 2
        hasty = host.client(url, retries={"mode": "standard", "total_max_attempts": 2})
        raises("ThrottlingException", hasty.list_state_machines)
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()


def test_a_map_run_is_described_and_listed(host):
    client = host.client()
    states = {
        "Each": {
            "Type": "Map",
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "Done",
                "States": passing("seen"),
            },
            "MaxConcurrency": 2,
            "End": True,
        }
    }
    arn = machine(client, states, "Each")
    execution = client.start_execution(stateMachineArn=arn, input="[1,2,3]")["executionArn"]
    assert end(client, execution)["output"] == '["seen","seen","seen"]'
    pages = client.get_paginator("list_map_runs").paginate(executionArn=execution)
    [run] = [line for page in pages for line in page["mapRuns"]]
    described = client.describe_map_run(mapRunArn=run["mapRunArn"])
    assert described["status"] == "SUCCEEDED", described
    assert described["itemCounts"]["succeeded"] == 3, described
    children = client.list_executions(mapRunArn=run["mapRunArn"])["executions"]
    assert len(children) == 3, children
    eventually("an end of the run", lambda: described.get("stopDate"))
