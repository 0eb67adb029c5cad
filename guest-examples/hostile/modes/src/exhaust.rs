//! The modes that take more than they should get.

use std::hint::black_box;

use stepwell_sdk::prelude::*;

/// Runs for ever without calling the host.
pub(crate) fn spin() -> ! {
    let mut rounds = 0_u64;
    loop {
        // An empty loop may be compiled to a trap; this one has to run.
        rounds = black_box(rounds.wrapping_add(1));
    }
}

/// Runs for ever and asks the host for the time meanwhile.
pub(crate) fn spin_and_call(ctx: &Context) -> ! {
    loop {
        black_box(ctx.now_ms());
    }
}

/// Allocates memory for ever, and writes to each page of it, so that it has to
/// be there.
pub(crate) fn allocate() -> ! {
    const CHUNK_BYTES: usize = 1 << 20;
    const PAGE_BYTES: usize = 1 << 12;
    let mut kept: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut chunk: Vec<u8> = Vec::with_capacity(CHUNK_BYTES);
        for page in chunk.spare_capacity_mut().chunks_mut(PAGE_BYTES) {
            page[0].write(0xA5);
        }
        kept.push(black_box(chunk));
    }
}

/// Calls itself for ever, with something on the stack in each call.
#[expect(unconditional_recursion, reason = "the fixture's purpose")]
pub(crate) fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    // The addition comes after the call, which is therefore no tail call.
    recurse(black_box(depth.wrapping_add(1))).wrapping_add(frame[0])
}

/// Returns a JSON text of that many bytes, its quotes among them.
pub(crate) fn huge_output(bytes: usize) -> RawJson {
    RawJson::from_text(format!("\"{}\"", "x".repeat(bytes.saturating_sub(2))))
}

/// Writes lines to the log and returns how many.
pub(crate) fn flood_log(ctx: &Context, lines: u64, bytes: usize) -> Result<RawJson, TaskFailure> {
    let line = "flood ".repeat(bytes / 6 + 1);
    for _ in 0..lines {
        ctx.log(Level::Info, line.get(..bytes).unwrap_or(&line), &[]);
    }
    RawJson::from_value(&lines)
}

/// Hands the host a long text in one call and returns its length.
pub(crate) fn huge_host_call(ctx: &Context, bytes: usize) -> Result<RawJson, TaskFailure> {
    ctx.log(Level::Info, &"x".repeat(bytes), &[]);
    RawJson::from_value(&bytes)
}

/// Calls the host and returns how often.
pub(crate) fn call_host(ctx: &Context, times: u64) -> Result<RawJson, TaskFailure> {
    for _ in 0..times {
        black_box(ctx.random_u64());
    }
    RawJson::from_value(&times)
}
