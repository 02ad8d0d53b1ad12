//! `token`: an access token of a demo user, for `grpcurl -H "authorization: Bearer …"`.

use crate::authenticator::{Authenticator, PERIOD, present_step};
use crate::cli::TokenOptions;
use crate::env_file::Environment;
use crate::failure::{During as _, Failure, Outcome};
use crate::layout::{Layout, write_private};
use crate::platform::{Access, Platform};

pub(crate) async fn run(options: TokenOptions) -> Outcome<()> {
    let root = std::path::absolute(&options.data_dir).during("find the data directory")?;
    let layout = Layout::new(root);
    let environment = Environment::read(&layout.env_file())?;
    let prefix = environment.prefix_of_login(&options.login).ok_or_else(|| {
        Failure::new(format!("no demo user has this login; there are: {}", environment.logins().join(", ")))
    })?;
    let password = environment.get(&format!("{prefix}_PASSWORD"))?;
    let authenticator =
        environment.find(&format!("{prefix}_TOTP_SECRET")).map(Authenticator::new).transpose()?;

    let address = |key| environment.get(key).map(|value| vec![value.to_owned()]);
    let addresses = [address("TENANT_ADDR")?, address("IDENTITY_ADDR")?, address("MFA_ADDR")?];
    let platform = Platform::connect(&Access::in_layout(&layout, "console", addresses))?;

    let steps = layout.last_step(&options.login);
    let last_step =
        std::fs::read_to_string(&steps).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    if last_step > present_step() {
        tell(&format!("the last code was of the next {PERIOD} seconds; waiting for a fresh one"));
    }
    let (session, step) =
        platform.sign_in(&options.login, password, authenticator.as_ref(), last_step).await?;
    if let Some(step) = step {
        write_private(&steps, step.to_string().as_bytes()).during("remember the code's time step")?;
    }
    println!("{}", session.access_token);
    Ok(())
}

#[expect(clippy::print_stderr, reason = "standard output is for the token alone")]
fn tell(sentence: &str) {
    eprintln!("{sentence}");
}
