//! Data sets: put and read, and what distributed Maps read from them and write to them.

use serde_json::{Value, json};
use stepwell_engine::{EngineError, Status};

use crate::harness::{Bench, failed};

impl Bench {
    async fn put(&self, name: &str, text: &str) {
        let mut upload = self.handle.put_data_set(&self.caller, name).await.unwrap();
        for piece in text.as_bytes().chunks(1_000) {
            upload.push(piece).await.unwrap();
        }
        assert_eq!(upload.finish().await.unwrap(), text.len() as u64);
    }

    async fn get(&self, name: &str) -> Result<String, EngineError> {
        let found = self.handle.describe_data_set(&self.caller, name).await?;
        let mut bytes = Vec::new();
        loop {
            let offset = bytes.len() as u64;
            let chunk = self.handle.read_data_set(&found, offset).await?;
            if chunk.is_empty() {
                return Ok(String::from_utf8(bytes).unwrap());
            }
            bytes.extend(chunk);
        }
    }

    /// Runs a Map over a data set with these fields of the state; returns the output.
    async fn map(&self, machine: &str, fields: Value, processor: &str) -> Value {
        let mut state = json!({ "Type": "Map", "End": true, "ItemProcessor": {
            "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
            "StartAt": "Each", "States": serde_json::from_str::<Value>(processor).unwrap(),
        } });
        for (name, value) in fields.as_object().unwrap() {
            state[name] = value.clone();
        }
        let definition = json!({ "StartAt": "All", "States": { "All": state } });
        self.deploy(machine, &definition.to_string()).await;
        let arn = self.start(machine, "one", "{}").await;
        let end = self.end(&arn).await;
        match (end.output, end.failure) {
            (Some(output), _) => serde_json::from_str(output.as_str()).unwrap(),
            (None, failure) => json!({
                "Error": failure.as_ref().and_then(|it| it.error.as_deref()),
                "Cause": failure.as_ref().and_then(|it| it.cause.as_deref()),
            }),
        }
    }
}

const PASS: &str = r#"{"Each":{"Type":"Pass","End":true}}"#;
const WORK: &str = r#"{"Each":{"Type":"Task","Resource":"task:work","End":true}}"#;

