//! Connection URLs: building one, and turning one for the administrator into one for another role.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Error;

/// Everything but RFC 3986's unreserved characters, so that any name and password survive.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The URL for `user` in `database` on the server that `server_url` points to; its host, port and
/// parameters stay.
///
/// # Errors
/// [`Error::Url`] when `server_url` is not of the form `postgresql://…`.
pub fn url_for(server_url: &str, user: &str, password: &str, database: &str) -> Result<String, Error> {
    let (scheme, rest) = server_url.split_once("://").ok_or(Error::Url)?;
    if !matches!(scheme, "postgres" | "postgresql") {
        return Err(Error::Url);
    }
    let (rest, parameters) = match rest.split_once('?') {
        Some((rest, parameters)) => (rest, format!("?{parameters}")),
        None => (rest, String::new()),
    };
    let authority = rest.split_once('/').map_or(rest, |(authority, _)| authority);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Ok(format!("{}{parameters}", compose(scheme, host, user, password, database)))
}

/// The URL for `user` in `database` on this port of 127.0.0.1.
pub(crate) fn local_url(port: u16, user: &str, password: &str, database: &str) -> String {
    compose("postgresql", &format!("127.0.0.1:{port}"), user, password, database)
}

fn compose(scheme: &str, host: &str, user: &str, password: &str, database: &str) -> String {
    let encode = |text| utf8_percent_encode(text, RESERVED);
    format!("{scheme}://{}:{}@{host}/{}", encode(user), encode(password), encode(database))
}

/// `"name"` as it stands in a statement.
///
/// PostgreSQL cuts longer names off without a word, so two of them could be the same: refused.
pub(crate) fn identifier(name: &str) -> Result<String, Error> {
    let reason = match name {
        "" => "it is empty",
        _ if name.len() > 63 => "it is longer than 63 bytes",
        _ if name.contains('\0') => "it contains a NUL character",
        _ => return Ok(format!("\"{}\"", name.replace('"', "\"\""))),
    };
    Err(Error::Name { name: name.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_server_and_replaces_the_rest() {
        for (server, expected) in [
            (
                "postgresql://postgres:a@127.0.0.1:5432/postgres",
                "postgresql://o%3A:p%40%2F@127.0.0.1:5432/d%3F",
            ),
            ("postgres://h", "postgres://o%3A:p%40%2F@h/d%3F"),
            (
                "postgres://u@[::1]:1/x?sslmode=disable",
                "postgres://o%3A:p%40%2F@[::1]:1/d%3F?sslmode=disable",
            ),
        ] {
            let url = url_for(server, "o:", "p@/", "d?").unwrap();
            assert_eq!(url, expected);
            let config: tokio_postgres::Config = url.parse().unwrap();
            assert_eq!(config.get_user(), Some("o:"));
            assert_eq!(config.get_password(), Some("p@/".as_bytes()));
            assert_eq!(config.get_dbname(), Some("d?"));
        }
        for none in ["", "127.0.0.1", "mysql://h/d", "host=localhost user=x"] {
            assert!(matches!(url_for(none, "u", "p", "d"), Err(Error::Url)), "{none:?}");
        }
    }

    #[test]
    fn quotes_any_name_and_refuses_what_would_be_cut_off() {
        assert_eq!(identifier(r#"a"; DROP DATABASE b; --"#).unwrap(), r#""a""; DROP DATABASE b; --""#);
        assert!(identifier(&"x".repeat(63)).is_ok());
        for bad in ["", "a\0b", &"é".repeat(32)] {
            assert!(matches!(identifier(bad), Err(Error::Name { .. })), "{bad:?}");
        }
    }
}
