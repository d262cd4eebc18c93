//! The `[gateway]` table, and the document that it is part of.

use std::{error, fmt, fs, io, net::SocketAddr, path::Path, time::Duration};

use http::HeaderName;
use hyper::body::Incoming;
use serde::Deserialize;
use tenantry::{Config, ConfigError, Format};
use tenantry_tower::proxy::ReverseProxy;

/// What one file says: for the balancer, and for the gateway around it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Document {
    /// The balancer's part.
    pub balancer: Config,
    /// The gateway's own.
    pub settings: Settings,
}

/// The `[gateway]` table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    listen: SocketAddr,
    identify: Identify,
    routes: Vec<Route>,
    drain: Span,
    rate_limit_headers: RateLimitHeaders,
}

/// What answers say about the tenant's rates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RateLimitHeaders {
    /// Nothing: what an upstream says of its own goes through as it is.
    Off,
    /// `RateLimit-Policy` and `RateLimit`, instead of what an upstream says.
    #[default]
    Current,
    /// These, and the older `X-RateLimit-*`, with the reset in seconds from now.
    Older,
}

/// One of `routes`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    path: Prefix,
    pool: String,
    key: Option<Identify>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Identify {
    header: Name,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Name(HeaderName);

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
struct Prefix(String);

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Span(Duration);

/// Why a file cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum DocumentError {
    /// It cannot be read.
    Read(io::Error),
    /// Its extension is none of `toml`, `yaml`, `yml`, `json`.
    Extension,
    /// Something in it is wrong.
    Config(ConfigError),
    /// The parts do not fit: a route's pool does not exist, or the gateway cannot dial an endpoint.
    Unfit {
        /// Where it stands.
        path: String,
        /// What stands there.
        value: String,
        /// What would be right.
        fix: String,
    },
}

impl Document {
    /// Reads a file.
    ///
    /// # Errors
    /// The first thing that is wrong, by path, value and fix.
    pub fn read(path: &Path) -> Result<Self, DocumentError> {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let format = extension.and_then(Format::from_extension).ok_or(DocumentError::Extension)?;
        Self::from_text(&fs::read_to_string(path).map_err(DocumentError::Read)?, format)
    }

    /// Reads text.
    ///
    /// # Errors
    /// The first thing that is wrong, by path, value and fix.
    pub fn from_text(text: &str, format: Format) -> Result<Self, DocumentError> {
        let balancer = Config::from_text(text, format).map_err(DocumentError::Config)?;
        let mut settings = match balancer.section("gateway") {
            Some(section) => ConfigError::read_section("gateway", section).map_err(DocumentError::Config)?,
            None => Settings::default(),
        };
        dialable(&balancer)?;
        settings.resolve(&balancer)?;
        Ok(Self { balancer, settings })
    }
}

impl Settings {
    /// The defaults, with one route that leads everything to one pool.
    #[must_use]
    pub fn for_only_pool(name: &str) -> Self {
        let route = Route { path: Prefix("/".to_owned()), pool: name.to_owned(), key: None };
        Self { routes: vec![route], ..Self::default() }
    }

    /// Where to listen. Default `127.0.0.1:8080`.
    #[must_use]
    pub const fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// The header that names the tenant. Default `x-tenant`.
    #[must_use]
    pub const fn tenant_header(&self) -> &HeaderName {
        &self.identify.header.0
    }

    /// The routes, of which the longest path wins.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// How long requests in flight may take after a signal. Default 30 s.
    #[must_use]
    pub const fn drain(&self) -> Duration {
        self.drain.0
    }

    /// What answers say about the tenant's rates. Default: the current fields.
    #[must_use]
    pub const fn rate_limit_headers(&self) -> RateLimitHeaders {
        self.rate_limit_headers
    }

    /// Checks the routes against the pools, and makes the one that goes without saying.
    fn resolve(&mut self, balancer: &Config) -> Result<(), DocumentError> {
        let pools: Vec<&str> = balancer.pools().keys().map(String::as_str).collect();
        let wrong = |path: String, value: String, fix: String| Err(DocumentError::Unfit { path, value, fix });
        if pools.is_empty() {
            let fix = "add a pool: [pools.api] with endpoints = [\"http://10.0.0.1:8080\"]".into();
            return wrong("pools".into(), String::new(), fix);
        }
        if self.routes.is_empty() {
            let [pool] = *pools else {
                let fix = format!(
                    "add routes that say which pool serves what; the pools are: {}",
                    pools.join(", ")
                );
                return wrong("gateway.routes".into(), String::new(), fix);
            };
            self.routes = Self::for_only_pool(pool).routes;
        }
        for (index, route) in self.routes.iter().enumerate() {
            if !pools.contains(&route.pool.as_str()) {
                let fix = format!("name one of the pools: {}", pools.join(", "));
                return wrong(format!("gateway.routes[{index}].pool"), format!("{:?}", route.pool), fix);
            }
            if self.routes[..index].iter().any(|earlier| earlier.path == route.path) {
                let fix = "give each route its own path".into();
                return wrong(format!("gateway.routes[{index}].path"), format!("{:?}", route.path.0), fix);
            }
        }
        Ok(())
    }
}

impl Route {
    /// What a request's path starts with.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path.0
    }

    /// The pool that serves it.
    #[must_use]
    pub fn pool(&self) -> &str {
        &self.pool
    }

    /// The header whose value is the key for hash strategies.
    #[must_use]
    pub fn key_header(&self) -> Option<&HeaderName> {
        self.key.as_ref().map(|key| &key.header.0)
    }
}

