//! The accessibility tree, over D-Bus (AT-SPI): what is on the screen and where, as a screen reader sees it.

use std::collections::HashMap;
use std::rc::Rc;

use anyhow::{Context as _, Result};
use zbus::blocking::connection::Builder;
use zbus::blocking::{Connection, Proxy};
use zbus::zvariant::{DynamicType, OwnedObjectPath};

use crate::{Area, SessionBus};

const ACCESSIBLE: &str = "org.a11y.atspi.Accessible";
const COLLECTION: &str = "org.a11y.atspi.Collection";
const COMPONENT: &str = "org.a11y.atspi.Component";
const TEXT: &str = "org.a11y.atspi.Text";
const REGISTRY: &str = "org.a11y.atspi.Registry";
const ROOT: &str = "/org/a11y/atspi/accessible/root";
/// Coordinates relative to the display instead of the window.
const OF_DISPLAY: u32 = 0;
/// Limit of the tree's depth.
const DEPTH: usize = 60;

/// States that tests query. The numbers are those of AT-SPI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "AT-SPI's own words")]
pub enum State {
    Checked = 4,
    Expanded = 10,
    Focused = 12,
    Selected = 23,
    Showing = 25,
}

/// Roles. The numbers are those of AT-SPI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "AT-SPI's own words")]
pub enum Role {
    CheckBox = 7,
    ComboBox = 11,
    Dialog = 16,
    List = 31,
    ListItem = 32,
    Menu = 33,
    MenuItem = 35,
    Tab = 37,
    Panel = 39,
    Button = 43,
    TableCell = 56,
    ToggleButton = 62,
    Paragraph = 73,
    Entry = 79,
    Heading = 83,
    Section = 85,
    Link = 88,
    TableRow = 90,
    Page = 95,
    ListBox = 98,
    ScrollPane = 49,
    Landmark = 110,
    Log = 111,
}

/// A match rule of `GetMatches`: states, attributes, roles and interfaces, each as a set and how it is matched, and
/// whether the whole rule is inverted.
type Rule = (
    Vec<i32>,
    i32,
    HashMap<String, String>,
    i32,
    Vec<i32>,
    i32,
    Vec<String>,
    i32,
    bool,
);
const ALL_OF: i32 = 1;
const ANY_OF: i32 = 2;
/// In document order.
const CANONICAL: u32 = 1;
const AS_MANY_AS_THERE_ARE: i32 = 0;

type Reference = (String, OwnedObjectPath);

/// A connection to the accessibility tree of a session.
#[derive(Clone)]
pub struct Tree(Rc<Connection>);

impl Tree {
    /// Connects. The first client starts the accessibility bus.
    pub fn of(bus: &SessionBus) -> Result<Self> {
        let session = Builder::address(bus.address())?.build()?;
        let launcher = Proxy::new(&session, "org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus")?;
        let address: String = launcher
            .call("GetAddress", &())
            .context("there is no accessibility bus: is at-spi2-core installed?")?;
        Ok(Self(Rc::new(Builder::address(&*address)?.build()?)))
    }

    /// Everything of all programs.
    pub fn root(&self) -> Element {
        Element {
            tree: self.clone(),
            at: (REGISTRY.into(), ROOT.try_into().expect("a path")),
        }
    }
}

/// An element. It may disappear at any time; calls on it then fail.
#[derive(Clone)]
pub struct Element {
    tree: Tree,
    at: Reference,
}

impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Element {
    fn proxy(&self, interface: &'static str) -> Result<Proxy<'_>> {
        let builder = zbus::blocking::proxy::Builder::new(&self.tree.0)
            .destination(&*self.at.0)?
            .path(&self.at.1)?
            .interface(interface)?
            // A cached answer may be out of date.
            .cache_properties(zbus::proxy::CacheProperties::No);
        Ok(builder.build()?)
    }

    fn ask<B, R>(&self, interface: &'static str, method: &str, with: &B) -> Result<R>
    where
        B: serde::Serialize + DynamicType,
        R: for<'d> zbus::zvariant::DynamicDeserialize<'d>,
    {
        Ok(self.proxy(interface)?.call(method, with)?)
    }

    /// Its role.
    fn role(&self) -> Result<u32> {
        self.ask(ACCESSIBLE, "GetRole", &())
    }

    /// Whether it has one of these roles.
    pub fn is_a(&self, role: Role) -> Result<bool> {
        Ok(self.role()? == role as u32)
    }

    /// Its name.
    pub fn name(&self) -> Result<String> {
        Ok(self.proxy(ACCESSIBLE)?.get_property("Name")?)
    }

    /// Its direct children.
    pub fn children(&self) -> Result<Vec<Self>> {
        // One by one, because GTK omits the page from the list of all children.
        let count: i32 = self.proxy(ACCESSIBLE)?.get_property("ChildCount")?;
        let children = (0..count).map(|number| self.ask(ACCESSIBLE, "GetChildAtIndex", &number));
        Ok(self.elements(children.collect::<Result<_>>()?))
    }

    /// Whether it is in a state.
    pub fn is(&self, state: State) -> Result<bool> {
        let words: Vec<u32> = self.ask(ACCESSIBLE, "GetState", &())?;
        let number = state as usize;
        Ok(words
            .get(number / 32)
            .is_some_and(|word| word >> (number % 32) & 1 == 1))
    }

    /// Its bounds on the display, even if it is not visible.
    pub fn area(&self) -> Result<Area> {
        let (x, y, width, height): (i32, i32, i32, i32) =
            self.ask(COMPONENT, "GetExtents", &OF_DISPLAY)?;
        Ok(Area {
            x,
            y,
            width,
            height,
        })
    }

    /// Its own text, or the text typed into it. Each child element is one placeholder character.
    pub fn text(&self) -> Result<String> {
        self.ask(TEXT, "GetText", &(0_i32, -1_i32))
    }

    /// Its selected text.
    pub fn selected_text(&self) -> Result<Option<String>> {
        let count: i32 = self.ask(TEXT, "GetNSelections", &())?;
        if count == 0 {
            return Ok(None);
        }
        let (from, to): (i32, i32) = self.ask(TEXT, "GetSelection", &0_i32)?;
        let selected = self.ask(TEXT, "GetText", &(from, to))?;
        Ok(Some(selected))
    }

    fn elements(&self, at: Vec<Reference>) -> Vec<Self> {
        let tree = &self.tree;
        at.into_iter()
            .map(|at| Self {
                tree: tree.clone(),
                at,
            })
            .collect()
    }

    /// All descendants with this role, in document order. The query goes to the page as a whole.
    pub fn all(&self, role: Role) -> Result<Vec<Self>> {
        let number = role as usize;
        let mut roles = vec![0; 4];
        roles[number / 32] = 1 << (number % 32);
        self.matching(vec![0; 2], roles)
    }

    /// All descendants with all of these states and one of these roles; an empty list matches everything.
    fn matching(&self, states: Vec<i32>, roles: Vec<i32>) -> Result<Vec<Self>> {
        let any = roles.iter().all(|word| *word == 0);
        let rule: Rule = (
            states,
            ALL_OF,
            HashMap::new(),
            ALL_OF,
            roles,
            if any { ALL_OF } else { ANY_OF },
            Vec::new(),
            ALL_OF,
            false,
        );
        let with = (rule, CANONICAL, AS_MANY_AS_THERE_ARE, true);
        let found = self.ask(COLLECTION, "GetMatches", &with)?;
        Ok(self.elements(found))
    }

    /// The focused descendant.
    pub fn focused(&self) -> Option<Self> {
        let mut states = vec![0; 2];
        states[State::Focused as usize / 32] = 1 << (State::Focused as usize % 32);
        let all = self.matching(states, vec![0; 4]).unwrap_or_default();
        all.into_iter().next_back()
    }

    /// The first descendant with this role whose name begins with this. Elements that disappear meanwhile are skipped.
    pub fn find(&self, role: Role, name: &str) -> Option<Self> {
        let all = self.all(role).unwrap_or_default();
        all.into_iter()
            .find(|element| element.name().is_ok_and(|it| it.starts_with(name)))
    }

    /// The first descendant with this role whose own text contains this.
    pub fn find_text(&self, role: Role, text: &str) -> Option<Self> {
        let all = self.all(role).unwrap_or_default();
        all.into_iter()
            .find(|element| element.text().is_ok_and(|it| it.contains(text)))
    }

    /// The page in it. Found step by step, because programs support fewer calls than pages do.
    pub fn page(&self) -> Option<Self> {
        self.page_within(DEPTH)
    }

    fn page_within(&self, depth: usize) -> Option<Self> {
        if self.is_a(Role::Page).unwrap_or(false) {
            return Some(self.clone());
        }
        let deeper = depth.checked_sub(1)?;
        let children = self.children().unwrap_or_default();
        children.iter().find_map(|child| child.page_within(deeper))
    }

    /// The whole subtree, one line each, indented: for a failure message.
    pub fn describe(&self) -> String {
        let mut lines = String::new();
        self.describe_into(&mut lines, 0);
        lines
    }

    fn describe_into(&self, lines: &mut String, depth: usize) {
        use std::fmt::Write as _;
        let (Ok(role), Ok(name)) = (self.role(), self.name()) else {
            return;
        };
        let area = self.area().map_or(String::new(), |area| {
            format!("{}×{} at {},{}", area.width, area.height, area.x, area.y)
        });
        let focused = if self.is(State::Focused).unwrap_or(false) {
            " (focused)"
        } else {
            ""
        };
        let text = self.text().unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(
            lines,
            "{:depth$}{role} {name:?} {area}{focused} {text:?}",
            ""
        );
        if depth == DEPTH {
            return;
        }
        for child in self.children().unwrap_or_default() {
            child.describe_into(lines, depth + 1);
        }
    }
}
