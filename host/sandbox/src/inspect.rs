//! The cheap look at an upload, before the expensive compiler sees it: is it WebAssembly, how
//! large are its parts, what does it import and export?
//!
//! Reads sections, not instructions. What passes here may still be malformed; the compiler's
//! own validation says so.

use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentExternalKind, ComponentTypeRef, Encoding,
    ExternalKind, Parser, Payload, TypeBounds,
};

use crate::engine_config::TABLE_ELEMENTS_MAX;
use crate::error::RejectedComponent;
use crate::limits::{MEMORIES_MAX, TABLES_MAX};

/// Deepest nesting of components and modules. Two is usual, four for a composition.
const NESTING_MAX: usize = 10;
/// Core modules and components, over all nesting. componentize-py makes 38.
const MODULES_MAX: u64 = 200;
/// Functions over all modules. Guests with a language runtime have tens of thousands.
const FUNCTIONS_MAX: u64 = 200_000;
/// Bytes of one function's body: compile time grows faster than linear with it,
/// and interpreter loops, the largest in earnest use, stay well below.
const FUNCTION_BODY_MAX_BYTES: u64 = 1 << 20;
/// Locals of one function.
const LOCALS_MAX: u64 = 20_000;
/// Types, imports, exports, globals, segments, aliases, …: entries over all sections of a kind.
const ENTRIES_MAX: u64 = 500_000;

/// Custom sections in which wit-bindgen leaves the component type start with this.
const COMPONENT_TYPE_SECTION: &str = "component-type";

/// What an upload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Component,
    CoreModule,
}

/// What the look at an upload found.
#[derive(Debug)]
pub(crate) struct Inspection {
    pub(crate) form: Form,
    /// Names of the outermost imports: interfaces of a component, modules of a core module.
    pub(crate) imports: Vec<String>,
    /// Names of the outermost exports.
    pub(crate) exports: Vec<String>,
    /// Whether a function `run` is among the exports.
    pub(crate) exports_run: bool,
    /// Whether a core module says what component it is to become.
    pub(crate) has_component_type: bool,
}

/// Looks at an upload.
///
/// # Errors
///
/// Returns why it is refused: not WebAssembly, broken sections, or too much of something.
pub(crate) fn inspect(wasm: &[u8]) -> Result<Inspection, RejectedComponent> {
    if !wasm.starts_with(b"\0asm") {
        return Err(RejectedComponent::new(
            RejectedComponent::NOT_WASM,
            "not WebAssembly: the file does not start with \\0asm; upload the .wasm that the \
             build made",
        ));
    }
    let mut look = Look {
        depth: 0,
        counts: Counts::default(),
        inspection: Inspection {
            form: Form::Component,
            imports: Vec::new(),
            exports: Vec::new(),
            exports_run: false,
            has_component_type: false,
        },
    };
    for payload in Parser::new(0).parse_all(wasm) {
        look.take(payload.map_err(malformed)?)?;
    }
    Ok(look.inspection)
}

fn malformed(error: wasmparser::BinaryReaderError) -> RejectedComponent {
    RejectedComponent::new(
        RejectedComponent::MALFORMED,
        format!(
            "not valid WebAssembly at byte {}: {}",
            error.offset(),
            error.message()
        ),
    )
}

fn too_complex(what: &str, found: u64, max: u64) -> RejectedComponent {
    RejectedComponent::new(
        RejectedComponent::TOO_COMPLEX,
        format!("the component has {found} {what}; this host accepts {max}"),
    )
}

/// Sums over all nesting.
#[derive(Default)]
struct Counts {
    modules: u64,
    functions: u64,
    memories: u64,
    tables: u64,
    entries: u64,
}

/// Adds to a sum and holds it to its limit.
fn add(sum: &mut u64, added: u32, what: &str, max: u64) -> Result<(), RejectedComponent> {
    *sum += u64::from(added);
    if *sum > max {
        Err(too_complex(what, *sum, max))
    } else {
        Ok(())
    }
}

struct Look {
    depth: usize,
    counts: Counts,
    inspection: Inspection,
}

