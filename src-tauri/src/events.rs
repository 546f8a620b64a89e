//! Events that the backend sends to the window. Streams use channels instead.

use serde::{Deserialize, Serialize};
use slipway_api::container::ContainerDelta;
use slipway_api::engine::EngineState;
use slipway_api::machine::MachineView;
use specta::Type;
use tauri_specta::Event;

/// The engine's state is another one now.
#[derive(Debug, Clone, Serialize, Deserialize, Type, Event)]
pub(crate) struct EngineStateChanged(pub(crate) EngineState);

/// Containers came, changed or went.
#[derive(Debug, Clone, Serialize, Deserialize, Type, Event)]
pub(crate) struct ContainersChanged(pub(crate) ContainerDelta);

/// Images came or went: ask for the list again if it is on screen.
#[derive(Debug, Clone, Serialize, Deserialize, Type, Event)]
pub(crate) struct ImagesChanged;

/// Volumes came or went.
#[derive(Debug, Clone, Serialize, Deserialize, Type, Event)]
pub(crate) struct VolumesChanged;

/// Slipway's own machine is another one now.
#[derive(Debug, Clone, Serialize, Deserialize, Type, Event)]
pub(crate) struct MachineChanged(pub(crate) MachineView);

/// Docker's configuration or Slipway's settings were written: other engines may be known, or another one chosen.
#[derive(Debug, Clone, Serialize, Deserialize, Type, Event)]
pub(crate) struct ConfigurationChanged;
