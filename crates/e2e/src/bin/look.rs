//! Takes one picture of the window.
use slipway_e2e::App;
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let engine = slipway_testkit::Engine::start()?;
    let t = std::time::Instant::now();
    let app = App::open(&engine.host()).await?;
    println!("session {:?}", t.elapsed());
    app.find("nav-browse").await?;
    println!("nav {:?}", t.elapsed());
    app.screenshot(std::path::Path::new("/tmp/look.png")).await?;
    println!("{:?} {}", app.processes(), app.text().await?);
    Ok(())
}