impl Look {
    fn take(&mut self, payload: Payload<'_>) -> Result<(), RejectedComponent> {
        match payload {
            Payload::Version { encoding, .. } => self.enter(encoding),
            Payload::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(())
            }
            Payload::ImportSection(_) | Payload::ComponentImportSection(_) => self.imports(payload),
            Payload::ExportSection(_) | Payload::ComponentExportSection(_) => self.exports(payload),
            Payload::FunctionSection(section) => add(
                &mut self.counts.functions,
                section.count(),
                "functions",
                FUNCTIONS_MAX,
            ),
            Payload::CodeSectionEntry(body) => function_body(&body),
            Payload::MemorySection(section) => {
                let max = u64::from(MEMORIES_MAX);
                add(&mut self.counts.memories, section.count(), "memories", max)
            }
            Payload::TableSection(section) => self.tables(section),
            Payload::ComponentCanonicalSection(section) => {
                self.entries(section.count())?;
                for function in section {
                    canonical_function(&function.map_err(malformed)?)?;
                }
                Ok(())
            }
            Payload::CustomSection(section) => {
                let outermost = self.depth == 1;
                self.inspection.has_component_type |=
                    outermost && section.name().starts_with(COMPONENT_TYPE_SECTION);
                Ok(())
            }
            other => self.entries(entry_count(&other)),
        }
    }

    /// Starts the outermost or a nested component or module.
    fn enter(&mut self, encoding: Encoding) -> Result<(), RejectedComponent> {
        if self.depth == 0 {
            self.inspection.form = match encoding {
                Encoding::Component => Form::Component,
                Encoding::Module => Form::CoreModule,
            };
        }
        self.depth += 1;
        if self.depth > NESTING_MAX {
            return Err(too_complex(
                "levels of nesting",
                self.depth as u64,
                NESTING_MAX as u64,
            ));
        }
        add(&mut self.counts.modules, 1, "modules", MODULES_MAX)
    }

    fn entries(&mut self, count: u32) -> Result<(), RejectedComponent> {
        add(
            &mut self.counts.entries,
            count,
            "entries in its sections",
            ENTRIES_MAX,
        )
    }

    fn imports(&mut self, payload: Payload<'_>) -> Result<(), RejectedComponent> {
        let outermost = self.depth == 1;
        let names = &mut self.inspection.imports;
        match payload {
            Payload::ComponentImportSection(section) => {
                add(
                    &mut self.counts.entries,
                    section.count(),
                    "imports",
                    ENTRIES_MAX,
                )?;
                for import in section.into_iter().take_while(|_| outermost) {
                    let import = import.map_err(malformed)?;
                    // A name for a type (`use types.{context}` in a world) asks for nothing.
                    if !matches!(import.ty, ComponentTypeRef::Type(TypeBounds::Eq(_))) {
                        names.push(import.name.full_name().into_owned());
                    }
                }
            }
            Payload::ImportSection(section) => {
                add(
                    &mut self.counts.entries,
                    section.count(),
                    "imports",
                    ENTRIES_MAX,
                )?;
                for import in section.into_imports().take_while(|_| outermost) {
                    let module = import.map_err(malformed)?.module;
                    if names.last().is_none_or(|last| last != module) {
                        names.push(module.to_owned());
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn exports(&mut self, payload: Payload<'_>) -> Result<(), RejectedComponent> {
        let outermost = self.depth == 1;
        let mut note = |name: &str, is_function: bool| {
            self.inspection.exports_run |= is_function && name == "run";
            self.inspection.exports.push(name.to_owned());
        };
        match payload {
            Payload::ComponentExportSection(section) => {
                add(
                    &mut self.counts.entries,
                    section.count(),
                    "exports",
                    ENTRIES_MAX,
                )?;
                for export in section.into_iter().take_while(|_| outermost) {
                    let export = export.map_err(malformed)?;
                    note(
                        &export.name.full_name(),
                        export.kind == ComponentExternalKind::Func,
                    );
                }
            }
            Payload::ExportSection(section) => {
                add(
                    &mut self.counts.entries,
                    section.count(),
                    "exports",
                    ENTRIES_MAX,
                )?;
                for export in section.into_iter().take_while(|_| outermost) {
                    let export = export.map_err(malformed)?;
                    note(export.name, export.kind == ExternalKind::Func);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn tables(
        &mut self,
        section: wasmparser::TableSectionReader<'_>,
    ) -> Result<(), RejectedComponent> {
        let max = u64::from(TABLES_MAX);
        add(&mut self.counts.tables, section.count(), "tables", max)?;
        for table in section {
            let elements = table.map_err(malformed)?.ty.initial;
            if elements > u64::from(TABLE_ELEMENTS_MAX) {
                let max = u64::from(TABLE_ELEMENTS_MAX);
                return Err(too_complex("elements in one table", elements, max));
            }
        }
        Ok(())
    }
}

/// Returns how many entries a section announces, where it has a count.
fn entry_count(payload: &Payload<'_>) -> u32 {
    match payload {
        Payload::TypeSection(section) => section.count(),
        Payload::GlobalSection(section) => section.count(),
        Payload::ElementSection(section) => section.count(),
        Payload::DataSection(section) => section.count(),
        Payload::InstanceSection(section) => section.count(),
        Payload::CoreTypeSection(section) => section.count(),
        Payload::ComponentInstanceSection(section) => section.count(),
        Payload::ComponentAliasSection(section) => section.count(),
        Payload::ComponentTypeSection(section) => section.count(),
        _ => 0,
    }
}

fn function_body(body: &wasmparser::FunctionBody<'_>) -> Result<(), RejectedComponent> {
    let range = body.range();
    let bytes = range.end - range.start;
    if bytes > FUNCTION_BODY_MAX_BYTES {
        return Err(too_complex(
            "bytes in one function",
            bytes,
            FUNCTION_BODY_MAX_BYTES,
        ));
    }
    let mut locals = 0;
    for group in body.get_locals_reader().map_err(malformed)? {
        let (count, _) = group.map_err(malformed)?;
        add(&mut locals, count, "locals in one function", LOCALS_MAX)?;
    }
    Ok(())
}

/// Strings cross as UTF-8: transcoding between the others has been a source of holes.
fn canonical_function(function: &CanonicalFunction) -> Result<(), RejectedComponent> {
    let (CanonicalFunction::Lift { options, .. } | CanonicalFunction::Lower { options, .. }) =
        function
    else {
        return Ok(());
    };
    let is_utf16 = |option| {
        matches!(
            option,
            &CanonicalOption::UTF16 | &CanonicalOption::CompactUTF16
        )
    };
    if options.iter().any(is_utf16) {
        return Err(RejectedComponent::new(
            RejectedComponent::MALFORMED,
            "the component passes strings as UTF-16: build it with the string encoding UTF-8",
        ));
    }
    Ok(())
}