fn reader(config: &Value) -> Value {
    json!({ "ItemReader": {
        "Resource": "arn:aws:states:::s3:getObject",
        "Parameters": { "Bucket": "shop", "Key": "orders" },
        "ReaderConfig": config,
    } })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_set_is_replaced_as_a_whole_and_deleted() {
    let bench = Bench::in_memory().await;
    let long = "0123456789".repeat(50_000);
    bench.put("a/b", &long).await;
    assert_eq!(bench.get("s3://a/b").await.unwrap(), long);
    bench.put("a/b", "short").await;
    assert_eq!(bench.get("a/b").await.unwrap(), "short");
    bench.put("a/c", "").await;
    let listed = bench
        .handle
        .list_data_sets(&bench.caller, "a/", None, 10)
        .await
        .unwrap();
    let names: Vec<_> = listed.items.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["a/b", "a/c"]);
    bench
        .handle
        .delete_data_set(&bench.caller, "a/b")
        .await
        .unwrap();
    assert!(matches!(
        bench.get("a/b").await,
        Err(EngineError::NotFound { .. })
    ));
    // A broken upload is not seen.
    let mut broken = bench
        .handle
        .put_data_set(&bench.caller, "a/d")
        .await
        .unwrap();
    broken.push(b"half").await.unwrap();
    drop(broken);
    assert!(bench.get("a/d").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn items_are_read_from_json_lines_and_tables() {
    let bench = Bench::in_memory().await;
    for (machine, text, config, expected) in [
        (
            "list",
            " [1, \"a,]b\", {\"x\":[2]} ] ",
            json!({ "InputType": "JSON" }),
            json!([1, "a,]b", {"x":[2]}]),
        ),
        (
            "pointer",
            r#"{"skip":{"no":[0]},"a/b":[{"in":[7]},{"in":[8,9]}]}"#,
            json!({ "InputType": "JSON", "ItemsPointer": "/a~1b/1/in" }),
            json!([8, 9]),
        ),
        (
            "keyed",
            r#"{"x":1,"y":"\"}"}"#,
            json!({ "InputType": "JSON" }),
            json!([1, "\"}"]),
        ),
        (
            "limited",
            "[1,2,3]",
            json!({ "InputType": "JSON", "MaxItems": 2 }),
            json!([1, 2]),
        ),
        (
            "lines",
            "{\"a\":1}\n\n{\"a\":2}\r\n{\"a\":3}",
            json!({ "InputType": "JSONL" }),
            json!([{"a":1},{"a":2},{"a":3}]),
        ),
        (
            "table",
            "\u{feff}id,text\r\n1,\"a, \"\"b\"\"\nc\"\r\n2\r\n3,d,e\r\n",
            json!({ "InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW" }),
            json!([{"id":"1","text":"a, \"b\"\nc"},{"id":"2","text":""},{"id":"3","text":"d"}]),
        ),
        (
            "given",
            "1|x\n2|y",
            json!({ "InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["n", "s"],
                    "CSVDelimiter": "PIPE" }),
            json!([{"n":"1","s":"x"},{"n":"2","s":"y"}]),
        ),
        ("empty", "[]", json!({ "InputType": "JSON" }), json!([])),
    ] {
        bench.put("shop/orders", text).await;
        let output = bench.map(machine, reader(&config), PASS).await;
        assert_eq!(output, expected, "{machine}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_fails_the_run_with_its_name() {
    let bench = Bench::in_memory().await;
    let json = json!({ "InputType": "JSON" });
    let missing = bench.map("missing", reader(&json), PASS).await;
    assert_eq!(missing["Error"], "States.ItemReaderFailed");
    bench.put("shop/orders", "17").await;
    let number = bench.map("number", reader(&json), PASS).await;
    assert_eq!(number["Cause"], "Attempting to map over non-iterable node.");
    for (machine, text) in [
        ("open", "[1,2"),
        ("words", "[one]"),
        ("twice", "[{\"a\":1,\"a\":2}]"),
    ] {
        bench.put("shop/orders", text).await;
        let end = bench.map(machine, reader(&json), PASS).await;
        assert_eq!(end["Error"], "States.ItemReaderFailed", "{machine}: {end}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_data_sets_gives_what_is_known_of_each() {
    let bench = Bench::in_memory().await;
    for name in ["shop/in/1", "shop/in/2", "shop/other", "shopping/in/3"] {
        bench.put(name, "12345").await;
    }
    let fields = json!({ "ItemReader": {
        "Resource": "arn:aws:states:::s3:listObjectsV2",
        "Parameters": { "Bucket": "shop", "Prefix": "in/" },
    }, "ItemSelector": {
        "k.$": "$$.Map.Item.Value.Key", "s.$": "$$.Map.Item.Value.Size",
        "from.$": "$$.Map.Item.Source"
    } });
    let output = bench.map("list", fields, PASS).await;
    assert_eq!(
        output,
        json!([{"k":"in/1","s":5,"from":"S3://shop"},{"k":"in/2","s":5,"from":"S3://shop"}])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_written_as_step_functions_writes_them() {
    let bench = Bench::in_memory().await;
    bench.tasks.on("Each", |order| match order.input.as_str() {
        "2" => failed("Odd"),
        _ => stepwell_engine::TaskResult::Completed(order.input.clone()),
    });
    bench.put("shop/orders", "[1,2,3]").await;
    let mut fields = reader(&json!({ "InputType": "JSON" }));
    fields["ToleratedFailureCount"] = json!(1);
    fields["ResultWriter"] = json!({
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": { "Bucket": "shop", "Prefix": "out/" },
    });
    let output = bench.map("written", fields, WORK).await;
    let run_arn = output["MapRunArn"].as_str().unwrap();
    let key = output["ResultWriterDetails"]["Key"].as_str().unwrap();
    let id = run_arn.rsplit(':').next().unwrap();
    assert_eq!(key, format!("out/{id}/manifest.json"));
    let manifest: Value =
        serde_json::from_str(&bench.get(&format!("shop/{key}")).await.unwrap()).unwrap();
    assert_eq!(manifest["DestinationBucket"], "shop");
    let mut read = Vec::new();
    for kind in ["SUCCEEDED", "FAILED"] {
        let file = &manifest["ResultFiles"][kind][0];
        let name = format!("shop/{}", file["Key"].as_str().unwrap());
        let text = bench.get(&name).await.unwrap();
        assert_eq!(file["Size"], text.len());
        read.push(serde_json::from_str::<Vec<Value>>(&text).unwrap());
    }
    let mut succeeded: Vec<_> = read[0].iter().map(|it| it["Output"].clone()).collect();
    succeeded.sort_by_key(Value::to_string);
    assert_eq!(succeeded, [json!("1"), json!("3")]);
    assert_eq!(
        (&read[1][0]["Error"], &read[1][0]["Input"]),
        (&json!("Odd"), &json!("2"))
    );
    assert_eq!(manifest["ResultFiles"]["PENDING"], json!([]));

    let described = bench
        .handle
        .describe_map_run(&bench.caller, run_arn)
        .await
        .unwrap();
    assert_eq!(described.status, Status::Succeeded);
    let counts = described.executions;
    assert_eq!((counts.total, counts.succeeded, counts.failed), (3, 2, 1));
    assert_eq!(counts.results_written, 3);
    assert_eq!(described.items.failed, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn transformed_results_need_no_place_to_be_written_to() {
    let bench = Bench::in_memory().await;
    bench.put("shop/orders", "[[1,2],[],[3]]").await;
    let mut fields = reader(&json!({ "InputType": "JSON" }));
    fields["ResultWriter"] = json!({ "WriterConfig": {
        "Transformation": "FLATTEN", "OutputType": "JSON"
    } });
    assert_eq!(bench.map("flat", fields, PASS).await, json!([1, 2, 3]));
}

#[tokio::test(flavor = "multi_thread")]
async fn items_go_in_batches_with_what_they_share() {
    let bench = Bench::in_memory().await;
    bench.put("shop/orders", "[1,2,3,4,5]").await;
    let mut fields = reader(&json!({ "InputType": "JSON" }));
    fields["ItemBatcher"] = json!({ "MaxItemsPerBatch": 2, "BatchInput": { "by": "two" } });
    let output = bench.map("batches", fields, PASS).await;
    assert_eq!(
        output,
        json!([
            {"BatchInput":{"by":"two"},"Items":[1,2]},
            {"BatchInput":{"by":"two"},"Items":[3,4]},
            {"BatchInput":{"by":"two"},"Items":[5]}
        ])
    );
    let runs = bench
        .handle
        .list_map_runs(&bench.caller, "batches/one", None, 10)
        .await
        .unwrap();
    let run = &runs.items[0];
    assert_eq!((run.items.total, run.executions.total), (5, 3));
    let children = stepwell_engine::ListExecutions {
        limit: 10,
        ..Default::default()
    };
    let children = bench
        .handle
        .list_map_run_executions(&bench.caller, &run.arn, children)
        .await
        .unwrap();
    assert_eq!(children.items.len(), 3);
    let child = bench
        .handle
        .describe_execution(&bench.caller, &children.items[0].arn)
        .await
        .unwrap();
    assert_eq!(child.summary.status, Status::Succeeded);
}

/// What begins as soon as there is a host is no upload that broke off.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_may_begin_with_the_host() {
    for _ in 0..20 {
        let bench = Bench::in_memory().await;
        bench.put("shop/orders", "[1]").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_a_crash_broke_off_is_removed_at_the_next_start() {
    use stepwell_store::{NewDataSet, StorageLimits, TenantId};
    let folder = tempfile::tempdir().unwrap();
    let clock = stepwell_engine::SimulatedClock::new(crate::harness::START);
    let tasks = crate::harness::Scripted::default();
    let bench = Bench::in_folder(folder.path().into(), clock.clone(), tasks.clone()).await;
    let (tenant, none) = (TenantId(bench.caller.tenant.id), StorageLimits::default());
    let new = NewDataSet {
        tenant,
        name: "half".to_owned(),
        created_at: crate::harness::START,
        created_by: None,
    };
    let id = bench.store.begin_data_set(new).unwrap();
    let first = vec![0; 1_000];
    bench
        .store
        .append_data_set(tenant, id, first, none)
        .unwrap();
    bench.close().await;
    let again = Bench::in_folder(folder.path().into(), clock, tasks).await;
    // Once it is gone, it can neither be added to nor finished.
    while again
        .store
        .append_data_set(tenant, id, vec![0], none)
        .is_ok()
    {
        tokio::task::yield_now().await;
    }
    again.close().await;
}
