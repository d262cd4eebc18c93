//! The document that a gateway is configured by: the balancer's configuration, and the `[gateway]` table in it.

use std::{fmt, fs, path::Path};

use serde_json::Value;
use tenantry::{Config, ConfigError, Format};

use crate::{config::Settings, document_error::DocumentError, mirror, transports};

/// What one file says: for the balancer, and for the gateway around it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Document {
    /// The balancer's part.
    pub balancer: Config,
    /// The gateway's own.
    pub settings: Settings,
    /// As it was read.
    pub(crate) text: Text,
}

/// What a file held.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) Vec<u8>);

impl fmt::Debug for Text {
    // Secrets may stand in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Document {
    /// Reads a file.
    ///
    /// # Errors
    /// The first thing that is wrong, by path, value and fix.
    pub fn read(path: &Path) -> Result<Self, DocumentError> {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let format = extension.and_then(Format::from_extension).ok_or(DocumentError::Extension)?;
        let text = fs::read_to_string(path).map_err(DocumentError::Read)?;
        Self::from_text_in(text, format, path.parent().unwrap_or_else(|| Path::new("")))
    }

    /// Reads text. Files that it names are looked for in the current folder.
    ///
    /// # Errors
    /// The first thing that is wrong, by path, value and fix.
    pub fn from_text(text: &str, format: Format) -> Result<Self, DocumentError> {
        Self::from_text_in(text.to_owned(), format, Path::new(""))
    }

    /// Reads a document's tree. `folder` is where files are that are named without one.
    ///
    /// # Errors
    /// The first thing that is wrong, by path, value and fix.
    pub fn from_tree(tree: &Value, folder: &Path) -> Result<Self, DocumentError> {
        Self::from_text_in(tree.to_string(), Format::Json, folder)
    }

    fn from_text_in(text: String, format: Format, folder: &Path) -> Result<Self, DocumentError> {
        let balancer = Config::from_text(&text, format).map_err(DocumentError::Config)?;
        let mut settings = match balancer.section("gateway") {
            Some(section) => ConfigError::read_section("gateway", section).map_err(DocumentError::Config)?,
            None => Settings::default(),
        };
        transports::dialable(&balancer)?;
        settings.resolve(&balancer, folder)?;
        let balancer = mirror::with_tenants(balancer, settings.routes());
        Ok(Self { balancer, settings, text: Text(text.into_bytes()) })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
        assert_eq!(document.settings.tenant_header().unwrap(), "x-tenant");
    }

