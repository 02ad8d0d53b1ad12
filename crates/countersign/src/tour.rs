//! `tour`: the nine steps of the journey against a system of its own, each shown and checked.

mod show;
mod steps;

use std::net::TcpListener;

use crate::failure::{During as _, Failure, Outcome};
use crate::system::{System, SystemOptions};

pub(crate) async fn run() -> Outcome<()> {
    telemetry::init("tour", telemetry::LogFormat::Text);
    let temporary = tempfile::tempdir().during("make a temporary directory")?;
    println!("Starting a system of its own for the tour …");
    let system = System::start(SystemOptions {
        data_dir: temporary.path().join("data"),
        ephemeral: true,
        port_base: free_port_base()?,
        replicas: 1,
        database_url: None,
    })
    .await?;
    let walked = steps::walk(&system).await;
    let stopped = system.stop().await;
    walked?;
    stopped?;
    println!("\nThe tour is over: every step did what it should.");
    Ok(())
}

/// A base whose next three ports are free at this moment.
fn free_port_base() -> Outcome<u16> {
    for _ in 0..50 {
        let listener = TcpListener::bind("127.0.0.1:0").during("find free ports")?;
        let base = listener.local_addr().during("find free ports")?.port();
        let next = base.checked_add(3);
        if next.is_some() && (base + 1..=base + 3).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok())
        {
            return Ok(base);
        }
    }
    Err(Failure::new("could not find four free ports in a row"))
}
