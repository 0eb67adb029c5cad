//! The configuration of identity providers, from its file to the server.

use std::fs;
use std::path::Path;

use stepwell_engine::EngineHandle;
use stepwell_server::OidcSettings;

use crate::exit::CliError;

/// Bytes of the file: thousands of groups have room.
const FILE_MAX_BYTES: u64 = 1 << 20;

/// Reads the file.
///
/// # Errors
/// It cannot be read, or a field of it is not as it must be.
pub(super) fn read(file: &Path) -> Result<OidcSettings, CliError> {
    let told = |reason: String| CliError::usage(format!("{}: {reason}", file.display()));
    let size = fs::metadata(file).map_err(|error| told(error.to_string()))?;
    if size.len() > FILE_MAX_BYTES {
        return Err(told(format!("has more than {FILE_MAX_BYTES} bytes")));
    }
    let text = fs::read_to_string(file).map_err(|error| told(error.to_string()))?;
    OidcSettings::read(&text).map_err(|error| {
        told(error.to_string()).hint("docs/access.md has a configuration to begin with")
    })
}

/// Says which tenants and roles groups are mapped to that are not there. They may be made
/// while the host runs.
///
/// # Errors
/// The database cannot be read.
pub(super) async fn warn_of_missing(
    engine: &EngineHandle,
    settings: &OidcSettings,
) -> Result<(), CliError> {
    for (tenant, role) in settings.tenants_and_roles() {
        if !engine.role_exists(tenant, role).await? {
            tracing::warn!(
                tenant,
                role,
                "groups are mapped to a tenant and role that are not there: they let nobody do \
                 anything until they are made"
            );
        }
    }
    Ok(())
}

/// A file of identity providers whose owner is not the only one who can write it.
pub(super) fn warn_of_writers(file: &Path) {
    use std::os::unix::fs::PermissionsExt as _;

    let Ok(found) = fs::metadata(file) else {
        return;
    };
    if found.permissions().mode() & 0o022 != 0 {
        tracing::warn!(
            file = %file.display(),
            "others than its owner can write the file that says who is let in"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_file_is_refused_by_its_name_and_field() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("oidc.yaml");
        let refused = |text: Option<&str>| {
            if let Some(text) = text {
                fs::write(&file, text).unwrap();
            }
            let error = read(&file).unwrap_err();
            assert_eq!(error.exit(), Exit::Usage);
            error.message().to_owned()
        };
        assert!(refused(None).contains("oidc.yaml"));
        let told = refused(Some("issuers: [{ issuer: 1 }]"));
        assert!(told.contains("issuers[0].issuer"), "{told}");
        let told = refused(Some(&" ".repeat(2 << 20)));
        assert!(told.contains("bytes"), "{told}");
    }
}
