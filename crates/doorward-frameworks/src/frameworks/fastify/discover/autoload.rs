//! `@fastify/autoload`: every file of a folder is a plugin, and folders are prefixes.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use super::avvio::{Load, Plugin, Queued, options};
use super::host::{Fastify, Mounted, SKIP_OVERRIDE, Trouble, as_object};
use super::pattern::Pattern;
use crate::js::eval::Site;
use crate::js::ir::Span;
use crate::js::value::{Object, Place, Value};

/// No program loads this many folders, or folders this deep.
const MAX_SCANS: usize = 200;
const MAX_DEPTH: usize = 24;

/// A folder whose files are being loaded.
#[derive(Debug)]
pub(crate) struct Scan {
    plugin: Plugin,
    nodes: Vec<Node>,
    /// The modules to load, and what they gave, in the same order.
    waiting: VecDeque<usize>,
    loaded: Vec<(usize, Value)>,
    loading: Option<usize>,
    settings: Settings,
}

/// One folder.
#[derive(Debug, Default)]
struct Node {
    hooks: Vec<usize>,
    /// The module, and the prefix its folders make.
    plugins: Vec<(usize, Option<String>)>,
}

#[derive(Debug, Default)]
struct Settings {
    /// `false`: folders are no prefixes.
    folders: bool,
    encapsulate: bool,
    append: bool,
    auto_hooks: bool,
    cascade: bool,
    overwrite: bool,
    params: bool,
    max_depth: Option<usize>,
    ignore: Vec<Pattern>,
    only: Vec<Pattern>,
    skip: Vec<Pattern>,
    script: Option<Pattern>,
    index: Option<Pattern>,
    given: Option<Rc<Object>>,
}

/// The files and folders of a tree of modules.
#[derive(Debug, Default)]
struct Folder {
    files: BTreeMap<String, usize>,
    folders: BTreeMap<String, Folder>,
}

impl Scan {
    pub(super) fn next(&mut self) -> Option<usize> {
        self.loading = self.waiting.pop_front();
        self.loading
    }

    pub(super) fn loaded(&mut self, exports: Value) {
        if let Some(module) = self.loading.take() {
            self.loaded.push((module, exports));
        }
    }

    fn exports(&self, module: usize) -> Option<&Value> {
        self.loaded.iter().find(|(at, _)| *at == module).map(|(_, it)| it)
    }
}

