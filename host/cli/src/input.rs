//! JSON that a command is given: as text, from a file, or from standard input.

use std::io::Read as _;
use std::path::Path;

use stepwell_server::wire::JsonText;

use crate::exit::CliError;

/// Reads the JSON that an argument stands for: `-` is standard input, `@file` a file, all
/// else the text itself. It goes to the host byte for byte.
///
/// # Errors
/// If the file cannot be read, or the text is no JSON; the message names the argument.
pub(crate) fn read_json(argument: &str, option: &str) -> Result<JsonText, CliError> {
    let (text, from) = match argument {
        "-" => (read_stdin(option)?, "standard input".to_owned()),
        _ => match argument.strip_prefix('@') {
            Some(path) => (read_text(Path::new(path))?, path.to_owned()),
            None => (argument.to_owned(), option.to_owned()),
        },
    };
    JsonText::parse(text).map_err(|error| {
        let wrong = CliError::usage(format!("{from} is no JSON: {error}"));
        if from == option {
            wrong.hint(format!(
                "a text is quoted, such as {option} '\"hello\"'; a file is {option} @order.json"
            ))
        } else {
            wrong
        }
    })
}

/// Reads a text file, or standard input for `-`.
///
/// # Errors
/// If it cannot be read, or is not UTF-8.
pub(crate) fn read_text(path: &Path) -> Result<String, CliError> {
    if path == Path::new("-") {
        return read_stdin("FILE");
    }
    std::fs::read_to_string(path)
        .map_err(|error| CliError::usage(format!("cannot read {}: {error}", path.display())))
}

/// Reads a file.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, CliError> {
    std::fs::read(path)
        .map_err(|error| CliError::usage(format!("cannot read {}: {error}", path.display())))
}

fn read_stdin(option: &str) -> Result<String, CliError> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| {
            CliError::usage(format!("cannot read standard input for {option}: {error}"))
        })?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_the_text_or_the_name_of_a_file() {
        let exact = read_json("{\"n\": 12345678901234567890.10}", "--input").unwrap();
        assert_eq!(exact.as_str(), "{\"n\": 12345678901234567890.10}");

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("order.json");
        std::fs::write(&file, "[1, 2]").unwrap();
        let from_file = read_json(&format!("@{}", file.display()), "--input").unwrap();
        assert_eq!(from_file.as_str(), "[1, 2]");
    }

    #[test]
    fn what_is_no_json_is_refused_with_the_place() {
        let error = read_json("{\"a\": }", "--input").unwrap_err();
        assert!(
            error.message().starts_with("--input is no JSON: "),
            "{}",
            error.message()
        );
        assert!(
            error.message().contains("line 1 column 7"),
            "{}",
            error.message()
        );
        assert!(read_json("@/no/such/file", "--data").is_err());
    }
}
