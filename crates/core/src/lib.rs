//! Slipway's use-cases.
#![allow(missing_docs, unused)]
use slipway_api::{ApiError, app::*, catalog::*, container::*, engine::*, image::*, log::*, operation::*, run::*, stats::*};
use tokio::sync::{broadcast, watch, mpsc};
use tokio_util::sync::CancellationToken;
use std::path::Path;
use std::future::Future;
pub struct Slipway;
impl Slipway {
    pub fn engine_state(&self) -> EngineState { todo!() }
    pub async fn engine_list(&self) -> Vec<EndpointView> { todo!() }
    pub async fn engine_use(&self, n:&str) -> Result<(), ApiError> { todo!() }
    pub fn engine_retry(&self) { todo!() }
    pub fn containers(&self) -> ContainerSnapshot { todo!() }
    pub fn container_name(&self, id:&str) -> Option<String> { todo!() }
    pub async fn container_detail(&self, n:&str) -> Result<ContainerDetail, ApiError> { todo!() }
    pub async fn container_act(&self, ids: &[String], a: ContainerAction) -> Result<Vec<ActionOutcome>, ApiError> { todo!() }
    pub async fn container_rename(&self, n:&str, b:&str) -> Result<(), ApiError> { todo!() }
    pub fn stats_watch(&self, ids: Vec<String>, f: impl Fn(Vec<StatsView>) -> bool + Send + 'static) { todo!() }
    pub async fn images(&self) -> Result<Vec<ImageView>, ApiError> { todo!() }
    pub async fn image_remove(&self, r:&str, f: bool) -> Result<ImageRemoval, ApiError> { todo!() }
    pub async fn image_pull(&self, r:&str, c: &CancellationToken, f: impl Fn(PullProgress) + Send) -> Result<(), ApiError> { todo!() }
    pub async fn operation<F, T>(&self, name: &str, f: impl FnOnce(CancellationToken) -> F) -> T where F: Future<Output=T> { todo!() }
    pub fn operation_cancel(&self, r:&str) { todo!() }
    pub fn catalog_categories(&self) -> Vec<CatalogCategory> { todo!() }
    pub fn catalog_search(&self, w:&str, c: Option<&str>) -> CatalogResults { todo!() }
    pub async fn run_draft(&self, w:&str) -> Result<RunDraft, ApiError> { todo!() }
    pub async fn run_check(&self, w:&RunPlan) -> PlanCheck { todo!() }
    pub async fn run(&self, p: RunPlan, c: &CancellationToken, f: impl Fn(RunEvent) + Send) -> Result<RunOutcome, RunFailure> { todo!() }
    pub async fn log_open(&self, id:&str, f: impl Fn(LogExtent)->bool + Send + 'static) -> Result<u32, ApiError> { todo!() }
    pub fn log_rows(&self, s:u32, a:u64,c:u32) -> Result<Vec<LogRow>, ApiError> { todo!() }
    pub async fn log_search(&self, s:u32, q:LogQuery) -> Result<LogMatches, ApiError> { todo!() }
    pub fn log_text(&self, s:u32, a:u64,c:u64,t:bool) -> Result<String, ApiError> { todo!() }
    pub fn log_close(&self, s:u32) { todo!() }
    pub async fn log_save(&self, id:&str, p:&Path,t:bool) -> Result<(), ApiError> { todo!() }
    pub fn app_info(&self) -> AppInfo { todo!() }
    pub fn openable_url(&self, u:&str) -> Result<String, ApiError> { todo!() }
    pub fn open_failed(&self, u:&str, e: &dyn std::error::Error) -> ApiError { todo!() }
}