impl Fastify<'_> {
    /// `app.register(AutoLoad, { dir, … })`.
    pub(super) fn autoload(&mut self, app: usize, parent: usize, plugin: &Plugin) {
        let place = plugin.site.place();
        let given = plugin.options.as_ref().and_then(as_object);
        let dirs = given.as_ref().and_then(|it| it.get("dir")).map(|it| it.each()).unwrap_or_default();
        self.scans += 1;
        let Some(given) = given.filter(|_| self.scans <= MAX_SCANS) else {
            self.troubles.push(Trouble::ComputedFolder(place));
            return;
        };
        let settings = self.settings(&given, place);
        let mut nodes = Vec::new();
        for dir in dirs.iter().map(Value::as_str) {
            let folder = dir.and_then(|dir| self.inside(dir)).map(|dir| self.folder(&dir));
            match folder {
                Some(folder) if !folder.files.is_empty() || !folder.folders.is_empty() => {
                    tree(&folder, None, "", 0, &[], &settings, &mut nodes);
                }
                _ => self.troubles.push(Trouble::ComputedFolder(place)),
            }
        }
        if dirs.is_empty() {
            self.troubles.push(Trouble::ComputedFolder(place));
        }
        let mut waiting: VecDeque<usize> = VecDeque::new();
        for node in &nodes {
            waiting.extend(node.plugins.iter().map(|(module, _)| *module).chain(node.hooks.iter().copied()));
        }
        let scan = Scan { plugin: plugin.clone(), nodes, waiting, loaded: Vec::new(), loading: None, settings };
        let text = self.source(plugin.place);
        let mounted = Mounted { is_folder: false, text, prefix: None, place };
        let mut load = Load::new(parent, Some(Rc::new(mounted)));
        load.scan = Some(scan);
        if let Some(app) = self.apps.get_mut(app) {
            app.stack.push(load);
        }
    }

    fn settings(&mut self, given: &Object, place: Place) -> Settings {
        let flag = |name: &str, default: bool| given.get(name).and_then(|it| it.truth()).unwrap_or(default);
        let mut patterns = |name: &str| -> Vec<Pattern> {
            let value = given.get(name).unwrap_or(Value::Undefined);
            let is_filter = name.ends_with("Filter");
            match &value {
                Value::Undefined | Value::Null => Vec::new(),
                // A filter that is text looks for it; a pattern that is text is a regular expression.
                Value::Str(text) if is_filter => vec![Pattern::containing(&text.text)],
                value => {
                    let source = match value {
                        Value::Str(text) => Some(&text.text),
                        Value::Regex(source, _) => Some(source),
                        _ => None,
                    };
                    match source.and_then(|it| Pattern::parse(it)) {
                        Some(pattern) => vec![pattern],
                        None => {
                            self.troubles.push(Trouble::Pattern(name.to_owned(), place));
                            Vec::new()
                        }
                    }
                }
            }
        };
        let (ignore, only, skip) = (patterns("ignorePattern"), patterns("matchFilter"), patterns("ignoreFilter"));
        let (script, index) = (patterns("scriptPattern").pop(), patterns("indexPattern").pop());
        if matches!(given.get("dirNameRoutePrefix"), Some(Value::Function(_))) {
            self.troubles.push(Trouble::Pattern("dirNameRoutePrefix".to_owned(), place));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked by the guard")]
        let max_depth = match given.get("maxDepth") {
            Some(Value::Num(depth)) if (0.0..100.0).contains(&depth) => Some(depth as usize),
            _ => None,
        };
        Settings {
            folders: flag("dirNameRoutePrefix", true),
            encapsulate: flag("encapsulate", true),
            append: flag("appendAutoPrefix", false),
            auto_hooks: flag("autoHooks", false),
            cascade: flag("cascadeHooks", false),
            overwrite: flag("overwriteHooks", false),
            params: flag("routeParams", false),
            max_depth,
            ignore,
            only,
            skip,
            script,
            index,
            given: given.get("options").as_ref().and_then(as_object),
        }
    }

    /// A folder's path relative to the tree.
    fn inside(&self, dir: &str) -> Option<String> {
        let root = self.program.root().to_string_lossy().into_owned();
        let inside = dir.strip_prefix("file://").unwrap_or(dir).strip_prefix(&root)?;
        Some(inside.trim_matches('/').to_owned())
    }

    fn folder(&self, dir: &str) -> Folder {
        let mut root = Folder::default();
        for (at, module) in self.program.outlines().enumerate() {
            let inside = match dir {
                "" => Some(&*module.file),
                _ => module.file.strip_prefix(dir).and_then(|it| it.strip_prefix('/')),
            };
            let Some(inside) = inside else { continue };
            let mut parts: Vec<&str> = inside.split('/').collect();
            let Some(name) = parts.pop() else { continue };
            if parts.len() > MAX_DEPTH {
                continue;
            }
            let mut folder = &mut root;
            for part in parts {
                folder = folder.folders.entry(part.to_owned()).or_default();
            }
            folder.files.insert(name.to_owned(), at);
        }
        root
    }

    /// Every file was loaded: the plugins among them are registered.
    pub(super) fn scanned(&mut self, app: usize) {
        let Some(load) = self.apps.get_mut(app).and_then(|it| it.stack.last_mut()) else { return };
        let Some(scan) = load.scan.take() else { return };
        let mut items = Vec::new();
        for node in &scan.nodes {
            let plugins: Vec<Plugin> = node
                .plugins
                .iter()
                .filter_map(|(module, prefix)| self.file(&scan, *module, prefix.as_deref()))
                .collect();
            if node.hooks.is_empty() {
                items.extend(plugins.into_iter().map(Queued::Plugin));
                continue;
            }
            items.push(self.hooked(&scan, node, plugins));
        }
        if let Some(load) = self.apps.get_mut(app).and_then(|it| it.stack.last_mut()) {
            load.queue.extend(items);
        }
    }

    /// A folder with hooks: one scope for all of it, under the prefix that its plugins share.
    fn hooked(&self, scan: &Scan, node: &Node, mut plugins: Vec<Plugin>) -> Queued {
        let prefix_of = |plugin: &Plugin| {
            let prefix = plugin.options.as_ref().and_then(as_object).and_then(|it| it.get("prefix"));
            prefix.and_then(|it| it.as_str().map(str::to_owned)).filter(|it| !it.is_empty())
        };
        let mut all: Vec<String> = plugins.iter().filter_map(prefix_of).collect();
        all.dedup();
        let shared = if let [one] = all.as_slice() { Some(one.clone()) } else { None };
        if shared.is_some() {
            for plugin in &mut plugins {
                if prefix_of(plugin).is_some()
                    && let Some(object) = plugin.options.as_ref().and_then(as_object)
                {
                    object.set("prefix", Value::Undefined);
                }
            }
        }
        let mut items: Vec<Plugin> = Vec::new();
        for module in &node.hooks {
            let Some(exports) = scan.exports(*module) else { continue };
            let value = default_of(exports);
            let mounted = self.of_file(*module, None);
            items.push(Plugin { value, bare: true, options: None, file: Some(mounted), ..scan.plugin.clone() });
        }
        let first = node.hooks.first().copied().unwrap_or_default();
        let mounted = self.of_file(first, shared.clone());
        items.extend(plugins);
        Queued::Scope { prefix: shared, items, mounted }
    }

    fn of_file(&self, module: usize, prefix: Option<String>) -> Mounted {
        let text = crate::walk::printable(&self.program.file(module));
        Mounted { is_folder: true, text, prefix, place: Place { module, span: Span::default() } }
    }

    /// The plugin in a file, with the options it is registered with.
    fn file(&self, scan: &Scan, module: usize, folders: Option<&str>) -> Option<Plugin> {
        let exports = scan.exports(module)?;
        let value = default_of(exports);
        let of = |name: &str| {
            let own = match &value {
                Value::Function(closure) => closure.props.get(name),
                Value::Object(object) => object.get(name),
                _ => None,
            };
            own.or_else(|| as_object(exports).and_then(|it| it.get(name)))
        };
        let is_plugin = match &value {
            Value::Function(_) | Value::External(_) | Value::Unknown | Value::OneOf(_) => true,
            Value::Object(object) => object.get("method").is_some(),
            _ => false,
        };
        if !is_plugin || matches!(of("autoload"), Some(Value::Bool(false))) {
            return None;
        }
        let mut props: Vec<(Arc<str>, Value)> = Vec::new();
        let mut add = |from: Option<Rc<Object>>| {
            for (key, value) in from.iter().flat_map(|it| it.props.borrow().clone()) {
                props.retain(|(it, _)| *it != key);
                props.push((key, value));
            }
        };
        match of("autoConfig") {
            Some(Value::Function(closure)) => {
                if let Some(prefix) = closure.props.get("prefix") {
                    let object = Object::default();
                    object.set("prefix", prefix);
                    add(Some(Rc::new(object)));
                }
            }
            config => add(config.as_ref().and_then(as_object)),
        }
        add(scan.settings.given.clone());
        let given = props.iter().find(|(key, _)| &**key == "prefix").map(|(_, value)| value.clone());
        let prefix = prefix(given.as_ref(), of("autoPrefix"), of("prefixOverride"), folders, &scan.settings);
        props.retain(|(key, _)| &**key != "prefix");
        let shown = prefix.as_str().filter(|it| !it.is_empty()).map(str::to_owned);
        props.push((Arc::from("prefix"), prefix));
        let skips = matches!(&value, Value::Function(it) if it.props.get(SKIP_OVERRIDE).is_some());
        let mounted = self.of_file(module, shown.filter(|_| !skips));
        let bare = !scan.settings.encapsulate;
        let place = mounted.place;
        let site = Site { module, call: place.span, object: place.span, callee_end: 0, ..scan.plugin.site.clone() };
        Some(Plugin { value, options: Some(options(props)), place, site, bare, late: false, file: Some(mounted) })
    }
}

