//! What a client says to PostgreSQL: a relay that writes down every message's kind.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The relay.
pub(crate) struct Wiretap {
    /// Its URL: the same database by another port.
    pub(crate) url: String,
    said: Arc<Mutex<String>>,
}

impl Wiretap {
    /// A relay to the server of a URL.
    pub(crate) async fn on(url: &str) -> Self {
        let server = url.rsplit_once('@').unwrap().1.split_once('/').unwrap().0.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().to_string();
        let said = Arc::new(Mutex::new(String::new()));
        let relay = Self { url: url.replacen(&server, &own, 1), said: Arc::clone(&said) };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(pass_on(client, server, Arc::clone(&said)));
            }
        });
        relay
    }

    /// What was said since the last time: a letter for each message (`P`arse, `B`ind, `E`xecute, `Q`uery, `S`ync …).
    pub(crate) fn take(&self) -> String {
        std::mem::take(&mut *self.said.lock().unwrap())
    }
}

async fn pass_on(client: TcpStream, server: TcpStream, said: Arc<Mutex<String>>) {
    let ((mut asks, mut answers), (mut answered, mut asked)) = (client.into_split(), server.into_split());
    tokio::spawn(async move { tokio::io::copy(&mut answered, &mut answers).await.map(drop) });
    // The first message, alone, has no kind (PostgreSQL's protocol, "Message Formats").
    let mut has_kind = false;
    loop {
        let mut head = vec![0; if has_kind { 5 } else { 4 }];
        if asks.read_exact(&mut head).await.is_err() {
            return;
        }
        let length: [u8; 4] = head[head.len() - 4..].try_into().unwrap();
        let mut body = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap() - 4];
        asks.read_exact(&mut body).await.unwrap();
        if has_kind {
            said.lock().unwrap().push(char::from(head[0]));
        }
        has_kind = true;
        if asked.write_all(&head).await.is_err() || asked.write_all(&body).await.is_err() {
            return;
        }
    }
}
