//! Everything in a database, as text and with its bytes decoded.

use data_encoding::HEXLOWER;
use futures::TryStreamExt as _;
use tokio_postgres::{Client, Error, NoTls};

/// Every row of every table of our own, in PostgreSQL's text form; and all binary values in it, decoded.
pub(super) struct Dump {
    pub(super) text: Vec<u8>,
    pub(super) decoded: Vec<u8>,
}

/// Reads a database as the superuser.
///
/// # Errors
/// PostgreSQL's.
pub(super) async fn dump(url: &str) -> Result<Dump, Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let connection = tokio::spawn(connection);
    let text = read(&client).await?;
    drop(client);
    drop(connection.await);
    let decoded = decoded(&text);
    Ok(Dump { text, decoded })
}

async fn read(client: &Client) -> Result<Vec<u8>, Error> {
    client.batch_execute("SET lock_timeout = '10s'").await?;
    let tables = "SELECT format('%I.%I', n.nspname, c.relname)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') ORDER BY 1";
    let mut text = Vec::new();
    for row in client.query(tables, &[]).await? {
        let table: String = row.get(0);
        text.extend_from_slice(format!("\ntable {table}\n").as_bytes());
        let rows = client.copy_out(&format!("COPY {table} TO STDOUT")).await?;
        let mut rows = std::pin::pin!(rows);
        while let Some(chunk) = rows.try_next().await? {
            text.extend_from_slice(&chunk);
        }
    }
    Ok(text)
}

/// What stands in hexadecimal after `\x` - with as many backslashes as its nesting asks for - as the bytes that it is.
fn decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.windows(2).position(|pair| pair == b"\\x") {
        rest = &rest[start + 2..];
        let length = rest.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        decoded.extend(HEXLOWER.decode(&rest[..length - length % 2]).unwrap_or_default());
        decoded.push(b'\n');
        rest = &rest[length..];
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_decoded_wherever_they_stand() {
        let text = b"1\t\\\\x63616e617279\tx\\x\t{\"\\\\\\\\x73696e6773\",NULL}\n\\\\x0";
        assert_eq!(decoded(text), b"canary\n\nsings\n\n");
    }
}