/// The prefix of a file's plugin, from the options and the file's own wishes.
fn prefix(
    given: Option<&Value>,
    auto: Option<Value>,
    instead: Option<Value>,
    folders: Option<&str>,
    settings: &Settings,
) -> Value {
    match instead {
        Some(Value::Undefined) | None => {}
        Some(instead) => return instead,
    }
    let given = given.cloned().filter(|it| !matches!(it, Value::Undefined | Value::Null));
    let given = match &given {
        Some(Value::Str(text)) => text.text.strip_suffix('/').unwrap_or(&text.text).to_owned(),
        Some(_) => return Value::Unknown,
        None => String::new(),
    };
    let folders = folders.unwrap_or_default();
    let auto = match &auto {
        Some(Value::Str(text)) if settings.append && !folders.is_empty() => format!("{folders}/{}", text.text),
        Some(Value::Str(text)) => text.text.to_string(),
        Some(Value::Undefined) | None => folders.to_owned(),
        Some(_) => return Value::Unknown,
    };
    let mut whole = given;
    let mut last = None;
    for letter in auto.chars().filter(|letter| {
        let again = *letter == '/' && last == Some('/');
        last = Some(*letter);
        !again
    }) {
        whole.push(letter);
    }
    if settings.params {
        whole = match whole.contains("__") {
            true => whole.replace("__", ":"),
            false => whole.replace("/_", "/:"),
        };
    }
    Value::text(&whole)
}

