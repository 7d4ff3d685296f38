//! The rules of one run, and at which level they report.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Level, Message};
use crate::json::{AtMost, Firsts};
use crate::limits::{MAX_NOTIFICATIONS, MAX_RULES};

/// Extensions of one tool.
const MAX_EXTENSIONS: usize = 1000;

#[derive(Deserialize)]
#[serde(expecting = "a tool with a `driver`")]
pub(super) struct Tool {
    driver: Component,
    #[serde(default)]
    extensions: Option<AtMost<Component, MAX_EXTENSIONS>>,
}

#[derive(Deserialize)]
#[serde(expecting = "a component of the tool")]
struct Component {
    name: Option<String>,
    #[serde(default)]
    rules: Option<AtMost<Rule, MAX_RULES>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(expecting = "a rule")]
struct Rule {
    id: String,
    #[serde(default)]
    default_configuration: Option<Configuration>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(expecting = "a configuration")]
struct Configuration {
    level: Option<Level>,
}

/// §3.20: one call of the tool.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(expecting = "an invocation")]
pub(super) struct Invocation {
    pub(super) execution_successful: Option<bool>,
    tool_execution_notifications: Option<Firsts<Notification, MAX_NOTIFICATIONS>>,
    tool_configuration_notifications: Option<Firsts<Notification, MAX_NOTIFICATIONS>>,
    rule_configuration_overrides: Option<AtMost<Override, MAX_RULES>>,
}

#[derive(Deserialize)]
#[serde(expecting = "a notification")]
pub(super) struct Notification {
    #[serde(default)]
    pub(super) level: Level,
    #[serde(default)]
    pub(super) message: Message,
}

#[derive(Deserialize)]
#[serde(expecting = "an override")]
struct Override {
    descriptor: Reference,
    configuration: Configuration,
}

/// §3.52: which rule is meant, by its number or its name, of which component.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(expecting = "a reference to a rule")]
pub(super) struct Reference {
    pub(super) id: Option<String>,
    pub(super) index: Option<i64>,
    pub(super) tool_component: Option<ComponentReference>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(expecting = "a reference to a component")]
pub(super) struct ComponentReference {
    name: Option<String>,
    index: Option<i64>,
}

impl Invocation {
    pub(super) fn notifications(&self) -> impl Iterator<Item = &Notification> {
        let (execution, configuration) = (&self.tool_execution_notifications, &self.tool_configuration_notifications);
        execution.iter().chain(configuration).flat_map(|notifications| &notifications.0)
    }
}

/// A rule found: the component's place (the driver's is 0) and the rule's place in it.
type Key = (usize, usize);

/// The rules of one run.
pub(super) struct Rules {
    /// The driver, then its extensions.
    components: Vec<Named>,
    /// For each invocation, what it set the level of rules to.
    overrides: Vec<BTreeMap<Key, Level>>,
}

struct Named {
    name: Option<String>,
    levels: Vec<Level>,
    by_id: BTreeMap<String, usize>,
}

impl Named {
    fn new(component: Component) -> Self {
        let rules = component.rules.unwrap_or_default().0;
        let levels =
            rules.iter().map(|rule| rule.default_configuration.and_then(|found| found.level).unwrap_or_default());
        let levels = levels.collect();
        let mut by_id = BTreeMap::new();
        for (index, rule) in rules.into_iter().enumerate() {
            by_id.entry(rule.id).or_insert(index);
        }
        Self { name: component.name, levels, by_id }
    }

    /// By number, else by name, else by the name of the family that it belongs to: `A/part` is a part of `A`.
    fn find(&self, reference: &Reference) -> Option<usize> {
        let index = reference.index.and_then(|index| usize::try_from(index).ok());
        index.filter(|index| *index < self.levels.len()).or_else(|| self.named(reference.id.as_deref()?))
    }

    fn named(&self, id: &str) -> Option<usize> {
        let mut id = id;
        loop {
            if let Some(&index) = self.by_id.get(id) {
                return Some(index);
            }
            id = id.rsplit_once('/')?.0;
        }
    }
}

impl Rules {
    pub(super) fn new(tool: Tool, invocations: Vec<Invocation>) -> Self {
        let extensions = tool.extensions.unwrap_or_default().0;
        let components = std::iter::once(tool.driver).chain(extensions).map(Named::new).collect();
        let mut rules = Self { components, overrides: Vec::new() };
        rules.overrides = invocations.into_iter().map(|invocation| rules.overrides_of(invocation)).collect();
        rules
    }

    /// How many rules and overrides are kept.
    pub(super) fn count(&self) -> usize {
        let rules: usize = self.components.iter().map(|component| component.levels.len()).sum();
        rules + self.overrides.iter().map(BTreeMap::len).sum::<usize>()
    }

    fn overrides_of(&self, invocation: Invocation) -> BTreeMap<Key, Level> {
        let overrides = invocation.rule_configuration_overrides.unwrap_or_default().0;
        overrides.iter().filter_map(|set| Some((self.find(&set.descriptor)?, set.configuration.level?))).collect()
    }

    /// The level of a result that names none: as its invocation set it, else as its rule has it, else `warning`.
    pub(super) fn level(&self, reference: &Reference, invocation: Option<usize>) -> Level {
        let Some((component, rule)) = self.find(reference) else {
            return Level::default();
        };
        let set = invocation.and_then(|index| self.overrides.get(index)?.get(&(component, rule)));
        set.copied().unwrap_or(self.components[component].levels[rule])
    }

    /// A reference without a component means the driver's rule, and one that the driver does not have an extension's.
    fn find(&self, reference: &Reference) -> Option<Key> {
        if let Some(component) = &reference.tool_component {
            let index = self.component(component)?;
            return Some((index, self.components[index].find(reference)?));
        }
        let driver = self.components.first().and_then(|driver| driver.find(reference)).map(|rule| (0, rule));
        driver.or_else(|| {
            let id = reference.id.as_deref()?;
            let extensions = self.components.iter().enumerate().skip(1);
            extensions.into_iter().find_map(|(index, component)| Some((index, component.named(id)?)))
        })
    }

    fn component(&self, reference: &ComponentReference) -> Option<usize> {
        match reference.index.and_then(|index| usize::try_from(index).ok()) {
            Some(index) => Some(index + 1).filter(|index| *index < self.components.len()),
            None => self.components.iter().position(|component| component.name == reference.name),
        }
    }
}