    #[test]
    fn an_endpoint_that_cannot_be_dialled_is_refused_at_the_start() {
        for address in ["ftp://a:1", "http://a:1/base", "user:secret@a:1"] {
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

    fn with_alert(alert: &str) -> String {
        let routes = "routes = [{ path = \"/\", pool = \"api\" }]";
        format!("{routes}\nadmin = \"127.0.0.1:0\"\n[gateway.alert]\n{alert}")
    }

    #[test]
    fn what_is_wrong_is_told_by_path_value_and_fix() {
        for (gateway, parts) in [
            ("lisen = \"127.0.0.1:1\"", ["gateway.lisen", "127.0.0.1:1", "listen"]),
            ("listen = \"here\"", ["gateway.listen", "here", "socket address"]),
            ("identify = { header = \"a b\" }", ["gateway.identify.header", "a b", "name of a header"]),
            ("identify = { haeder = \"a\" }", ["gateway.identify.haeder", "\"a\"", "header"]),
            (
                "proxy_protocol = { trusted = [\"10.0.0.0/8\", \"lb\"] }\nroutes = [{ path = \"/\", pool = \"api\" }]",
                ["gateway.proxy_protocol.trusted[1]", "\"lb\"", "10.0.0.0/8"],
            ),
            (
                "forwarded = { trusted = [\"10.0.0.0/8\", \"lb\"] }\nroutes = [{ path = \"/\", pool = \"api\" }]",
                ["gateway.forwarded.trusted[1]", "\"lb\"", "10.0.0.0/8"],
            ),
            (
                "proxy_protocol = { trusted = [] }\nroutes = [{ path = \"/\", pool = \"api\" }]",
                ["gateway.proxy_protocol.trusted", "[]", "leave"],
            ),
            ("admin = \"there\"", ["gateway.admin", "there", "127.0.0.1:9090"]),
            ("admin = { lisen = \"127.0.0.1:1\" }", ["gateway.admin.lisen", "127.0.0.1:1", "listen"]),
            ("admin = { listen = \"here\" }", ["gateway.admin.listen", "here", "socket address"]),
            (
                "admin = { listen = \"127.0.0.1:1\", token_file = \"no/such\" }",
                ["gateway.admin.token_file", "no/such", "cannot be read"],
            ),
            (
                "admin = { listen = \"127.0.0.1:1\", hosts = [\"a:1\"] }",
                ["gateway.admin.hosts[0]", "a:1", "without a port"],
            ),
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
            (
                "routes = [{ path = \"/\", pool = \"api\", hedge = \"p50\" }]",
                ["gateway.routes[0].hedge", "p50", "\"p95\""],
            ),
            (
                "routes = [{ path = \"/\", pool = \"api\", retry = { tries = 3 } }]",
                ["gateway.routes[0].retry.tries", "3", "attempts"],
            ),
            (
                "routes = [{ path = \"/\", pool = \"api\", retry = { attempts = 0 } }]",
                ["gateway.routes[0].retry.attempts", "0", "nonzero"],
            ),
            ("routes = [{ path = \"/\" }]", ["gateway.routes[0]", "", "pool"]),
            ("", ["gateway.routes", "", "api, web"]),
        ] {
            let problem = problem(gateway);
            assert!(parts.iter().all(|part| problem.contains(part)), "{gateway}: {problem}");
        }
    }

    #[test]
    fn what_is_wrong_of_alerts_is_told_so_too() {
        for (gateway, parts) in [
            (
                "alert = {}\nroutes = [{ path = \"/\", pool = \"api\" }]",
                ["gateway.alert", "gateway.admin", "fires"],
            ),
            ("[gateway.alert]\nbudgets = 5", ["gateway.alert.budgets", "5", "budget"]),
            ("[gateway.alert.panic]\nfro = \"1s\"", ["gateway.alert.panic.fro", "1s", "for"]),
            ("[gateway.alert]\npanic = \"on\"", ["gateway.alert.panic", "on", "\"off\""]),
            (&with_alert("budget = { percent = 0 }"), ["gateway.alert.budget.percent", "0", "more than 0"]),
            (
                &with_alert("rejection = { window = \"5ms\" }"),
                ["gateway.alert.rejection.window", "5ms", "a second"],
            ),
            (
                &with_alert("objective = { percent = 100 }"),
                ["gateway.alert.objective.percent", "100", "99.9"],
            ),
            (
                &with_alert("objectives = { api = { percent = 99, latency = \"300ms\" } }"),
                ["gateway.alert.objectives.api.latency", "300ms", "250ms, 500ms, 1s"],
            ),
            (
                &with_alert("objectives = { apl = { percent = 99 } }"),
                ["gateway.alert.objectives.apl", "\"apl\"", "api, web"],
            ),
            (
                &with_alert("webhook = { url = \"hooks\" }"),
                ["gateway.alert.webhook.url", "", "https://host/path"],
            ),
            (
                &with_alert("webhook = { url = \"http://a/\", tls = {} }"),
                ["gateway.alert.webhook.tls", "", "https://"],
            ),
            (
                &with_alert("webhook = { url = \"http://a/\", token_file = \"no/such\" }"),
                ["gateway.alert.webhook.token_file", "no/such", "can be read"],
            ),
        ] {
            let problem = problem(gateway);
            assert!(parts.iter().all(|part| problem.contains(part)), "{gateway}: {problem}");
        }
    }
}