fn default_of(exports: &Value) -> Value {
    match exports {
        Value::Object(object) => object.get("default").unwrap_or_else(|| exports.clone()),
        other => other.clone(),
    }
}

/// Collects the plugins of a folder, in the order in which autoload meets them.
fn tree(
    folder: &Folder,
    prefix: Option<&str>,
    path: &str,
    depth: usize,
    hooks: &[usize],
    settings: &Settings,
    nodes: &mut Vec<Node>,
) {
    let mut own: Vec<usize> = if settings.auto_hooks { hooks.to_vec() } else { Vec::new() };
    let hook_file = folder.files.iter().find(|(name, _)| is_hook_file(name)).map(|(_, module)| *module);
    if let Some(module) = hook_file.filter(|_| settings.auto_hooks) {
        if settings.overwrite {
            own.clear();
        }
        own.push(module);
    }
    let mut node = Node { hooks: own.clone(), plugins: Vec::new() };
    let prefix_text = prefix.map(str::to_owned);
    let filtered = |name: &str| {
        let path = format!("/{path}{name}");
        (!settings.only.is_empty() && !settings.only.iter().any(|it| it.matches(&path)))
            || settings.skip.iter().any(|it| it.matches(&path))
    };
    let is_index = |name: &str| match &settings.index {
        Some(pattern) => pattern.matches(name),
        None => matches!(name.rsplit_once('.'), Some((stem, _)) if stem.eq_ignore_ascii_case("index")),
    };
    let index = folder.files.iter().find(|(name, _)| is_index(name));
    if let Some((name, module)) = index
        && !filtered(name)
    {
        node.plugins.push((*module, prefix_text.clone()));
    }
    let ignored = |name: &str| settings.ignore.iter().any(|it| it.matches(&format!("{path}{name}")));
    if index.is_none() {
        for (name, module) in &folder.files {
            let is_script = settings.script.as_ref().is_none_or(|it| it.matches(name));
            if is_script && !ignored(name) && !is_hook_file(name) && !filtered(name) {
                node.plugins.push((*module, prefix_text.clone()));
            }
        }
    }
    nodes.push(node);
    if settings.max_depth.is_some_and(|most| most <= depth) || depth > MAX_DEPTH {
        return;
    }
    let passed: &[usize] = if settings.auto_hooks && settings.cascade { &own } else { &[] };
    for (name, inner) in &folder.folders {
        if ignored(name) {
            continue;
        }
        let outer = prefix.filter(|it| !it.is_empty()).map_or_else(|| "/".to_owned(), |it| format!("{it}/"));
        let deeper = if settings.folders { format!("{outer}{name}") } else { outer };
        tree(inner, Some(&deeper), &format!("{path}{name}/"), depth + 1, passed, settings, nodes);
    }
}

/// `autohooks.js`, `_auto_hooks.ts`, `.autohooks.mjs`.
fn is_hook_file(name: &str) -> bool {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_ascii_lowercase();
    let stem = stem.strip_prefix(['_', '.']).unwrap_or(&stem);
    matches!(stem, "autohooks" | "auto_hooks")
}
