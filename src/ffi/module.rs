//! The library's code stays loaded: threads of the system's resolver, and of a client that was never freed, may outlive a
//! host that unloads us. On Linux the linker sees to that (`-z nodelete`, build.rs).

use crate::error::Error;

/// The module that this code is in, the library or a host that it is linked into, is not unloaded any more.
#[cfg(windows)]
pub fn stay_loaded() -> Result<(), Error> {
    use windows_sys::Win32::System::LibraryLoader::{
        GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
    };

    use crate::error::Status;

    let flags = GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS;
    let mut module = std::ptr::null_mut();
    // SAFETY: with FROM_ADDRESS the second argument is any address in the module, not a string; the third has room for
    // the handle, which is not ours to close.
    let done = unsafe { GetModuleHandleExW(flags, stay_loaded as *const () as *const u16, &mut module) };
    if done == 0 {
        let why = std::io::Error::last_os_error();
        return Err(Error::new(Status::Internal, format!("the system does not keep this library loaded: {why}")));
    }
    Ok(())
}

/// Nothing to do.
#[cfg(not(windows))]
pub fn stay_loaded() -> Result<(), Error> {
    Ok(())
}
