//! The peer of the connection's certificate.

use std::sync::Arc;

use access::Caller;
use async_trait::async_trait;
use fault::Reason;

use crate::server::step::{ConnectionPeer, Next, Request, Response, Step, refuse};

/// A certificate of our authorities that names no peer of our trust domain gets through the handshake and no further.
pub(in crate::server) struct KnowPeer;

#[async_trait]
impl Step for KnowPeer {
    async fn call(&self, mut request: Request, next: Next<'_>) -> Response {
        let peer = request.extensions().get::<ConnectionPeer>().and_then(|ConnectionPeer(peer)| peer.clone());
        let Some(peer) = peer else { return refuse(Reason::PeerNotAllowed) };
        request.extensions_mut().insert(Arc::new(Caller { peer, user: None }));
        next.run(request).await
    }
}
