//! How much a list shows at once.

/// The number of entries on a page: 1 to 500.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageSize(u16);

impl PageSize {
    /// What a caller gets who asked for no particular size.
    pub(crate) const DEFAULT: Self = Self(50);
    /// The most a caller gets, whatever was asked for.
    pub(crate) const MOST: Self = Self(500);

    /// The size asked for: 0 is the default, what exceeds the most is cut to it. `None` for a negative number.
    #[must_use]
    pub(crate) fn asked(number: i32) -> Option<Self> {
        match number {
            ..0 => None,
            0 => Some(Self::DEFAULT),
            _ => Some(u16::try_from(number).map_or(Self::MOST, |number| Self(number.min(Self::MOST.0)))),
        }
    }

    /// The number of entries.
    #[must_use]
    pub(crate) fn entries(self) -> usize {
        usize::from(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bounded_whatever_is_asked_for() {
        for (asked, entries) in [(0, 50), (1, 1), (50, 50), (500, 500), (501, 500), (i32::MAX, 500)] {
            assert_eq!(PageSize::asked(asked).map(PageSize::entries), Some(entries), "{asked}");
        }
        assert_eq!(PageSize::asked(-1), None);
        assert_eq!(PageSize::asked(i32::MIN), None);
    }
}
