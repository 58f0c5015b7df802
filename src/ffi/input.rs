//! C strings in.

use std::ffi::{CStr, c_char};

use crate::error::{Error, Status};

/// The text at `pointer`, which may not be NULL.
///
/// # Safety
/// NULL, or a NUL-terminated string that nobody changes during the call.
pub unsafe fn required<'a>(name: &str, pointer: *const c_char) -> Result<&'a str, Error> {
    // SAFETY: the caller's promise, passed on.
    match unsafe { optional(name, pointer) }? {
        Some(text) => Ok(text),
        None => Err(Error::new(Status::Arg, format!("{name} is NULL; it needs a NUL-terminated UTF-8 string"))),
    }
}

/// The text at `pointer`, or None for NULL.
///
/// # Safety
/// As [`required`].
pub unsafe fn optional<'a>(name: &str, pointer: *const c_char) -> Result<Option<&'a str>, Error> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, so a NUL-terminated string by the caller's promise.
    let bytes = unsafe { CStr::from_ptr(pointer) };
    bytes.to_str().map(Some).map_err(|e| {
        Error::new(Status::Arg, format!("{name} is not UTF-8: {}", what_is_at(bytes.to_bytes(), e.valid_up_to())))
    })
}

/// What is no UTF-8 there. Half of a surrogate pair is what languages with UTF-16 strings hand over.
fn what_is_at(bytes: &[u8], offset: usize) -> String {
    match bytes.get(offset..) {
        Some([0xED, 0xA0..=0xBF, ..]) => {
            format!(
                "half of a character (a lone surrogate, as where a text was cut inside an emoji) at offset {offset}"
            )
        }
        _ => format!("bad byte at offset {offset}"),
    }
}

/// The bytes at `pointer`, which may be NULL when there are none.
///
/// # Safety
/// NULL, or `length` bytes that nobody changes during the call.
pub unsafe fn bytes<'a>(name: &str, pointer: *const c_char, length: usize) -> Result<&'a [u8], Error> {
    if pointer.is_null() {
        return match length {
            0 => Ok(&[]),
            _ => Err(Error::new(
                Status::Arg,
                format!("{name} is NULL, but its length is {length}: pass the bytes, or length 0"),
            )),
        };
    }
    if length > isize::MAX as usize {
        return Err(Error::new(
            Status::Arg,
            format!("{name}: the length {length} is too large; is it negative in the caller?"),
        ));
    }
    // SAFETY: not NULL, so `length` bytes by the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(pointer.cast(), length) })
}
