//! How long somebody has to wait after failures, kept in a table that never grows.
//!
//! A delay is bounded: it slows guessing down and locks nobody out. Pure: times come in as milliseconds, keys as hashes whose
//! secret the caller holds.

/// A point in time, in milliseconds since 1970.
pub type Millis = i64;

/// How many cells share the places of one row: the coldest of them makes room for a new key.
const WAYS: usize = 4;
/// How many failures beyond the free ones are remembered: enough for the longest delay, few enough to be forgotten soon.
const REMEMBERED: i64 = 6;

/// From how many failures on there is a delay, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// So many failures cost nothing.
    pub free: u32,
    /// The delay after one more; it doubles with every further one.
    pub first: Millis,
    /// It is never longer.
    pub longest: Millis,
    /// One failure is forgotten in this time.
    pub forget: Millis,
}

impl Rule {
    /// The delay that `failures` cost.
    #[must_use]
    pub fn delay(&self, failures: i64) -> Millis {
        match failures - i64::from(self.free) {
            ..=0 => 0,
            over => (over - 1).try_into().map_or(self.longest, |doublings: u32| {
                self.first.checked_shl(doublings.min(30)).unwrap_or(self.longest).min(self.longest)
            }),
        }
    }

    /// The most debt that is remembered.
    fn limit(&self) -> Millis {
        (i64::from(self.free) + REMEMBERED) * self.forget
    }
}

/// The failures of one key. A failure adds `forget` to the debt, and time pays it back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Cell {
    /// The key; 0 is nobody's.
    key: u64,
    /// When all failures are forgotten.
    forgotten: Millis,
    /// Until when nothing is looked at.
    closed: Millis,
}

impl Cell {
    /// What is left of the debt at `now`. A clock that jumps back makes it no longer than it can ever be.
    fn debt(&self, rule: &Rule, now: Millis) -> Millis {
        (self.forgotten - now).clamp(0, rule.limit())
    }

    fn failures(&self, rule: &Rule, now: Millis) -> i64 {
        // Rounded up: a failure counts until it is forgotten entirely.
        (self.debt(rule, now) + rule.forget - 1) / rule.forget.max(1)
    }

    fn wait(&self, rule: &Rule, now: Millis) -> Millis {
        (self.closed - now).clamp(0, rule.longest)
    }
}

/// A failure that was written down, to be taken back when it turns out to be none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    key: u64,
    before: Millis,
    after: Millis,
}

/// The failures of many keys: a table of fixed size. Who fails under ever new keys pushes out what is nearly forgotten, and
/// never makes it grow.
#[derive(Debug)]
pub struct Cells {
    rule: Rule,
    rows: Vec<[Cell; WAYS]>,
}

impl Cells {
    /// A table of so many cells under one rule.
    #[must_use]
    pub fn new(rule: Rule, cells: usize) -> Self {
        Self { rule, rows: vec![[Cell::default(); WAYS]; (cells / WAYS).max(1)] }
    }

    /// How many failures of `key` are not forgotten.
    #[must_use]
    pub fn failures(&self, key: u64, now: Millis) -> i64 {
        self.find(key).map_or(0, |cell| cell.failures(&self.rule, now))
    }

    /// How long `key` has to wait.
    #[must_use]
    pub fn wait(&self, key: u64, now: Millis) -> Millis {
        self.find(key).map_or(0, |cell| cell.wait(&self.rule, now))
    }

    /// Writes a failure down. It is one act with [`Self::wait`] for whoever holds the table.
    pub fn charge(&mut self, key: u64, now: Millis) -> Charge {
        let rule = self.rule;
        let row = self.row(key);
        let Some(row) = self.rows.get_mut(row) else { return Charge { key, before: 0, after: 0 } };
        let cell = claim(row, &rule, key, now);
        let before = cell.closed;
        cell.forgotten = now + (cell.debt(&rule, now) + rule.forget).min(rule.limit());
        let delay = rule.delay(cell.failures(&rule, now));
        // Never shorter than what somebody was told already.
        cell.closed = now + cell.wait(&rule, now).max(delay);
        Charge { key, before, after: cell.closed }
    }

    /// Takes a failure back.
    pub fn refund(&mut self, charge: Charge, now: Millis) {
        let rule = self.rule;
        let Some(cell) = self.find_mut(charge.key) else { return };
        cell.forgotten = now + (cell.debt(&rule, now) - rule.forget).max(0);
        if cell.closed == charge.after {
            cell.closed = charge.before;
        }
    }

    /// Forgets a key's failures.
    pub fn clear(&mut self, key: u64) {
        if let Some(cell) = self.find_mut(key) {
            *cell = Cell::default();
        }
    }

    /// How many bytes it takes, at all times.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.rows.len() * size_of::<[Cell; WAYS]>()
    }

    fn row(&self, key: u64) -> usize {
        // The table is far smaller than 2^32 rows; what is left of the key tells the cells of a row apart.
        usize::try_from(key).unwrap_or(usize::MAX) % self.rows.len().max(1)
    }

    fn find(&self, key: u64) -> Option<&Cell> {
        self.rows.get(self.row(key))?.iter().find(|cell| cell.key == key)
    }

    fn find_mut(&mut self, key: u64) -> Option<&mut Cell> {
        let row = self.row(key);
        self.rows.get_mut(row)?.iter_mut().find(|cell| cell.key == key)
    }
}

/// The key's cell, in place of the coldest one of its row where it has none.
fn claim<'a>(row: &'a mut [Cell; WAYS], rule: &Rule, key: u64, now: Millis) -> &'a mut Cell {
    let heat = |cell: &Cell| if cell.key == key { Millis::MIN } else { cell.debt(rule, now) };
    let [first, rest @ ..] = row;
    let mut coldest = first;
    for cell in rest {
        if heat(cell) < heat(coldest) {
            coldest = cell;
        }
    }
    if coldest.key != key {
        *coldest = Cell { key, ..Cell::default() };
    }
    coldest
}

#[cfg(test)]
mod tests;
