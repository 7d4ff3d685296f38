//! A limit that was hit, as an error that ends a guest and is found again outside.

use std::fmt;

use sealock_contract::seam::{LimitName, StopCause};

/// Raised by a host function, carried out through the guest as a trap.
#[derive(Clone, Debug)]
pub(crate) struct LimitHit {
    pub(crate) name: LimitName,
    /// What it is, with its unit.
    pub(crate) limit: String,
}

impl LimitHit {
    pub(crate) fn bytes(name: LimitName, bytes: u64) -> Self {
        Self { name, limit: in_bytes(bytes) }
    }

    pub(crate) fn count(name: LimitName, count: u64) -> Self {
        Self { name, limit: count.to_string() }
    }

    pub(crate) fn into_cause(self) -> StopCause {
        StopCause::Limit { name: self.name, limit: self.limit }
    }
}

impl fmt::Display for LimitHit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the limit of {} was hit: {}", self.name, self.limit)
    }
}

impl std::error::Error for LimitHit {}

/// `bytes` in the largest unit that divides it.
pub(crate) fn in_bytes(bytes: u64) -> String {
    const UNITS: [(&str, u32); 3] = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let fits = |&&(_, shift): &&(&str, u32)| bytes >= 1 << shift && bytes.trailing_zeros() >= shift;
    match UNITS.iter().find(fits) {
        Some((unit, shift)) => format!("{} {unit}", bytes >> shift),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::in_bytes;

    #[test]
    fn sizes_are_shown_in_the_unit_they_were_written_in() {
        assert_eq!(in_bytes(256 << 20), "256 MiB");
        assert_eq!(in_bytes(1 << 30), "1 GiB");
        assert_eq!(in_bytes((64 << 20) + 1), "67108865 bytes");
        assert_eq!(in_bytes(0), "0 bytes");
    }
}
