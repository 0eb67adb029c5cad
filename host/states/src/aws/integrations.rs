//! The integrations that Step Functions has besides those of the AWS SDK.
//!
//! Stepwell runs any integration that a component is bound to; Step Functions refuses a
//! definition that names one which it does not have.

/// Services and their operations, as public documentation lists them.
const INTEGRATIONS: [(&str, &[&str]); 21] = [
    ("apigateway", &["invoke"]),
    (
        "athena",
        &[
            "getQueryExecution",
            "getQueryResults",
            "startQueryExecution",
            "stopQueryExecution",
        ],
    ),
    ("batch", &["submitJob"]),
    ("bedrock", &["createModelCustomizationJob", "invokeModel"]),
    (
        "codebuild",
        &[
            "batchDeleteBuilds",
            "batchGetReports",
            "deleteBuildBatch",
            "retryBuildBatch",
            "startBuild",
            "startBuildBatch",
            "stopBuild",
            "stopBuildBatch",
        ],
    ),
    ("databrew", &["startJobRun"]),
    (
        "dynamodb",
        &["deleteItem", "getItem", "putItem", "updateItem"],
    ),
    ("ecs", &["runTask"]),
    (
        "eks",
        &[
            "call",
            "createCluster",
            "createFargateProfile",
            "createNodegroup",
            "deleteCluster",
            "deleteFargateProfile",
            "deleteNodegroup",
            "runJob",
        ],
    ),
    (
        "elasticmapreduce",
        &[
            "addStep",
            "cancelStep",
            "createCluster",
            "modifyInstanceFleetByName",
            "modifyInstanceGroupByName",
            "setClusterTerminationProtection",
            "terminateCluster",
        ],
    ),
    (
        "emr-containers",
        &[
            "createVirtualCluster",
            "deleteVirtualCluster",
            "startJobRun",
        ],
    ),
    (
        "emr-serverless",
        &[
            "cancelJobRun",
            "createApplication",
            "deleteApplication",
            "startApplication",
            "startJobRun",
            "stopApplication",
        ],
    ),
    ("events", &["putEvents"]),
    ("glue", &["startJobRun"]),
    ("http", &["invoke"]),
    ("lambda", &["invoke"]),
    ("mediaconvert", &["createJob"]),
    (
        "sagemaker",
        &[
            "createEndpoint",
            "createEndpointConfig",
            "createHyperParameterTuningJob",
            "createLabelingJob",
            "createModel",
            "createProcessingJob",
            "createTrainingJob",
            "createTransformJob",
            "updateEndpoint",
        ],
    ),
    ("sns", &["publish"]),
    ("sqs", &["sendMessage"]),
    ("states", &["startExecution"]),
];

/// Says whether Step Functions has an integration. Operations of the SDK are taken as
/// they come: there are too many of them.
pub(crate) fn is_known(service: &str, action: &str) -> bool {
    service.starts_with("aws-sdk:")
        || INTEGRATIONS
            .iter()
            .any(|(name, actions)| *name == service && actions.contains(&action))
}
