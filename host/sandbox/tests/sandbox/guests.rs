//! Guests in the text format, small enough to be read beside the test that uses them.
//!
//! Every guest has the shape that a toolchain would give it: a first core module with memory
//! and allocator, a second one with the code. Memory: what `run` returns lies at 16, the data
//! of the test from 1024 to 8191, what the host passes in from 8192 on.

/// The types of `run`, as every guest imports them.
pub(crate) const TYPES: &str = r#"(import "stepwell:task/types@0.1.0" (instance $types
        (type $context' (record
            (field "tenant" string) (field "execution-id" string)
            (field "execution-name" string) (field "state-machine" string)
            (field "state" string) (field "attempt" u32) (field "idempotency-key" string)
            (field "execution-started-ms" u64) (field "deadline-ms" u64)
            (field "task-token" (option string)) (field "traceparent" string)))
        (export "context" (type $context (eq $context')))
        (type $failure' (record (field "error" string) (field "cause" string)))
        (export "failure" (type $failure (eq $failure')))))"#;

/// Functions of the code module that every guest may call.
const HELPERS: &str = r#"(func $ok (param $text i32) (param $len i32) (result i32)
            (i32.store8 (i32.const 16) (i32.const 0))
            (i32.store (i32.const 20) (local.get $text))
            (i32.store (i32.const 24) (local.get $len))
            (i32.const 16))
        (func $failure (param $error i32) (param $error_len i32)
            (param $cause i32) (param $cause_len i32) (result i32)
            (i32.store8 (i32.const 16) (i32.const 1))
            (i32.store (i32.const 20) (local.get $error))
            (i32.store (i32.const 24) (local.get $error_len))
            (i32.store (i32.const 28) (local.get $cause))
            (i32.store (i32.const 32) (local.get $cause_len))
            (i32.const 16))
        ;; Returns a number as a JSON text of 20 digits within quotes.
        (func $ok_number (param $number i64) (result i32)
            (local $at i32)
            (i32.store8 (i32.const 64) (i32.const 34))
            (i32.store8 (i32.const 85) (i32.const 34))
            (local.set $at (i32.const 84))
            (loop $digit
                (i32.store8 (local.get $at)
                    (i32.add (i32.const 48)
                        (i32.wrap_i64 (i64.rem_u (local.get $number) (i64.const 10)))))
                (local.set $number (i64.div_u (local.get $number) (i64.const 10)))
                (local.set $at (i32.sub (local.get $at) (i32.const 1)))
                (br_if $digit (i32.gt_u (local.get $at) (i32.const 64))))
            (call $ok (i32.const 64) (i32.const 22)))"#;

/// One interface that a guest imports, and how its core code sees a function of it.
#[derive(Clone, Copy)]
pub(crate) struct Import {
    /// The component's import.
    pub(crate) interface: &'static str,
    /// `canon lower` of the function.
    pub(crate) lower: &'static str,
    /// What the core module gets it as.
    pub(crate) export: &'static str,
    /// The core module's import.
    pub(crate) core: &'static str,
}

/// `log(level, target, target_len, message, message_len, fields, fields_len)`.
pub(crate) const LOG: Import = Import {
    interface: r#"(import "stepwell:task/logging@0.1.0" (instance $logging
        (type $level' (enum "trace" "debug" "info" "warn" "error"))
        (export "level" (type $level (eq $level')))
        (export "log" (func (param "level" $level) (param "target" string)
            (param "message" string) (param "fields" (list (tuple string string)))))))"#,
    lower: r#"(core func $log (canon lower (func $logging "log") (memory $memory)))"#,
    export: r#"(export "log" (func $log))"#,
    core: r#"(import "host" "log" (func $log (param i32 i32 i32 i32 i32 i32 i32)))"#,
};

/// `heartbeat()`.
pub(crate) const HEARTBEAT: Import = Import {
    interface: r#"(import "stepwell:task/progress@0.1.0" (instance $progress
        (export "heartbeat" (func))))"#,
    lower: r#"(core func $heartbeat (canon lower (func $progress "heartbeat")))"#,
    export: r#"(export "heartbeat" (func $heartbeat))"#,
    core: r#"(import "host" "heartbeat" (func $heartbeat))"#,
};

/// `report(fraction, message, message_len)`.
pub(crate) const REPORT: Import = Import {
    interface: r#"(import "stepwell:task/progress@0.1.0" (instance $progress
        (export "report" (func (param "fraction" f64) (param "message" string)))))"#,
    lower: r#"(core func $report (canon lower (func $progress "report") (memory $memory)))"#,
    export: r#"(export "report" (func $report))"#,
    core: r#"(import "host" "report" (func $report (param f64 i32 i32)))"#,
};

/// `secret(name, name_len, result)`: at the result a byte 0 and the secret, or a byte 1.
pub(crate) const SECRET: Import = Import {
    interface: r#"(import "stepwell:task/secrets@0.1.0" (instance $secrets
        (type $denial' (enum "not-granted"))
        (export "denial" (type $denial (eq $denial')))
        (export "get" (func (param "name" string) (result (result string (error $denial)))))))"#,
    lower: r#"(core func $secret (canon lower (func $secrets "get") (memory $memory)
        (realloc $realloc)))"#,
    export: r#"(export "secret" (func $secret))"#,
    core: r#"(import "host" "secret" (func $secret (param i32 i32 i32)))"#,
};

/// `config(name, name_len, result)`: at the result a byte 1 and the value, or a byte 0.
pub(crate) const CONFIG: Import = Import {
    interface: r#"(import "stepwell:task/config@0.1.0" (instance $config
        (export "get" (func (param "name" string) (result (option string))))))"#,
    lower: r#"(core func $config (canon lower (func $config "get") (memory $memory)
        (realloc $realloc)))"#,
    export: r#"(export "config" (func $config))"#,
    core: r#"(import "host" "config" (func $config (param i32 i32 i32)))"#,
};

