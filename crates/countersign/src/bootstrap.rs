//! `bootstrap`: the provider and its first administrator on an empty system, over the operator-only RPCs.

use proto::identity::user_service_client::UserServiceClient;
use proto::tenant::tenant_service_client::TenantServiceClient;
use proto::{identity, tenant};
use rpc::{PeerChannel, TlsFiles};

use crate::cli::BootstrapOptions;
use crate::failure::{During as _, Failure, Outcome};
use crate::platform::{channel, refused};

/// Whom to create.
#[derive(Debug, Clone)]
pub(crate) struct FirstAdministrator {
    pub(crate) request_id: String,
    pub(crate) provider_name: String,
    pub(crate) realm: String,
    pub(crate) login: String,
    pub(crate) display_name: String,
    pub(crate) password: String,
}

/// What was created.
#[derive(Debug)]
pub(crate) struct Bootstrapped {
    pub(crate) provider_id: String,
    pub(crate) enrollment_ticket: String,
}

/// Creates both, or finishes what an earlier call with the same request id began.
pub(crate) async fn bootstrap(
    mut tenants: TenantServiceClient<PeerChannel>,
    mut users: UserServiceClient<PeerChannel>,
    wanted: &FirstAdministrator,
) -> Outcome<Bootstrapped> {
    let request = tenant::BootstrapRequest {
        request_id: wanted.request_id.clone(),
        name: wanted.provider_name.clone(),
        realm: wanted.realm.clone(),
    };
    let provider = tenants
        .bootstrap(request)
        .await
        .map_err(|status| refused("create the provider", &status))?
        .into_inner()
        .organization
        .ok_or_else(|| Failure::new("the answer holds no organisation"))?;
    let request = identity::BootstrapRequest {
        organization_id: provider.id.clone(),
        login: wanted.login.clone(),
        display_name: wanted.display_name.clone(),
        email: String::new(),
        password: wanted.password.clone(),
    };
    let answer = users
        .bootstrap(request)
        .await
        .map_err(|status| refused("create the first administrator", &status))?
        .into_inner();
    Ok(Bootstrapped { provider_id: provider.id, enrollment_ticket: answer.enrollment_ticket })
}

pub(crate) async fn run(options: BootstrapOptions) -> Outcome<()> {
    let tls = TlsFiles { ca: options.ca, cert: options.cert, key: options.key };
    let tenants = TenantServiceClient::new(channel(&[options.tenant_addr], &tls, "tenant")?);
    let users = UserServiceClient::new(channel(&[options.identity_addr], &tls, "identity")?);
    let password = match options.password_file {
        Some(path) => {
            let text = std::fs::read_to_string(&path).during(format!("read {}", path.display()))?;
            text.lines().next().unwrap_or_default().to_owned()
        }
        None => {
            let made = random_password()?;
            // Before anything is created: whoever loses the answer needs it to ask again.
            println!(
                "password           {made}   (shown once; keep it, also to repeat this command with --password-file)"
            );
            made
        }
    };
    let wanted = FirstAdministrator {
        // The same name and realm make the same request: a retry after a lost answer goes on where it stopped.
        request_id: request_id(&options.name, &options.realm),
        provider_name: options.name,
        realm: options.realm,
        login: options.login,
        display_name: options.display_name,
        password,
    };
    let made = bootstrap(tenants, users, &wanted).await?;
    println!("provider           {}", made.provider_id);
    println!("administrator      {}", wanted.login);
    println!(
        "enrolment ticket   {}   (shown once; needed to set up the authenticator)",
        made.enrollment_ticket
    );
    println!();
    println!(
        "Next: SignInService/StartSignIn with login and password, then BeginMfaEnrollment with the ticket."
    );
    Ok(())
}

/// The id of the request for this name and realm, always the same.
fn request_id(name: &str, realm: &str) -> String {
    // No realm and no name holds a NUL, so that no two pairs read the same.
    let text = format!("countersign bootstrap\0{name}\0{realm}");
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = keyring::digest::sha256(text.as_bytes());
    let bytes = [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p];
    // Version 8 (RFC 9562 §5.8): made of what it names.
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// A password nobody has to think of: 20 characters of base32, 100 bits.
pub(crate) fn random_password() -> Outcome<String> {
    let bytes = types::random_bytes::<13>().during("draw a password")?;
    let text = data_encoding::BASE32_NOPAD.encode(bytes.as_slice()).to_lowercase();
    Ok(text.chars().take(20).collect())
}
