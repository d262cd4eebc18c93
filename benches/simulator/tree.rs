//! The tree of shares as a configuration writes it: the tenants that ask, and the groups above them.

use tenantry::{Amount, Config, Rate, TenantSpec, UnknownTenants};

/// Tenants and groups, each with its weight among its siblings.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tree {
    /// The tenants that ask, in their order; then the groups.
    nodes: Vec<Node>,
    tenants: usize,
}

/// A tenant, or a group of those beneath one parent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) weight: f64,
    /// The group that it is in; `None` is the top.
    pub(crate) parent: Option<usize>,
    /// Whoever has seats of its own, itself or somebody beneath it, is served by another rule than by its weight alone.
    pub(crate) by_weight: bool,
    /// The most seats that it may have.
    pub(crate) max_seats: Option<Amount>,
    /// The most requests inside, waiting or in flight; a parent's count for its group.
    pub(crate) max_in_flight: Option<u32>,
    /// Likewise.
    pub(crate) rates: Vec<Rate>,
}

impl Tree {
    /// Where these tenants stand. A parent's own requests stand beside its children's with weight 1.
    pub(crate) fn new(config: &Config, tenants: &[String]) -> Self {
        let nodes = tenants.iter().map(|name| Node::new(name, None)).collect();
        let mut tree = Self { nodes, tenants: tenants.len() };
        for (at, name) in tenants.iter().enumerate() {
            let Some(spec) = spec_of(config, name) else { continue };
            if is_parent(config, name) {
                let parent = tree.group(config, name);
                tree.nodes[at] = Node { parent: Some(parent), ..Node::new(name, None) };
            } else {
                let parent = spec.parent().map(|parent| tree.group(config, parent));
                tree.nodes[at] = Node { parent, ..Node::new(name, Some(spec)) };
            }
        }
        for node in (0..tree.nodes.len()).filter(|&node| !tree.nodes[node].by_weight).collect::<Vec<_>>() {
            let above: Vec<_> = tree.upwards(node).collect();
            above.into_iter().for_each(|node| tree.nodes[node].by_weight = false);
        }
        tree
    }

    /// The group of this parent, made where there is none yet.
    fn group(&mut self, config: &Config, parent: &str) -> usize {
        let name = format!("{parent} (group)");
        if let Some(known) = self.nodes.iter().position(|node| node.name == name) {
            return known;
        }
        let spec = config.tenants().get(parent);
        let above = spec.and_then(TenantSpec::parent).map(|above| self.group(config, above));
        self.nodes.push(Node { parent: above, ..Node::new(&name, spec) });
        self.nodes.len() - 1
    }

    /// Tenants, in their order, and groups.
    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// How many of the nodes are tenants.
    pub(crate) const fn tenants(&self) -> usize {
        self.tenants
    }

    /// A node and the groups above it, itself first.
    pub(crate) fn upwards(&self, node: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(node), |&at| self.nodes[at].parent)
    }

    /// Max-min shares of `amount`: nobody gets more than it wants, what it leaves goes to its siblings by their weights, and so
    /// on at every level. `demands` are the tenants', and may be infinite.
    pub(crate) fn fair_shares(&self, demands: &[f64], amount: f64) -> Vec<f64> {
        let mut wanted = vec![0.0; self.nodes.len()];
        for (tenant, demand) in demands.iter().enumerate() {
            self.upwards(tenant).for_each(|node| wanted[node] += demand);
        }
        let mut shares = vec![0.0; self.nodes.len()];
        self.share_out(None, amount, &wanted, &mut shares);
        shares.truncate(demands.len());
        shares
    }

    fn share_out(&self, parent: Option<usize>, amount: f64, wanted: &[f64], shares: &mut [f64]) {
        let mut open: Vec<usize> =
            (0..self.nodes.len()).filter(|&node| self.nodes[node].parent == parent).collect();
        let mut left = amount;
        loop {
            let level = left / open.iter().map(|&node| self.nodes[node].weight).sum::<f64>();
            let (content, more): (Vec<usize>, Vec<usize>) =
                open.iter().partition(|&&node| wanted[node] <= level * self.nodes[node].weight);
            for &node in &content {
                shares[node] = wanted[node];
                left -= wanted[node];
            }
            if content.is_empty() || more.is_empty() {
                more.iter().for_each(|&node| shares[node] = level * self.nodes[node].weight);
                break;
            }
            open = more;
        }
        for node in (0..self.nodes.len()).filter(|&node| self.nodes[node].parent == parent) {
            if self.nodes.iter().any(|child| child.parent == Some(node)) {
                self.share_out(Some(node), shares[node], wanted, shares);
            }
        }
    }
}