/// `now() -> i64`.
pub(crate) const NOW: Import = Import {
    interface: r#"(import "stepwell:task/clock@0.1.0" (instance $clock
        (export "now-ms" (func (result u64)))))"#,
    lower: r#"(core func $now (canon lower (func $clock "now-ms")))"#,
    export: r#"(export "now" (func $now))"#,
    core: r#"(import "host" "now" (func $now (result i64)))"#,
};

/// `number() -> i64`, from our own interface.
pub(crate) const RANDOM_NUMBER: Import = Import {
    interface: r#"(import "stepwell:task/random@0.1.0" (instance $random
        (export "number" (func (result u64)))))"#,
    lower: r#"(core func $number (canon lower (func $random "number")))"#,
    export: r#"(export "number" (func $number))"#,
    core: r#"(import "host" "number" (func $number (result i64)))"#,
};

/// `random_bytes(len, result)`.
pub(crate) const RANDOM_BYTES: Import = Import {
    interface: r#"(import "stepwell:task/random@0.1.0" (instance $random
        (export "bytes" (func (param "len" u32) (result (list u8))))))"#,
    lower: r#"(core func $random_bytes (canon lower (func $random "bytes") (memory $memory)
        (realloc $realloc)))"#,
    export: r#"(export "random_bytes" (func $random_bytes))"#,
    core: r#"(import "host" "random_bytes" (func $random_bytes (param i32 i32)))"#,
};

/// `number() -> i64`, from WASI.
pub(crate) const WASI_RANDOM_NUMBER: Import = Import {
    interface: r#"(import "wasi:random/random@0.2.6" (instance $random
        (export "get-random-u64" (func (result u64)))))"#,
    lower: r#"(core func $number (canon lower (func $random "get-random-u64")))"#,
    export: r#"(export "number" (func $number))"#,
    core: r#"(import "host" "number" (func $number (result i64)))"#,
};

/// `now() -> i64`, WASI's monotonic clock.
pub(crate) const WASI_MONOTONIC_NOW: Import = Import {
    interface: r#"(import "wasi:clocks/monotonic-clock@0.2.6" (instance $clock
        (export "now" (func (result u64)))))"#,
    lower: r#"(core func $now (canon lower (func $clock "now")))"#,
    export: r#"(export "now" (func $now))"#,
    core: r#"(import "host" "now" (func $now (result i64)))"#,
};

