//! Load reports as protobuf.
//!
//! Source: `xds.data.orca.v3.OrcaLoadReport` and protobuf's wire format. The reader is our own: the message is six numbers and three maps,
//! and a generated one would bring a runtime for them. As protobuf demands, fields that it does not know are passed over, and of a field that comes twice the last counts.

use std::collections::BTreeMap;

use super::{LoadReport, LoadReportError};

impl LoadReport {
    /// Reads the protobuf message.
    ///
    /// # Errors
    /// [`LoadReportError`].
    pub fn from_protobuf(message: &[u8]) -> Result<Self, LoadReportError> {
        let (mut report, mut rest) = (Self::new(), message);
        while let Some((field, value)) = next_field(&mut rest)? {
            match field {
                1 => report.cpu_utilization = value.number()?,
                2 => report.mem_utilization = value.number()?,
                4 => value.entry(&mut report.request_cost)?,
                5 => value.entry(&mut report.utilizations)?,
                6 => report.rps = value.number()?,
                7 => report.eps = value.number()?,
                8 => value.entry(&mut report.named_metrics)?,
                9 => report.application_utilization = value.number()?,
                _ => {}
            }
        }
        Ok(report)
    }
}

/// What one field holds, as the wire knows it.
enum Field<'a> {
    Eight([u8; 8]),
    Bytes(&'a [u8]),
    /// A whole number or four bytes: nothing that the message has.
    Other,
}

impl Field<'_> {
    fn number(&self) -> Result<f64, LoadReportError> {
        let Self::Eight(bytes) = self else { return Err(LoadReportError::Malformed) };
        let value = f64::from_le_bytes(*bytes);
        if value.is_finite() { Ok(value) } else { Err(LoadReportError::Number) }
    }

    /// A map's entry: a message of a name and a number.
    fn entry(&self, map: &mut BTreeMap<String, f64>) -> Result<(), LoadReportError> {
        let Self::Bytes(bytes) = self else { return Err(LoadReportError::Malformed) };
        let (mut rest, mut name, mut number) = (*bytes, String::new(), 0.0);
        while let Some((field, value)) = next_field(&mut rest)? {
            match (field, &value) {
                (1, Self::Bytes(bytes)) => {
                    let text = str::from_utf8(bytes).map_err(|_| LoadReportError::Malformed)?;
                    text.clone_into(&mut name);
                }
                (1, _) => return Err(LoadReportError::Malformed),
                (2, _) => number = value.number()?,
                _ => {}
            }
        }
        if name.is_empty() {
            return Err(LoadReportError::Empty);
        }
        map.insert(name, number);
        Ok(())
    }
}

/// Takes the next field off the front; `None` at the end.
fn next_field<'a>(rest: &mut &'a [u8]) -> Result<Option<(u64, Field<'a>)>, LoadReportError> {
    if rest.is_empty() {
        return Ok(None);
    }
    let tag = varint(rest)?;
    let value = match tag & 7 {
        0 => varint(rest).map(|_| Field::Other)?,
        1 => Field::Eight(take(rest, 8)?.try_into().map_err(|_| LoadReportError::Malformed)?),
        2 => {
            let length = varint(rest)?;
            Field::Bytes(take(rest, usize::try_from(length).map_err(|_| LoadReportError::Malformed)?)?)
        }
        5 => take(rest, 4).map(|_| Field::Other)?,
        _ => return Err(LoadReportError::Malformed),
    };
    match tag >> 3 {
        0 => Err(LoadReportError::Malformed),
        field => Ok(Some((field, value))),
    }
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], LoadReportError> {
    let (front, back) = rest.split_at_checked(count).ok_or(LoadReportError::Malformed)?;
    *rest = back;
    Ok(front)
}

/// A whole number of at most ten bytes, seven bits in each, the lowest first.
fn varint(rest: &mut &[u8]) -> Result<u64, LoadReportError> {
    let mut value = 0;
    for place in 0..10 {
        let byte = take(rest, 1)?[0];
        let bits = u64::from(byte & 0x7f);
        if place == 9 && bits > 1 {
            break;
        }
        value |= bits << (7 * place);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(LoadReportError::Malformed)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// cpu 0.7, mem 0.9, rps (deprecated, whole) 5, rps 1000, eps 2, named foo 123, application 0.8; unknown field 15.
    fn message() -> Vec<u8> {
        let mut message = vec![];
        let number = |field: u8, value: f64, message: &mut Vec<u8>| {
            message.push(field << 3 | 1);
            message.extend(value.to_le_bytes());
        };
        number(1, 0.7, &mut message);
        number(2, 0.9, &mut message);
        message.extend([3 << 3, 5]);
        number(6, 1000.0, &mut message);
        number(7, 2.0, &mut message);
        message.extend([8 << 3 | 2, 14, 1 << 3 | 2, 3]);
        message.extend(b"foo");
        number(2, 123.0, &mut message);
        number(9, 0.8, &mut message);
        message.extend([15 << 3 | 5, 1, 2, 3, 4]);
        message
    }

    #[test]
    fn the_message_is_read_and_unknown_fields_are_passed_over() {
        let report = LoadReport::from_protobuf(&message()).unwrap();
        let mut expected =
            LoadReport::new().with_cpu_utilization(0.7).with_application_utilization(0.8).with_rps(1000.0);
        expected.mem_utilization = 0.9;
        expected.eps = 2.0;
        expected.named_metrics.insert("foo".to_owned(), 123.0);
        assert_eq!(report, expected);
    }

    #[test]
    fn base64_is_read_padded_and_not() {
        let expected = LoadReport::new().with_cpu_utilization(0.5);
        // 09 and eight bytes of 0.5.
        assert_eq!(LoadReport::from_binary_header(b"CQAAAAAAAOA/"), Ok(expected.clone()));
        assert_eq!(LoadReport::from_header(b"BIN CQAAAAAAAOA/"), Ok(expected.clone()));
        // An empty field 15 makes it eleven bytes.
        assert_eq!(LoadReport::from_binary_header(b"CQAAAAAAAOA/egA="), Ok(expected.clone()));
        assert_eq!(LoadReport::from_binary_header(b"CQAAAAAAAOA/egA"), Ok(expected));
    }

    #[test]
    fn what_is_not_finite_or_breaks_off_is_refused() {
        let nan: Vec<u8> = [&[1 << 3 | 1][..], &f64::NAN.to_le_bytes()].concat();
        assert_eq!(LoadReport::from_protobuf(&nan), Err(LoadReportError::Number));
        let whole = message();
        let boundaries = [0, 9, 18, 20, 29, 38, 54, 63, 68];
        for length in 0..whole.len() {
            let read = LoadReport::from_protobuf(&whole[..length]);
            assert_eq!(read.is_ok(), boundaries.contains(&length), "the first {length} bytes");
        }
    }

    proptest! {
        #[test]
        fn a_changed_message_does_not_make_it_panic(place in 0_usize..68, byte in any::<u8>()) {
            let mut message = message();
            message[place] = byte;
            drop(LoadReport::from_protobuf(&message));
        }
    }
}
