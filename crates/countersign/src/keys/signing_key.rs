//! `keys rotate-signing-key`.

use proto::identity::RotateSigningKeyRequest;
use proto::identity::session_service_client::SessionServiceClient;
use rpc::TlsFiles;
use time::OffsetDateTime;

use crate::cli::SigningKeyOptions;
use crate::failure::{During as _, Failure, Outcome};
use crate::platform::{channel, refused};

pub(super) async fn run(options: SigningKeyOptions) -> Outcome<()> {
    let tls = TlsFiles { ca: options.ca, cert: options.cert, key: options.key };
    let mut sessions = SessionServiceClient::new(channel(&[options.identity_addr], &tls, "identity")?);
    let answer = sessions.rotate_signing_key(RotateSigningKeyRequest {}).await;
    let next = answer.map_err(|status| refused("rotate the signing key", &status))?.into_inner();
    let sign_from = next.sign_from.ok_or_else(|| Failure::new("the answer holds no time"))?;
    let sign_from = OffsetDateTime::from_unix_timestamp(sign_from.seconds).during("read the answer")?;
    println!("the key {} is published, and signs from {sign_from}", next.key_id);
    Ok(())
}
