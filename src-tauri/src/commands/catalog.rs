//! The catalog: categories and search.

use slipway_api::ApiError;
use slipway_api::catalog::{CatalogCategory, CatalogResults};

use crate::Core;

/// The categories, in the order in which they are shown.
#[tauri::command]
#[specta::specta]
pub(crate) async fn catalog_categories(core: Core<'_>) -> Result<Vec<CatalogCategory>, ApiError> {
    Ok(core.catalog_categories())
}

/// Entries that match all words, best first; without words the recommended order.
#[tauri::command]
#[specta::specta]
pub(crate) async fn catalog_search(
    core: Core<'_>,
    words: String,
    category: Option<String>,
) -> Result<CatalogResults, ApiError> {
    Ok(core.catalog_search(&words, category.as_deref()))
}
