//! The only unsafe code: bytes in without a copy, columns out without a copy (docs/adr/0001).

use std::os::raw::c_int;

use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;

/// Calls `read` with the bytes of a `bytes`, `msgspec.Raw` or other contiguous buffer. Raises `TypeError` for others.
///
/// `read` must not run Python code: only the held interpreter lock keeps other code from writing to a mutable buffer.
#[inline]
pub fn with_bytes<T>(object: &Bound<'_, PyAny>, read: impl FnOnce(&[u8]) -> T) -> PyResult<T> {
    struct Held(ffi::Py_buffer);
    impl Drop for Held {
        fn drop(&mut self) {
            // SAFETY: the view was filled by a successful PyObject_GetBuffer and is released once, under the lock.
            unsafe { ffi::PyBuffer_Release(&mut self.0) }
        }
    }
    let mut view = std::mem::MaybeUninit::<ffi::Py_buffer>::zeroed();
    // SAFETY: `object` is alive and `view` is writable memory of the right type.
    let failed = unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), view.as_mut_ptr(), ffi::PyBUF_SIMPLE) };
    if failed != 0 {
        return Err(PyErr::fetch(object.py()));
    }
    // SAFETY: the call succeeded, so the view is filled.
    let held = Held(unsafe { view.assume_init() });
    let bytes: &[u8] = if held.0.len == 0 {
        &[]
    } else {
        // SAFETY: a PyBUF_SIMPLE view is `len` contiguous bytes at `buf`, kept until it is released.
        unsafe { std::slice::from_raw_parts(held.0.buf as *const u8, held.0.len as usize) }
    };
    Ok(read(bytes))
}

/// Fills `view` with read-only memory that `owner` keeps alive and unchanged as long as it lives.
///
/// # Safety
/// `view` comes from Python's buffer protocol; `values` belongs to `owner` and does not move or change while it lives.
pub unsafe fn fill(owner: &Bound<'_, PyAny>, values: &[i64], view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
    if view.is_null() {
        return Err(PyBufferError::new_err("no view to fill"));
    }
    let size = std::mem::size_of_val(values) as isize;
    // SAFETY: by this function's contract; readonly is 1, so a request for writable memory is refused by Python.
    let failed = unsafe { ffi::PyBuffer_FillInfo(view, owner.as_ptr(), values.as_ptr() as *mut _, size, 1, flags) };
    if failed != 0 { Err(PyErr::fetch(owner.py())) } else { Ok(()) }
}
