//! Starts a private server, reports where it is, and stays: the process that the tests of this crate kill.

use std::fs;
use std::path::PathBuf;

use local::postgres::{Options, Postgres};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let report = PathBuf::from(std::env::var_os("LOCAL_TEST_REPORT").ok_or("LOCAL_TEST_REPORT is not set")?);
    let options = match std::env::var_os("LOCAL_TEST_HOME") {
        Some(home) => Options::kept(home).die_with_parent(std::env::var_os("LOCAL_TEST_ORPHAN").is_none()),
        None => Options::ephemeral(),
    };
    let server = Postgres::start(options).await?;
    let (client, connection) =
        tokio_postgres::connect(&server.superuser_url("postgres"), tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    client.batch_execute(include_str!("row.sql")).await?;
    let text = format!("{}\n{}\n{}\n", server.pid(), server.port(), server.data_directory().display());
    fs::write(report.with_extension("new"), text)?;
    fs::rename(report.with_extension("new"), report)?;
    std::future::pending::<()>().await;
    Ok(())
}
