//! Accessible names of elements. Names that continue with a number end before it.

pub(crate) const BROWSE: &str = "Browse";
pub(crate) const CONTAINERS: &str = "Containers";
pub(crate) const IMAGES: &str = "Images";
pub(crate) const SETTINGS: &str = "Settings";
/// The button that leads to the Engine screen is named after the engine.
pub(crate) const ENGINE_BUTTON: &str = "Docker";
pub(crate) const COMMANDS: &str = "Commands";

pub(crate) const SEARCH: &str = "Search images";
pub(crate) const CONFIGURE_NGINX: &str = "Configure nginx";
pub(crate) const LIST_OF_CONTAINERS: &str = "List of containers";
pub(crate) const OVERVIEW: &str = "Overview";
pub(crate) const LOGS: &str = "Logs";
pub(crate) const CLOSE: &str = "Close";
pub(crate) const COPY_AS_COMMAND: &str = "Copy docker run line";
pub(crate) const START: &str = "Start";
