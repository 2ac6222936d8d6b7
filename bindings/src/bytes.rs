//! Bytes across the boundary. What comes in is copied before the call does anything else, what goes out is copied into
//! memory that Node owns: there are no external buffers, and no pointer is kept.

use std::ptr;

use napi::bindgen_prelude::{Float64ArraySlice, Uint32ArraySlice};
use napi::bindgen_prelude::{FromNapiValue, ToNapiValue, TypeName, TypedArrayType, Uint8ArraySlice, ValidateNapiValue};
use napi::{Env, Error, Result, Status, ValueType, check_status, sys};

const MIB: usize = 1024 * 1024;

/// A `Uint8Array` of at most `MAX_MIB` MiB, copied on entry.
pub struct Bytes<const MAX_MIB: usize = 16>(pub(crate) Vec<u8>);

/// An array of JavaScript's that this call fills: it borrows the memory until the call returns.
pub struct Window<'call, T>(pub(crate) &'call mut [T]);

/// Bytes to be copied into an array of Node's.
pub struct ByteCopy(pub Vec<u8>);
/// Numbers below 2^32 to be copied into an array of Node's.
pub struct IntCopy(pub Vec<u32>);
/// Numbers to be copied into an array of Node's.
pub struct FloatCopy(pub Vec<f64>);

/// A number that an array of JavaScript's can hold.
pub trait Element {
    const KIND: TypedArrayType;
}
impl Element for u8 {
    const KIND: TypedArrayType = TypedArrayType::Uint8;
}
impl Element for f64 {
    const KIND: TypedArrayType = TypedArrayType::Float64;
}

fn refuse(reason: impl Into<String>) -> Error {
    Error::new(Status::InvalidArg, reason.into())
}

/// Where an array's memory lies and how many elements it has. Shared memory, which another thread could change while
/// we copy, and memory that was given away are refused.
fn view<T: Element>(env: sys::napi_env, value: sys::napi_value) -> Result<(*mut T, usize)> {
    let mut is_typed = false;
    let (mut kind, mut length, mut data, mut buffer, mut offset) = (0, 0, ptr::null_mut(), ptr::null_mut(), 0);
    let (mut owned, mut detached) = (false, false);
    // SAFETY: `env` and `value` are those of the running call; every out-pointer is a live local.
    unsafe {
        check_status!(sys::napi_is_typedarray(env, value, &mut is_typed))?;
        if !is_typed {
            return Err(refuse("Expected a typed array"));
        }
        let (length, data) = (&mut length, &mut data);
        check_status!(sys::napi_get_typedarray_info(env, value, &mut kind, length, data, &mut buffer, &mut offset))?;
        check_status!(sys::napi_is_arraybuffer(env, buffer, &mut owned))?;
        if owned {
            check_status!(sys::napi_is_detached_arraybuffer(env, buffer, &mut detached))?;
        }
    }
    if kind != T::KIND as i32 {
        return Err(refuse(format!("Expected a {:?} array", T::KIND)));
    }
    if !owned {
        return Err(refuse("Expected memory that is not shared"));
    }
    if detached {
        return Err(refuse("Expected memory that was not transferred away"));
    }
    Ok((data.cast(), if data.is_null() { 0 } else { length }))
}

impl<const MAX_MIB: usize> FromNapiValue for Bytes<MAX_MIB> {
    // SAFETY: napi calls it with a live environment and a value of it, as the trait demands.
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        let (data, length) = view::<u8>(env, value)?;
        if length > MAX_MIB * MIB {
            return Err(refuse(format!("Expected at most {MAX_MIB} MiB, got {length} bytes")));
        }
        let mut copy = Vec::new();
        copy.try_reserve_exact(length).map_err(|error| Error::new(Status::GenericFailure, error.to_string()))?;
        if length > 0 {
            // SAFETY: Node gave `data` as valid for `length` bytes; no JavaScript runs before the copy is made.
            copy.extend_from_slice(unsafe { std::slice::from_raw_parts(data, length) });
        }
        Ok(Bytes(copy))
    }
}

impl<T: Element> FromNapiValue for Window<'_, T> {
    // SAFETY: napi calls it with a live environment and a value of it, as the trait demands.
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        let (data, length) = view::<T>(env, value)?;
        if length == 0 {
            return Ok(Window(&mut []));
        }
        // SAFETY: Node gave `data`, aligned for T, as valid for `length` elements; no JavaScript runs during the call, and
        // the value does not leave it. No export takes two windows.
        Ok(Window(unsafe { std::slice::from_raw_parts_mut(data, length) }))
    }
}

impl<const MAX_MIB: usize> ValidateNapiValue for Bytes<MAX_MIB> {}
impl<T: Element> ValidateNapiValue for Window<'_, T> {}

impl<const MAX_MIB: usize> TypeName for Bytes<MAX_MIB> {
    fn type_name() -> &'static str {
        "Uint8Array"
    }
    fn value_type() -> ValueType {
        ValueType::Object
    }
}

impl<T: Element> TypeName for Window<'_, T> {
    fn type_name() -> &'static str {
        "TypedArray"
    }
    fn value_type() -> ValueType {
        ValueType::Object
    }
}

macro_rules! copies {
    ($($copy:ident => $slice:ident,)+) => { $(
        impl ToNapiValue for $copy {
            // SAFETY: napi calls it with a live environment, as the trait demands.
            unsafe fn to_napi_value(env: sys::napi_env, copy: Self) -> Result<sys::napi_value> {
                let slice = $slice::copy_from(&Env::from_raw(env), copy.0)?;
                // SAFETY: the array was made in this environment just now.
                unsafe { ToNapiValue::to_napi_value(env, &slice) }
            }
        }
    )+ };
}
copies! { ByteCopy => Uint8ArraySlice, IntCopy => Uint32ArraySlice, FloatCopy => Float64ArraySlice, }
