//! What the library says of itself; needs no client.

use std::ffi::{CString, c_char};
use std::sync::OnceLock;

use super::types::{WXSUB_ABI, wxsub_status};
use crate::error::Status;

/// The library's ABI number: at least the WXSUB_ABI a host was compiled with, or the host must not go on.
#[unsafe(no_mangle)]
pub extern "C" fn wxsub_abi() -> u32 {
    WXSUB_ABI
}

/// "0.1.0 (sqlite 3.x)": the library's version and that of the SQLite in it. Static; never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn wxsub_version() -> *const c_char {
    static VERSION: OnceLock<CString> = OnceLock::new();
    VERSION.get_or_init(|| CString::new(crate::version()).unwrap_or_default()).as_ptr()
}

/// The constant's name, such as "WXSUB_E_NO_QUOTA"; "WXSUB_E_?" for a number this library does not know. Static;
/// never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn wxsub_status_name(status: wxsub_status) -> *const c_char {
    Status::from_code(status).map_or(c"WXSUB_E_?", Status::c_name).as_ptr()
}