impl Node {
    fn new(name: &str, spec: Option<&TenantSpec>) -> Self {
        Self {
            name: name.to_owned(),
            weight: spec.map_or(1.0, |spec| f64::from(spec.weight())),
            parent: None,
            by_weight: spec.is_none_or(|spec| spec.seats().is_none()),
            max_seats: spec.and_then(|spec| spec.seats().max()),
            max_in_flight: spec.and_then(TenantSpec::max_in_flight),
            rates: spec.map_or_else(Vec::new, |spec| spec.rates().to_vec()),
        }
    }
}

/// What a tenant is configured to be, itself or by the template of unknown ones.
pub(crate) fn spec_of<'a>(config: &'a Config, tenant: &str) -> Option<&'a TenantSpec> {
    let template = || match config.unknown_tenants() {
        UnknownTenants::Template { name, .. } => config.templates().get(name),
        _ => None,
    };
    config.tenants().get(tenant).or_else(template)
}

fn is_parent(config: &Config, tenant: &str) -> bool {
    let specs = config.tenants().values().chain(config.templates().values());
    specs.filter_map(TenantSpec::parent).any(|parent| parent == tenant)
}

#[cfg(test)]
impl Tree {
    /// Tenants of these weights beside each other, named by their numbers.
    pub(crate) fn of_weights(weights: &[u32]) -> Self {
        let nodes = weights.iter().enumerate();
        let node =
            |(at, &weight): (usize, &u32)| Node { weight: weight.into(), ..Node::new(&at.to_string(), None) };
        Self { nodes: nodes.map(node).collect(), tenants: weights.len() }
    }

    /// These of the tenants as one group of weight 1.
    pub(crate) fn with_group(mut self, tenants: &[usize]) -> Self {
        let group = self.nodes.len();
        self.nodes.push(Node::new("group", None));
        tenants.iter().for_each(|&tenant| self.nodes[tenant].parent = Some(group));
        self
    }

    /// As if a tenant's weight were another.
    pub(crate) fn set_rates(&mut self, node: usize, rates: Vec<Rate>) {
        self.nodes[node].rates = rates;
    }

    pub(crate) fn set_max_in_flight(&mut self, node: usize, most: u32) {
        self.nodes[node].max_in_flight = Some(most);
    }

    pub(crate) fn set_weight(&mut self, node: usize, weight: f64) {
        self.nodes[node].weight = weight;
    }

    /// As if a tenant's most seats were others.
    pub(crate) fn set_max_seats(&mut self, node: usize, most: Amount) {
        self.nodes[node].max_seats = Some(most);
    }
}

#[cfg(test)]
mod tests {
    use tenantry::Format;

    use super::*;

    fn tree(tenants: &[&str]) -> Tree {
        let document = r#"{"pools": {"api": {"endpoints": ["a"]}}, "tenants": {
            "gold": {"weight": 3}, "solo": {"weight": 1},
            "a": {"parent": "gold", "weight": 2}, "b": {"parent": "gold"}}}"#;
        let config = Config::from_text(document, Format::Json).expect("a configuration");
        Tree::new(&config, &tenants.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn weights_count_among_siblings_and_a_parents_own_requests_beside_its_children() {
        let tree = tree(&["a", "b", "gold", "solo"]);
        let shares = tree.fair_shares(&[f64::INFINITY; 4], 16.0);
        assert_eq!(shares, [6.0, 3.0, 3.0, 4.0]);
        assert_eq!(tree.upwards(0).collect::<Vec<_>>(), [0, 4]);
        assert_eq!(tree.nodes()[4].name, "gold (group)");
    }

    #[test]
    fn what_one_leaves_goes_to_its_siblings_first() {
        let tree = tree(&["a", "b", "solo"]);
        assert_eq!(tree.fair_shares(&[1.0, f64::INFINITY, f64::INFINITY], 16.0), [1.0, 11.0, 4.0]);
        assert_eq!(tree.fair_shares(&[1.0, 2.0, f64::INFINITY], 16.0), [1.0, 2.0, 13.0]);
        assert_eq!(tree.fair_shares(&[1.0, 2.0, 3.0], 16.0), [1.0, 2.0, 3.0]);
    }
}
