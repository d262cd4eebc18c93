use std::{borrow::Cow, cmp::Reverse, error, fmt, sync::Arc};

use http::{Uri, request::Parts, uri::PathAndQuery};
use tenantry::ConfigError;

use super::{
    EncodedSlashes, MatchedRoute, Methods, PathFault, Refusal, Route,
    host::Host,
    limits::Limits,
    path::{generous, normal},
};
use crate::host;

/// All routes; by default none. Cheap to clone; what tenants have used of a route's limits is shared.
///
/// ```
/// use http::Request;
/// use tenantry_tower::route::{Refusal, Route, Routes};
///
/// let routes = Routes::new([
///     Route::new("/").with_pool("web"),
///     Route::new("/admin").with_pool("admin").with_tenants(["acme"]),
/// ])?;
/// let mut request = Request::get("/public/%2e%2e/admin/users").body(()).unwrap().into_parts().0;
/// assert_eq!(routes.find(&mut request).unwrap().path(), "/admin");
/// assert_eq!(request.uri.path(), "/admin/users");
/// # Ok::<(), tenantry_tower::route::RoutesError>(())
/// ```
#[derive(Clone, Default)]
pub struct Routes {
    lanes: Arc<[Lane]>,
    /// Whether any of them asks for the request's host.
    by_host: bool,
    slashes: EncodedSlashes,
}

#[derive(Clone)]
pub(super) struct Lane {
    pub(super) route: Route,
    host: Option<Host>,
    pub(super) limits: Option<Limits>,
    matched: MatchedRoute,
}

impl Routes {
    /// These.
    ///
    /// # Errors
    /// The first that cannot be: by its place in the list, the field, and what would be right.
    pub fn new(routes: impl IntoIterator<Item = Route>) -> Result<Self, RoutesError> {
        let mut lanes: Vec<Lane> = Vec::new();
        for (index, route) in routes.into_iter().enumerate() {
            let lane = Lane::new(index, route)?;
            if let Some(twin) = lanes.iter().find(|earlier| earlier.collides_with(&lane)) {
                let twin = twin.matched.index;
                return Err(RoutesError { index, kind: Kind::Twin(twin) });
            }
            lanes.push(lane);
        }
        lanes.sort_by_key(|lane| {
            (Reverse(lane.route.path.len()), lane.route.path.clone(), Host::rank(lane.host.as_ref()))
        });
        let by_host = lanes.iter().any(|lane| lane.host.is_some());
        Ok(Self { lanes: lanes.into(), by_host, slashes: EncodedSlashes::default() })
    }

    /// What becomes of `%2F` in paths. Default: refused.
    #[must_use]
    pub const fn with_encoded_slashes(mut self, slashes: EncodedSlashes) -> Self {
        self.slashes = slashes;
        self
    }

    /// Goes on with what tenants have used of the limits of others, whose place these take: a route is the same where its path, host and methods are. The limits are the new
    /// ones, by the rules of [`Balancer::reconfigure`](tenantry::Balancer::reconfigure); the others have them, too, from now on.
    #[must_use]
    pub fn going_on_with(mut self, before: &Self) -> Self {
        for lane in Arc::make_mut(&mut self.lanes) {
            let same = before.lanes.iter().find(|earlier| earlier.is_same_as(lane));
            if let Some(used) = same.and_then(|same| same.limits.as_ref()) {
                lane.limits = lane.limits.take().map(|limits| limits.going_on_with(used));
            }
        }
        self
    }

    /// The request's route. The request's path becomes its normal form.
    ///
    /// # Errors
    /// When it has none, or its path can be read in several ways; or its host, where a route asks for one.
    pub fn find<'a>(&'a self, request: &mut Parts) -> Result<&'a MatchedRoute, Refusal> {
        self.lane(request).map(|lane| &lane.matched)
    }

    pub(super) fn lane<'a>(&'a self, request: &mut Parts) -> Result<&'a Lane, Refusal> {
        // `OPTIONS *` and `CONNECT host:port` have no path: what covers everything covers them.
        let path = match request.uri.path() {
            "" | "*" => Cow::Borrowed("/"),
            path => normal(path, self.slashes).map_err(Refusal::Path)?,
        };
        let host = if self.by_host { host::Host::of(request).map_err(|_| Refusal::Host)? } else { None };
        let host = host.map(host::Host::normal);
        let group = self.group(&path, host.as_deref());
        let reading = generous(&path);
        // A group begins with its own lane in the one list: the same place is the same group.
        let is_same = reading == path
            || self.group(&reading, host.as_deref()).map(<[Lane]>::as_ptr) == group.map(<[Lane]>::as_ptr);
        if !is_same {
            return Err(Refusal::Path(PathFault::Readings));
        }
        let group = group.ok_or(Refusal::NotFound)?;
        let takes = |lane: &&Lane| lane.route.methods.is_none_or(|methods| methods.contains(&request.method));
        let lane = group.iter().find(takes).ok_or_else(|| Refusal::Method(allowed(group)))?;
        if let Cow::Owned(path) = path
            && path != request.uri.path()
        {
            rewrite(&mut request.uri, &path);
        }
        Ok(lane)
    }

    /// The routes of the longest path that covers this one, for the narrowest host: they differ only in their methods.
    fn group(&self, path: &str, host: Option<&str>) -> Option<&[Lane]> {
        let begin = self.lanes.iter().position(|lane| lane.is_for(path, host))?;
        let lanes = &self.lanes[begin..];
        let end = lanes.iter().position(|lane| !lane.is_beside(&lanes[0])).unwrap_or(lanes.len());
        Some(&lanes[..end])
    }
}

