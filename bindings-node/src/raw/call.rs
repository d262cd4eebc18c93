//! The arguments of a running call.

use std::{borrow::Cow, mem::MaybeUninit, ptr, slice};

use napi::sys;

use super::Fault;

/// The arguments of a running call.
pub(crate) struct Call {
    env: sys::napi_env,
    arguments: Arguments,
    count: usize,
}

impl Call {
    /// `env` and the arguments must be those of a call that is running, for as long as this lives.
    pub(super) const unsafe fn new(env: sys::napi_env, arguments: Arguments, count: usize) -> Self {
        Self { env, arguments, count }
    }

    /// How many arguments were given.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// A name. One that is too long for a name is cut, and is still too long; one that is not well-formed is empty, which
    /// names nobody.
    #[inline]
    pub(crate) fn name<'b>(&self, index: usize, buffer: &'b mut Buffer) -> Result<&'b str, Fault> {
        let bytes = self.read(index, buffer)?;
        // Node writes U+FFFD for a lone surrogate, but two ids that differ in JavaScript must not become one.
        if !bytes.is_ascii()
            && bytes.windows(3).any(|three| three == "\u{fffd}".as_bytes())
            && !self.is_well_formed(index)
        {
            return Ok("");
        }
        Ok(str::from_utf8(bytes).unwrap_or_default())
    }

    /// A string's UTF-8, of any length. A lone surrogate reads as U+FFFD.
    #[inline]
    pub(crate) fn bytes<'b>(&self, index: usize, buffer: &'b mut Buffer) -> Result<Cow<'b, [u8]>, Fault> {
        let bytes = self.read(index, buffer)?;
        if bytes.len() <= LONGEST_NAME {
            Ok(Cow::Borrowed(bytes))
        } else {
            self.long_bytes(index).map(Cow::Owned)
        }
    }

    /// As much of a string as fits, in whole characters.
    #[inline]
    fn read<'b>(&self, index: usize, buffer: &'b mut Buffer) -> Result<&'b [u8], Fault> {
        let (start, mut length) = (buffer.bytes.as_mut_ptr().cast::<u8>(), 0);
        // SAFETY: the argument is a value of the running call. Node writes at most `BUFFER` bytes, a NUL included, and says how
        // many they are without it: so many are initialised.
        unsafe {
            let status = sys::napi_get_value_string_utf8(
                self.env,
                self.argument(index)?,
                start.cast(),
                BUFFER,
                &raw mut length,
            );
            if status == sys::Status::napi_ok {
                Ok(slice::from_raw_parts(start, length.min(BUFFER)))
            } else {
                Err(Fault::Argument)
            }
        }
    }

    #[cold]
    fn long_bytes(&self, index: usize) -> Result<Vec<u8>, Fault> {
        let (argument, mut length) = (self.argument(index)?, 0);
        // SAFETY: the argument is a value of the running call; with no buffer Node says the length, with one it writes at most
        // that many bytes, a NUL included.
        let (status, bytes) = unsafe {
            sys::napi_get_value_string_utf8(self.env, argument, ptr::null_mut(), 0, &raw mut length);
            let mut bytes = vec![0; length + 1];
            let start = bytes.as_mut_ptr().cast();
            (sys::napi_get_value_string_utf8(self.env, argument, start, bytes.len(), &raw mut length), bytes)
        };
        let mut bytes = bytes;
        bytes.truncate(length);
        if status == sys::Status::napi_ok { Ok(bytes) } else { Err(Fault::Argument) }
    }

    /// The bytes of a `Uint8Array`.
    #[cold]
    pub(crate) fn array(&self, index: usize) -> Result<Vec<u8>, Fault> {
        let (argument, mut kind, mut length, mut data) = (self.argument(index)?, -1, 0, ptr::null_mut());
        // SAFETY: the argument is a value of the running call; what nobody asks for may be null.
        let status = unsafe {
            sys::napi_get_typedarray_info(
                self.env,
                argument,
                &raw mut kind,
                &raw mut length,
                &raw mut data,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        if status != sys::Status::napi_ok || kind != sys::TypedarrayType::uint8_array {
            return Err(Fault::Argument);
        }
        if data.is_null() {
            return Ok(vec![]);
        }
        // SAFETY: so many bytes are there. JavaScript does not run meanwhile, and `lib/` hands over a copy that no other thread has.
        Ok(unsafe { slice::from_raw_parts(data.cast::<u8>(), length) }.to_vec())
    }

    #[cold]
    fn is_well_formed(&self, index: usize) -> bool {
        let (mut units, mut length) = ([0_u16; BUFFER], 0);
        let Ok(argument) = self.argument(index) else { return false };
        // SAFETY: the argument is a value of the running call. Node writes at most `BUFFER` units, a NUL included.
        let status = unsafe {
            sys::napi_get_value_string_utf16(self.env, argument, units.as_mut_ptr(), BUFFER, &raw mut length)
        };
        let units = units.get(..length).unwrap_or_default();
        status == sys::Status::napi_ok && char::decode_utf16(units.iter().copied()).all(|unit| unit.is_ok())
    }

    #[inline]
    fn argument(&self, index: usize) -> Result<sys::napi_value, Fault> {
        self.arguments.get(index).copied().ok_or(Fault::Argument)
    }
}

/// Room for a name.
pub(crate) struct Buffer {
    bytes: [MaybeUninit<u8>; BUFFER],
}

impl Buffer {
    #[inline]
    pub(crate) const fn new() -> Self {
        Self { bytes: [MaybeUninit::uninit(); BUFFER] }
    }
}

pub(super) type Arguments = [sys::napi_value; ARGUMENTS];

/// The most arguments that a hot call has.
pub(super) const ARGUMENTS: usize = 4;
/// The longest name that the core knows, in bytes.
const LONGEST_NAME: usize = 255;
/// Room for the longest name, a character more, so that a longer one is seen to be longer, and a NUL.
const BUFFER: usize = LONGEST_NAME + 4 + 1;
