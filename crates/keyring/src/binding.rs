//! What a sealed secret belongs to.

/// The place of a secret: it opens only there. All five parts are associated data of the encryption, so a ciphertext
/// that was moved to another row, user or purpose does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding<'a> {
    /// The service that owns the row.
    pub service: &'a str,
    /// The table.
    pub table: &'a str,
    /// The row's id.
    pub row: &'a str,
    /// The user it belongs to; empty when it belongs to none.
    pub user: &'a str,
    /// What the secret is for.
    pub purpose: &'a str,
}

impl Binding<'_> {
    /// One encoding per binding: every part is preceded by its length, so that no two bindings read the same.
    pub(crate) fn encode(&self, context: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(160);
        for part in [context, self.service, self.table, self.row, self.user, self.purpose] {
            push(&mut bytes, part.as_bytes());
        }
        bytes
    }
}

/// Appends `part`, preceded by its length.
pub(crate) fn push(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
    bytes.extend_from_slice(part);
}
