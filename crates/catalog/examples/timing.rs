//! Prints how long loading the bundled catalog and searching it take. Run it with `--release`.

use std::hint::black_box;
use std::time::Instant;

use slipway_catalog::Catalog;

const ROUNDS: u32 = 1_000;

fn main() {
    let start = Instant::now();
    let catalog = Catalog::bundled();
    println!(
        "load {} entries: {:.2?}",
        catalog.entries().len(),
        start.elapsed()
    );
    for words in [
        "",
        "postgres",
        "postgers",
        "sql database",
        "docker.io/library/postgres:16",
    ] {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            black_box(catalog.search(black_box(words)));
        }
        println!("search {words:?}: {:.2?}", start.elapsed() / ROUNDS);
    }
}
