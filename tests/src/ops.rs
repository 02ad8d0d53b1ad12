//! What a service tells over its ops port.

use serde_json::Value;
use testkit::TestSystem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use types::ServiceName;

/// The status and the body of what the first replica of a service answers.
pub async fn get(system: &TestSystem, service: ServiceName, path: &str) -> (u16, String) {
    let address = system.ops_addr(0, service);
    let mut stream = TcpStream::connect(address).await.expect("an answer");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("an answer");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    (head.split_whitespace().nth(1).expect("an answer").parse().expect("an answer"), body.to_owned())
}

/// Waits until a service is ready.
pub async fn is_ready(system: &TestSystem, service: ServiceName) {
    let ready = async || get(system, service, "/readyz").await.0 == 200;
    system.eventually("it is ready", ready).await;
}

/// Waits until a service is not ready and says that this condition fails, for a reason with these words.
pub async fn fails(system: &TestSystem, service: ServiceName, condition: &str, words: &str) {
    let tells = async || {
        let (status, text) = get(system, service, "/readyz").await;
        let report: Value = serde_json::from_str(&text).expect("an answer");
        let conditions = report["conditions"].as_array().expect("an answer");
        status == 503
            && report["ready"] == false
            && conditions.iter().any(|one| {
                one["name"] == condition
                    && one["ok"] == false
                    && one["reason"].as_str().expect("an answer").contains(words)
            })
    };
    system.eventually(&format!("{service} says that {condition} fails: {words}"), tells).await;
    // Not ready is not dead.
    assert_eq!(get(system, service, "/livez").await.0, 200);
}