/// Checks that the gateway can dial every endpoint, now rather than at the first request.
fn dialable(balancer: &Config) -> Result<(), DocumentError> {
    for (name, pool) in balancer.pools() {
        for (index, endpoint) in pool.endpoints().iter().enumerate() {
            if ReverseProxy::<Incoming>::check_address(endpoint.address()).is_err() {
                let path = format!("pools.{name}.endpoints[{index}].address");
                // What stands before an @ may be a password.
                let value = format!("{:?}", endpoint.address().rsplit('@').next().unwrap_or_default());
                let fix =
                    "write \"http://host:port\", without a path: the gateway speaks plain HTTP to endpoints";
                return Err(DocumentError::Unfit { path, value, fix: fix.into() });
            }
        }
    }
    Ok(())
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            identify: Identify { header: Name(HeaderName::from_static("x-tenant")) },
            routes: Vec::new(),
            drain: Span(Duration::from_secs(30)),
            rate_limit_headers: RateLimitHeaders::default(),
        }
    }
}

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self).map_err(|_| "write the name of a header, as \"x-tenant\"")
    }
}

impl TryFrom<String> for Prefix {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.starts_with('/') {
            Ok(Self(text))
        } else {
            Err("write a path that starts with a slash, as \"/api\"")
        }
    }
}

impl TryFrom<String> for Span {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let scale = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            _ => 0,
        };
        let millis = number.parse::<u64>().ok().and_then(|number| number.checked_mul(scale));
        match millis {
            Some(millis) if scale > 0 => Ok(Self(Duration::from_millis(millis))),
            _ => Err("write a number and its unit: ms, s or m, as \"30s\""),
        }
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::Extension => {
                f.write_str("name the file .toml, .yaml, .yml or .json, so that its format is known")
            }
            Self::Config(error) => error.fmt(f),
            Self::Unfit { path, value, fix } if value.is_empty() => write!(f, "{path}: {fix}"),
            Self::Unfit { path, value, fix } => write!(f, "{path}: {value} cannot be used: {fix}"),
        }
    }
}

impl error::Error for DocumentError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(gateway: &str) -> String {
        let pools = "[pools.api]\nendpoints = [\"http://a:1\"]\n[pools.web]\nendpoints = [\"http://a:2\"]\n";
        Document::from_text(&format!("{pools}[gateway]\n{gateway}"), Format::Toml).unwrap_err().to_string()
    }

    #[test]
    fn the_documented_sample_is_valid() {
        let document = Document::from_text(include_str!("../gateway.toml"), Format::Toml).unwrap();
        let routes: Vec<_> =
            document.settings.routes().iter().map(|route| (route.path(), route.pool())).collect();
        assert_eq!(routes, [("/", "api"), ("/reports", "reports")]);
        assert_eq!(document.settings.drain(), Duration::from_secs(30));
        tenantry::Balancer::new(document.balancer).unwrap();
    }

    #[test]
    fn one_pool_needs_no_routes_and_no_gateway_table() {
        let document =
            Document::from_text("[pools.api]\nendpoints = [\"http://a:1\"]", Format::Toml).unwrap();
        assert_eq!(document.settings.routes()[0].pool(), "api");
        assert_eq!(document.settings.tenant_header(), "x-tenant");
    }

    #[test]
    fn an_endpoint_that_cannot_be_dialled_is_refused_at_the_start() {
        for address in ["https://a:1", "http://a:1/base", "user:secret@a:1"] {
            let text = format!("[pools.api]\nendpoints = [\"http://a:1\", \"{address}\"]");
            let problem = Document::from_text(&text, Format::Toml).unwrap_err().to_string();
            let shown = address.trim_start_matches("user:secret@");
            let parts = ["pools.api.endpoints[1].address", shown, "http://host:port"];
            assert!(parts.iter().all(|part| problem.contains(part)), "{problem}");
            assert!(!problem.contains("secret"), "{problem}");
        }
        let problem = Document::from_text("", Format::Toml).unwrap_err().to_string();
        assert!(problem.starts_with("pools: add a pool"), "{problem}");
    }

    #[test]
    fn what_is_wrong_is_told_by_path_value_and_fix() {
        for (gateway, parts) in [
            ("lisen = \"127.0.0.1:1\"", ["gateway.lisen", "127.0.0.1:1", "listen"]),
            ("listen = \"here\"", ["gateway.listen", "here", "socket address"]),
            ("identify = { header = \"a b\" }", ["gateway.identify.header", "a b", "name of a header"]),
            ("identify = { haeder = \"a\" }", ["gateway.identify.haeder", "\"a\"", "header"]),
            ("rate_limit_headers = \"new\"", ["gateway.rate_limit_headers", "new", "current"]),
            ("drain = \"soon\"", ["gateway.drain", "soon", "a number and its unit"]),
            (
                "routes = [{ path = \"x\", pool = \"api\" }]",
                ["gateway.routes[0].path", "\"x\"", "starts with a slash"],
            ),
            (
                "routes = [{ path = \"/\", pool = \"apl\" }]",
                ["gateway.routes[0].pool", "\"apl\"", "api, web"],
            ),
            (
                "routes = [{ path = \"/\", pool = \"api\" }, { path = \"/\", pool = \"web\" }]",
                ["gateway.routes[1].path", "\"/\"", "its own path"],
            ),
            ("routes = [{ path = \"/\" }]", ["gateway.routes[0]", "", "pool"]),
            ("", ["gateway.routes", "", "api, web"]),
        ] {
            let problem = problem(gateway);
            assert!(parts.iter().all(|part| problem.contains(part)), "{gateway}: {problem}");
        }
    }
}
