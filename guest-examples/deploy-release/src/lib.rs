//! Puts a version of a service into an environment, through the HTTP API of a platform.
//!
//! What the state has to grant: the configuration value `delivery/url`, the secret
//! `delivery/token`, and `Http` to where the URL leads, with `PUT` and that secret.

use stepwell_sdk::http::{self, HttpError};
use stepwell_sdk::prelude::*;

/// What is to be put where.
#[derive(Deserialize, Serialize, JsonSchema)]
struct Release {
    /// `staging`, `production`.
    environment: String,
    version: String,
}

/// What the platform says of it.
#[derive(Deserialize, JsonSchema)]
struct Answer {
    /// The version that was there before, if there was one.
    previous: Option<String>,
}

/// What is there now.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Deployed {
    environment: String,
    version: String,
    /// Whereto one goes back.
    previous: Option<String>,
}

#[derive(Debug, thiserror::Error, TaskError)]
enum DeployError {
    #[error("the configuration value delivery/url is not set, or not granted")]
    NotConfigured,
    #[error(transparent)]
    NoToken(#[from] SecretDenied),
    #[error("the request was denied; the audit log says by what")]
    NotGranted,
    /// Trying again helps.
    #[error("the platform cannot be reached")]
    Unreachable(#[source] HttpError),
    /// Trying again helps.
    #[error("the platform is busy: it answered {status}")]
    PlatformBusy { status: u16 },
    #[error("the platform refused the version: it answered {status}")]
    Refused { status: u16 },
    #[error("the platform's answer cannot be read: {reason}")]
    BadAnswer { reason: String },
}

impl From<HttpError> for DeployError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::HttpDenied => Self::NotGranted,
            other => Self::Unreachable(other),
        }
    }
}

/// Puts a version into an environment; again and again is the same as once.
#[stepwell_sdk::task]
fn deploy_release(ctx: &Context, release: Release) -> Result<Deployed, DeployError> {
    let url = ctx
        .config("delivery/url")
        .ok_or(DeployError::NotConfigured)?;
    let token = ctx.secret("delivery/token")?;
    let Release {
        environment,
        version,
    } = &release;
    let answer = http::put(format!("{url}/v1/environments/{environment}/release"))
        .header("authorization", format!("Bearer {}", token.expose()))
        // By which the platform knows a second attempt, and tells the same previous version.
        .header("idempotency-key", ctx.idempotency_key())
        .json(&release)?
        .send(ctx)?;
    let status = answer.status();
    if status == 429 || status >= 500 {
        return Err(DeployError::PlatformBusy { status });
    }
    if !answer.is_success() {
        return Err(DeployError::Refused { status });
    }
    let read: Result<Answer, _> = answer.json();
    let Answer { previous } = read.map_err(|error| DeployError::BadAnswer {
        reason: error.to_string(),
    })?;
    info!(environment = environment, version = version, "deployed");
    Ok(Deployed {
        environment: release.environment,
        version: release.version,
        previous,
    })
}

#[cfg(test)]
mod tests {
    use stepwell_sdk::http::Response;

    use super::*;

    fn release() -> Release {
        Release {
            environment: "staging".to_owned(),
            version: "1.5".to_owned(),
        }
    }

    #[test]
    fn a_version_is_put_in_its_place_once() {
        let fake = Context::fake()
            .config("delivery/url", "https://platform.example")
            .secret("delivery/token", "placeholder")
            .idempotency_key("e1/2")
            .http(|request| {
                assert_eq!(request.method(), "PUT");
                let url = "https://platform.example/v1/environments/staging/release";
                assert_eq!(request.url(), url);
                assert_eq!(request.header_value("idempotency-key"), Some("e1/2"));
                let token = request.header_value("authorization");
                assert_eq!(token, Some("Bearer placeholder"));
                Ok(Response::new(200).with_body(r#"{"previous":"1.4"}"#))
            })
            .build();
        let deployed = deploy_release(&fake, release()).unwrap();
        assert_eq!(deployed.previous.as_deref(), Some("1.4"));
    }

    #[test]
    fn what_goes_wrong_has_names() {
        let fake = Context::fake()
            .config("delivery/url", "https://platform.example")
            .secret("delivery/token", "t");
        for (answer, name) in [
            (Err(HttpError::HttpDenied), "NotGranted"),
            (Err(HttpError::HttpTimedOut), "Unreachable"),
            (Ok(Response::new(503)), "PlatformBusy"),
            (Ok(Response::new(429)), "PlatformBusy"),
            (Ok(Response::new(404)), "Refused"),
            (Ok(Response::new(200).with_body("?")), "BadAnswer"),
        ] {
            let fake = fake.clone().http(move |_| answer.clone()).build();
            let error = deploy_release(&fake, release()).err();
            assert_eq!(error.as_ref().map(TaskError::name), Some(name));
        }
    }
}
