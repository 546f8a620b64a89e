use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use slipway_engine::{ContainerSpec, Engine, LogOptions, LogOutput, Tail, Timestamp};
use tokio::time::timeout;

use crate::support::{PATIENCE, connect, kind, remove, run, script, wait_for_end};

type Line = (String, LogOutput, Option<Timestamp>);

pub(crate) async fn read(engine: &Engine, id: &str, options: &LogOptions) -> Vec<Line> {
    let mut stream = engine.logs(id, options).await.unwrap();
    let mut lines = Vec::new();
    while let Some(chunk) = stream.try_next().await.unwrap() {
        for line in &chunk.lines {
            assert!(!line.partial);
            let text = String::from_utf8_lossy(chunk.line(line)).into_owned();
            lines.push((text, line.output, line.timestamp));
        }
    }
    lines
}

fn flood(name: &str, env: &[&str]) -> ContainerSpec {
    ContainerSpec {
        name: Some(name.to_owned()),
        image: "slipway/flood".to_owned(),
        env: env.iter().map(|&variable| variable.to_owned()).collect(),
        ..ContainerSpec::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_outputs_with_their_times() {
    let engine = connect().await;
    let spec = script(
        "log-both",
        "echo 'ünïcode out'; sleep 0.2; echo err >&2; printf end",
    );
    let id = run(&engine, &spec).await;
    wait_for_end(&engine, &id).await;
    let lines = read(&engine, &id, &LogOptions::default()).await;
    let texts: Vec<_> = lines
        .iter()
        .map(|(text, output, _)| (text.as_str(), *output))
        .collect();
    assert_eq!(
        texts,
        [
            ("ünïcode out", LogOutput::Stdout),
            ("err", LogOutput::Stderr),
            ("end", LogOutput::Stdout),
        ]
    );
    assert!(lines.iter().all(|(_, _, time)| time.is_some()));
    assert!(lines.windows(2).all(|pair| pair[0].2 <= pair[1].2));

    let last = LogOptions {
        tail: Tail::Lines(1),
        ..LogOptions::default()
    };
    assert_eq!(read(&engine, &id, &last).await.len(), 1);
    // `since` is inclusive: a line's own time returns that line again.
    let since = LogOptions {
        since: lines[1].2,
        ..LogOptions::default()
    };
    assert_eq!(read(&engine, &id, &since).await, lines[1..]);
    let only_err = LogOptions {
        stdout: false,
        timestamps: false,
        ..LogOptions::default()
    };
    assert_eq!(
        read(&engine, &id, &only_err).await,
        [("err".to_owned(), LogOutput::Stderr, None)]
    );
    remove(&engine, &id).await;
    let error = engine
        .logs(&id, &LogOptions::default())
        .await
        .err()
        .unwrap();
    assert_eq!(kind(&error), "NotFound");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal() {
    let engine = connect().await;
    let spec = ContainerSpec {
        tty: true,
        ..script(
            "log-tty",
            "echo one; echo two >&2; printf '\\033[31mred\\033[0m\\n'; printf 'prompt> '",
        )
    };
    let id = run(&engine, &spec).await;
    wait_for_end(&engine, &id).await;
    let lines = read(&engine, &id, &LogOptions::default()).await;
    let texts: Vec<_> = lines
        .iter()
        .map(|(text, output, _)| (text.as_str(), *output))
        .collect();
    assert_eq!(
        texts,
        [
            ("one", LogOutput::Stdout),
            ("two", LogOutput::Stdout),
            ("\u{1b}[31mred\u{1b}[0m", LogOutput::Stdout),
            ("prompt> ", LogOutput::Stdout),
        ]
    );
    assert!(lines.iter().all(|(_, _, time)| time.is_some()));
    remove(&engine, &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_flooder_loses_no_line() {
    const LINES: usize = 200_000;
    let engine = connect().await;
    let spec = flood("log-flood", &["RATE=0", "LINES=200000", "WIDTH=100"]);
    let id = engine.create_container(&spec).await.unwrap().id;
    engine.start_container(&id).await.unwrap();
    // Followed while it is written, so the stream ends with the container.
    let options = LogOptions {
        follow: true,
        ..LogOptions::default()
    };
    let mut stream = engine.logs(&id, &options).await.unwrap();
    let (mut seen, mut chunks) = (0, 0);
    let begin = Instant::now();
    while let Some(chunk) = timeout(PATIENCE, stream.try_next()).await.unwrap().unwrap() {
        chunks += 1;
        for line in &chunk.lines {
            seen += 1;
            let text = chunk.line(line);
            let expected = format!("line {seen:08} ");
            assert!(
                text.starts_with(expected.as_bytes()),
                "{}",
                String::from_utf8_lossy(text)
            );
            assert_eq!(text.len(), 100);
            assert!(line.timestamp.is_some());
        }
    }
    println!("{LINES} lines followed in {:?}", begin.elapsed());
    assert_eq!(seen, LINES);
    // A wake-up for each of them would cost more than the lines do.
    assert!(chunks * 10 < LINES, "{chunks} chunks");
    remove(&engine, &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_lines_are_whole() {
    let engine = connect().await;
    // The engine stores at most 16 KiB of a line at once.
    let id = run(
        &engine,
        &flood("log-long", &["RATE=0", "LINES=3", "WIDTH=65536"]),
    )
    .await;
    wait_for_end(&engine, &id).await;
    let lines = read(&engine, &id, &LogOptions::default()).await;
    assert_eq!(lines.len(), 3);
    for (text, _, time) in lines {
        assert_eq!(text.len(), 65536);
        assert!(!text.contains('Z') && time.is_some());
    }
    remove(&engine, &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_log_can_be_followed_and_left() {
    let engine = connect().await;
    let id = run(&engine, &script("log-silent", "sleep 1000")).await;
    let options = LogOptions {
        follow: true,
        ..LogOptions::default()
    };
    let mut stream = timeout(PATIENCE, engine.logs(&id, &options))
        .await
        .unwrap()
        .unwrap();
    assert!(
        timeout(Duration::from_millis(300), stream.try_next())
            .await
            .is_err()
    );
    drop(stream);
    remove(&engine, &id).await;
}
