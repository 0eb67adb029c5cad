//! A task that opens a network connection through the standard library, past
//! every allow-list: for `wasm32-wasip2` it imports `wasi:sockets`.

use std::io::Read;
use std::net::TcpStream;

use stepwell_sdk::prelude::*;

/// Reads from an address of the host's own network.
#[stepwell_sdk::task]
fn forbidden_sockets(_input: RawJson) -> Result<String, TaskFailure> {
    // The address under which clouds tell a machine its credentials.
    let mut stream = TcpStream::connect(("169.254.169.254", 80)).fail_as("NotConnected")?;
    let mut text = String::new();
    stream.read_to_string(&mut text).fail_as("NotRead")?;
    Ok(text)
}