impl Lane {
    fn new(index: usize, route: Route) -> Result<Self, RoutesError> {
        let wrong = |kind| RoutesError { index, kind };
        let form = normal(&route.path, EncodedSlashes::Refused);
        let is_normal = form.is_ok_and(|form| form == *route.path && generous(&form) == form);
        if !is_normal {
            return Err(wrong(Kind::Path(route.path.clone())));
        }
        let host = match &route.host {
            None => None,
            Some(pattern) => Some(Host::new(pattern).ok_or_else(|| wrong(Kind::Host(pattern.clone())))?),
        };
        if route.methods == Some(Methods::default()) {
            return Err(wrong(Kind::NoMethods));
        }
        let limits = route.limits.clone().map(Limits::new).transpose();
        let limits = limits.map_err(|error| wrong(Kind::Limits(error)))?;
        let matched = MatchedRoute {
            index,
            path: Arc::clone(&route.path),
            pool: route.pool.clone(),
            cost: route.cost,
            priority: route.priority,
            timeout: route.timeout,
        };
        Ok(Self { route, host, limits, matched })
    }

    pub(super) const fn matched(&self) -> &MatchedRoute {
        &self.matched
    }

    fn is_for(&self, path: &str, host: Option<&str>) -> bool {
        let is_host = self.host.as_ref().is_none_or(|own| host.is_some_and(|host| own.covers(host)));
        is_host && covers(&self.route.path, path)
    }

    fn is_beside(&self, other: &Self) -> bool {
        self.route.path == other.route.path && self.host == other.host
    }

    fn is_same_as(&self, other: &Self) -> bool {
        self.is_beside(other) && self.route.methods == other.route.methods
    }

    fn collides_with(&self, other: &Self) -> bool {
        let all = |lane: &Self| lane.route.methods.unwrap_or(Methods::ALL);
        self.is_beside(other) && all(self).overlaps(all(other))
    }
}

fn allowed(group: &[Lane]) -> Methods {
    let methods = group.iter().filter_map(|lane| lane.route.methods);
    methods.fold(Methods::default(), Methods::and)
}

/// Whole segments only. `/` covers everything.
fn covers(prefix: &str, path: &str) -> bool {
    match path.strip_prefix(prefix) {
        Some(rest) => rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/'),
        None => false,
    }
}

fn rewrite(uri: &mut Uri, path: &str) {
    let mut parts = uri.clone().into_parts();
    let target = match uri.query() {
        Some(query) => PathAndQuery::try_from(format!("{path}?{query}")),
        None => PathAndQuery::try_from(path),
    };
    parts.path_and_query = Some(target.expect("a normal path is escaped, and the query was one"));
    *uri = Uri::from_parts(parts).expect("only the path has changed");
}

/// Which route cannot be, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutesError {
    index: usize,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Path(Arc<str>),
    Host(Box<str>),
    NoMethods,
    Twin(usize),
    Limits(ConfigError),
}

impl RoutesError {
    /// Which route, in the order they were given in, from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// The route's field.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self.kind {
            Kind::Path(_) | Kind::Twin(_) => "path",
            Kind::Host(_) => "host",
            Kind::NoMethods => "methods",
            Kind::Limits(_) => "limits",
        }
    }
}

impl fmt::Display for RoutesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Path(path) => write!(
                f,
                "{path:?} is no path in its normal form: start with a slash, as \"/api\", without \"..\", \"//\", \";\" or escapes that need not be"
            ),
            Kind::Host(host) => {
                write!(f, "{host:?} is no host: write it as \"api.example.com\" or \"*.example.com\"")
            }
            Kind::NoMethods => f.write_str("name at least one method, or leave the field out"),
            Kind::Twin(twin) => {
                write!(f, "route {twin} takes the same requests: give each its own path, host or methods")
            }
            Kind::Limits(error) => error.fmt(f),
        }
    }
}

impl error::Error for RoutesError {}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |lane: &Lane| {
            let host = lane.host.as_ref().map_or("", Host::as_str);
            format!("{host}{}", lane.route.path)
        };
        f.debug_list().entries(self.lanes.iter().map(name)).finish()
    }
}
