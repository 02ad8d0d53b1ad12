//! What a followed or dependent service is reached through.

use tonic::body::Body;
use tonic::client::GrpcService;

/// A channel to another service: `rpc::PeerChannel`, or in tests a plain one.
pub trait Upstream:
    GrpcService<
        Body,
        ResponseBody = Body,
        Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        Future: Send,
    > + Clone
    + Send
    + Sync
    + 'static
{
}

impl<C> Upstream for C where
    C: GrpcService<
            Body,
            ResponseBody = Body,
            Error: Into<Box<dyn std::error::Error + Send + Sync>>,
            Future: Send,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

#[cfg(test)]
mod tests {
    use super::Upstream;

    fn is_upstream<C: Upstream>() {}

    #[test]
    fn a_peer_channel_is_one() {
        is_upstream::<rpc::PeerChannel>();
    }
}
