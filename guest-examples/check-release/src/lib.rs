//! Looks whether a version of a service runs in an environment, and runs well.
//!
//! What the state has to grant: the configuration value `delivery/url`, and `Http` to where
//! it leads, with `GET`.

use stepwell_sdk::http::{self, HttpError};
use stepwell_sdk::prelude::*;

/// Requests of a hundred that may fail where nothing else is said.
const FAILED_PERCENT_MAX: f64 = 1.0;

/// What should run where.
#[derive(Deserialize, JsonSchema)]
struct Expected {
    /// `staging`, `production`.
    environment: String,
    version: String,
    /// Requests of a hundred that may fail.
    failed_percent_max: Option<f64>,
}

/// What the platform says of an environment.
#[derive(Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
struct Health {
    /// The version that all instances have.
    version: Option<String>,
    /// Requests of a hundred that failed since then.
    failed_percent: f64,
}

#[derive(Debug, thiserror::Error, TaskError)]
enum CheckError {
    #[error("the configuration value delivery/url is not set, or not granted")]
    NotConfigured,
    #[error("the request was denied; the audit log says by what")]
    NotGranted,
    /// Trying again helps.
    #[error("the platform cannot be reached")]
    Unreachable(#[source] HttpError),
    /// Trying again helps, for a while.
    #[error("{environment} has not {version} yet, but {found}")]
    NotThereYet {
        environment: String,
        version: String,
        found: String,
    },
    #[error("{failed_percent} of a hundred requests fail in {environment} with {version}")]
    Unhealthy {
        environment: String,
        version: String,
        failed_percent: f64,
    },
    #[error("the platform's answer cannot be read: {reason}")]
    BadAnswer { reason: String },
}

impl From<HttpError> for CheckError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::HttpDenied => Self::NotGranted,
            other => Self::Unreachable(other),
        }
    }
}

/// Fails unless the version runs and runs well.
#[stepwell_sdk::task]
fn check_release(ctx: &Context, expected: Expected) -> Result<Health, CheckError> {
    let url = ctx
        .config("delivery/url")
        .ok_or(CheckError::NotConfigured)?;
    let environment = expected.environment;
    let answer = http::get(format!("{url}/v1/environments/{environment}/health")).send(ctx)?;
    let status = answer.status();
    let read: Result<Health, _> = answer.json();
    let health = match read {
        Ok(health) if answer.is_success() => health,
        Ok(_) => {
            let reason = format!("its status is {status}");
            return Err(CheckError::BadAnswer { reason });
        }
        Err(error) => {
            let reason = error.to_string();
            return Err(CheckError::BadAnswer { reason });
        }
    };
    if health.version.as_deref() != Some(&*expected.version) {
        return Err(CheckError::NotThereYet {
            environment,
            version: expected.version,
            found: health.version.unwrap_or_else(|| "nothing".to_owned()),
        });
    }
    let failed_percent = health.failed_percent;
    if failed_percent > expected.failed_percent_max.unwrap_or(FAILED_PERCENT_MAX) {
        return Err(CheckError::Unhealthy {
            environment,
            version: expected.version,
            failed_percent,
        });
    }
    Ok(health)
}

#[cfg(test)]
mod tests {
    use stepwell_sdk::http::Response;

    use super::*;

    fn check(answer: Result<Response, HttpError>, max: Option<f64>) -> Result<Health, CheckError> {
        let fake = Context::fake()
            .config("delivery/url", "https://platform.example")
            .http(move |request| {
                let url = "https://platform.example/v1/environments/production/health";
                assert_eq!((request.method(), request.url()), ("GET", url));
                answer.clone()
            })
            .build();
        let expected = Expected {
            environment: "production".to_owned(),
            version: "1.5".to_owned(),
            failed_percent_max: max,
        };
        check_release(&fake, expected)
    }

    fn health(version: &str, failed_percent: f64) -> Result<Response, HttpError> {
        let body = format!(r#"{{"version":"{version}","failed_percent":{failed_percent}}}"#);
        Ok(Response::new(200).with_body(body))
    }

    #[test]
    fn a_version_that_runs_well_is_told() {
        let found = check(health("1.5", 0.2), None).unwrap();
        assert_eq!(found.version.as_deref(), Some("1.5"));
        assert!(check(health("1.5", 4.0), Some(5.0)).is_ok());
    }

    #[test]
    fn what_is_not_right_has_names() {
        for (answer, name) in [
            (health("1.4", 0.2), "NotThereYet"),
            (health("1.5", 2.0), "Unhealthy"),
            (Err(HttpError::HttpDenied), "NotGranted"),
            (Err(HttpError::HttpTimedOut), "Unreachable"),
            (Ok(Response::new(200).with_body("?")), "BadAnswer"),
            (
                Ok(Response::new(503).with_body(r#"{"version":"1.5","failed_percent":0}"#)),
                "BadAnswer",
            ),
        ] {
            let error = check(answer, None).err();
            assert_eq!(error.as_ref().map(TaskError::name), Some(name));
        }
    }
}
