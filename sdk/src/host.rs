//! The way to the host: its imports in a guest, a fake of them natively.
//!
//! Both have the same methods, so the rest of the crate does not tell them apart.

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::fake::FakeHost as Host;

#[cfg(target_arch = "wasm32")]
pub(crate) use self::imports::Host;

#[cfg(target_arch = "wasm32")]
mod imports;