/// `sleep(nanoseconds) -> pollable`, WASI's way to wait; `block(pollable)` waits.
pub(crate) const WASI_SLEEP: Import = Import {
    interface: r#"(import "wasi:io/poll@0.2.6" (instance $poll
        (export "pollable" (type $pollable (sub resource)))
        (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
    (alias export $poll "pollable" (type $pollable))
    (import "wasi:clocks/monotonic-clock@0.2.6" (instance $clock
        (alias outer 1 $pollable (type $outer))
        (export "pollable" (type $pollable (eq $outer)))
        (export "subscribe-duration" (func (param "when" u64) (result (own $pollable))))))"#,
    lower: r#"(core func $sleep (canon lower (func $clock "subscribe-duration")))
    (core func $block (canon lower (func $poll "[method]pollable.block")))"#,
    export: r#"(export "sleep" (func $sleep)) (export "block" (func $block))"#,
    core: r#"(import "host" "sleep" (func $sleep (param i64) (result i32)))
    (import "host" "block" (func $block (param i32)))"#,
};

/// `stderr() -> stream`, `write(stream, bytes, bytes_len, result)`.
pub(crate) const WASI_STDERR: Import = Import {
    interface: r#"(import "wasi:io/error@0.2.6" (instance $io_error
        (export "error" (type (sub resource)))))
    (alias export $io_error "error" (type $error))
    (import "wasi:io/streams@0.2.6" (instance $streams
        (export "output-stream" (type $stream (sub resource)))
        (alias outer 1 $error (type $outer))
        (export "error" (type $error (eq $outer)))
        (type $stream_error' (variant (case "last-operation-failed" (own $error)) (case "closed")))
        (export "stream-error" (type $stream_error (eq $stream_error')))
        (export "[method]output-stream.blocking-write-and-flush"
            (func (param "self" (borrow $stream)) (param "contents" (list u8))
                (result (result (error $stream_error)))))))
    (alias export $streams "output-stream" (type $output))
    (import "wasi:cli/stderr@0.2.6" (instance $cli
        (alias outer 1 $output (type $outer))
        (export "output-stream" (type $stream (eq $outer)))
        (export "get-stderr" (func (result (own $stream))))))"#,
    lower: r#"(core func $stderr (canon lower (func $cli "get-stderr")))
    (core func $write (canon lower
        (func $streams "[method]output-stream.blocking-write-and-flush") (memory $memory)))"#,
    export: r#"(export "stderr" (func $stderr)) (export "write" (func $write))"#,
    core: r#"(import "host" "stderr" (func $stderr (result i32)))
    (import "host" "write" (func $write (param i32 i32 i32 i32)))"#,
};

/// A guest under construction.
#[derive(Clone)]
pub(crate) struct Guest {
    imports: Vec<Import>,
    /// Further fields of the code module: data, globals, functions, memories, tables.
    fields: String,
    /// The body of `run(params) -> result`; `params` points to the context, 96 bytes, and to
    /// the input's address and length after it.
    run: String,
    /// Pages of the first memory.
    pages: u32,
    /// Further fields of the component.
    outer: String,
    string_encoding: &'static str,
}

impl Guest {
    /// A guest whose `run` has the given body.
    pub(crate) fn new(run: impl Into<String>) -> Self {
        Self {
            imports: Vec::new(),
            fields: String::new(),
            run: run.into(),
            pages: 2,
            outer: String::new(),
            string_encoding: "",
        }
    }

    /// A guest that returns its input.
    pub(crate) fn echo() -> Self {
        Self::new(
            "(call $ok (i32.load offset=96 (local.get $params)) \
             (i32.load offset=100 (local.get $params)))",
        )
    }

    /// A guest that returns a text.
    pub(crate) fn returning(text: &str) -> Self {
        Self::new(format!(
            "(call $ok (i32.const 1024) (i32.const {}))",
            text.len()
        ))
        .data(1024, text)
    }

    pub(crate) fn import(mut self, import: Import) -> Self {
        self.imports.push(import);
        self
    }

    /// Adds fields to the code module.
    pub(crate) fn fields(mut self, fields: &str) -> Self {
        self.fields.push_str(fields);
        self
    }

    /// Puts a text into memory.
    pub(crate) fn data(self, at: u32, text: &str) -> Self {
        let escaped: String = text.bytes().map(|byte| format!("\\{byte:02x}")).collect();
        self.fields(&format!("(data (i32.const {at}) \"{escaped}\")\n"))
    }

    /// Sets the size of the first memory.
    pub(crate) fn pages(mut self, pages: u32) -> Self {
        self.pages = pages;
        self
    }

    /// Adds fields to the component.
    pub(crate) fn outer(mut self, outer: &str) -> Self {
        self.outer.push_str(outer);
        self
    }

    /// Has the strings of `run` cross in another encoding.
    pub(crate) fn string_encoding(mut self, option: &'static str) -> Self {
        self.string_encoding = option;
        self
    }

    /// Returns the component.
    pub(crate) fn build(&self) -> Vec<u8> {
        let text = self.text();
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    /// Returns the component in the text format.
    pub(crate) fn text(&self) -> String {
        let all = |part: fn(&Import) -> &'static str| -> String {
            self.imports
                .iter()
                .map(part)
                .collect::<Vec<_>>()
                .join("\n    ")
        };
        let (interfaces, lowers) = (all(|i| i.interface), all(|i| i.lower));
        let (exports, cores) = (all(|i| i.export), all(|i| i.core));
        let Self {
            fields,
            run,
            pages,
            outer,
            string_encoding,
            ..
        } = self;
        format!(
            r#"(component
    {TYPES}
    (alias export $types "context" (type $context))
    (alias export $types "failure" (type $failure))
    {interfaces}
    (core module $base
        (memory (export "memory") {pages})
        (global $next (mut i32) (i32.const 8192))
        (func (export "realloc") (param i32 i32 i32) (param $size i32) (result i32)
            (local $at i32)
            (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
            (global.set $next (i32.add (local.get $at) (local.get $size)))
            (local.get $at)))
    (core instance $base (instantiate $base))
    (alias core export $base "memory" (core memory $memory))
    (alias core export $base "realloc" (core func $realloc))
    {lowers}
    (core instance $host {exports})
    (core module $code
        (import "base" "memory" (memory $memory 1))
        {cores}
        {fields}
        {HELPERS}
        (func (export "run") (param $params i32) (result i32)
            (local $i i32)
            {run}))
    (core instance $code (instantiate $code
        (with "base" (instance $base)) (with "host" (instance $host))))
    (func $run (param "context" $context) (param "input" string)
        (result (result string (error $failure)))
        (canon lift (core func $code "run") (memory $memory) (realloc $realloc) {string_encoding}))
    (export "run" (func $run))
    {outer})"#
        )
    }
}
