use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use slipway_engine::{Engine, EngineError, PullEvent, PullProgress, PullRequest, PullStream};
use slipway_testkit::{Engine as Dockerd, Fault, FaultProxy};

use crate::support::{PATIENCE, endpoint, kind};

pub(crate) fn request(reference: &str) -> PullRequest {
    PullRequest {
        reference: reference.to_owned(),
        ..PullRequest::default()
    }
}

/// Reads a pull to its end: its progress, and whether the image was there already.
pub(crate) async fn finish(mut pull: PullStream) -> (Vec<PullProgress>, Result<bool, EngineError>) {
    let mut progress = Vec::new();
    loop {
        match pull.try_next().await {
            Ok(Some(PullEvent::Progress(step))) => progress.push(step),
            Ok(Some(PullEvent::Done { up_to_date, .. })) => {
                assert!(pull.try_next().await.unwrap().is_none());
                return (progress, Ok(up_to_date));
            }
            Ok(None) => panic!("the stream ended without a result"),
            Err(error) => return (progress, Err(error)),
        }
    }
}

#[track_caller]
pub(crate) fn check_never_backwards(progress: &[PullProgress]) {
    for pair in progress.windows(2) {
        assert!(
            pair[0].bytes_done <= pair[1].bytes_done
                && pair[0].bytes_total <= pair[1].bytes_total
                && pair[0].layers_done <= pair[1].layers_done
                && pair[0].layers_total <= pair[1].layers_total,
            "{pair:?}"
        );
    }
}

async fn own_dockerd() -> (Dockerd, Engine) {
    let dockerd = tokio::task::spawn_blocking(|| Dockerd::options().start().unwrap())
        .await
        .unwrap();
    let engine = Engine::connect(&endpoint(&dockerd.host())).await.unwrap();
    (dockerd, engine)
}

#[tokio::test(flavor = "multi_thread")]
async fn pulls_end_as_they_should() {
    let (dockerd, engine) = own_dockerd().await;

    // Slow enough to observe progress.
    dockerd.registry().set(Fault::Throttle(4 << 20));
    let pull = engine.pull_image(&request("redis:7")).await.unwrap();
    let (progress, result) = finish(pull).await;
    assert!(!result.unwrap());
    check_never_backwards(&progress);
    let last = progress.last().unwrap();
    assert!(
        last.bytes_total > 0 && last.bytes_done == last.bytes_total,
        "{last:?}"
    );
    assert_eq!(last.layers_done, last.layers_total);
    assert!(progress.len() > 4, "{progress:#?}");
    dockerd.registry().set(Fault::Pass);

    let pull = engine.pull_image(&request("redis:7")).await.unwrap();
    assert!(finish(pull).await.1.unwrap(), "it is there already");

    // By digest, and without a tag.
    let digest = engine.inspect_image("redis:7").await.unwrap().digests[0].clone();
    let pull = engine.pull_image(&request(&digest)).await.unwrap();
    finish(pull).await.1.unwrap();
    let pull = engine
        .pull_image(&request("slipway/busybox"))
        .await
        .unwrap();
    finish(pull).await.1.unwrap();
    assert!(engine.inspect_image("slipway/busybox:latest").await.is_ok());

    // By the registry's address, because behind a mirror the engine falls back to Docker Hub.
    let registry = dockerd.registry().origin();
    for (reference, expected) in [
        (format!("{registry}/slipway/nowhere:1"), "ImageNotFound"),
        (format!("{registry}/library/redis:nowhere"), "ImageNotFound"),
        ("REDIS".to_owned(), "InvalidRequest"),
        (String::new(), "InvalidRequest"),
        ("registry.invalid/a/b:1".to_owned(), "RegistryUnreachable"),
    ] {
        let error = match engine.pull_image(&request(&reference)).await {
            Ok(pull) => finish(pull).await.1.unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(kind(&error), expected, "{reference}: {error:?}");
    }

    // `nginx` is a list without this platform.
    let foreign = PullRequest {
        platform: Some("linux/s390x".to_owned()),
        ..request(&format!("{registry}/library/nginx:1.22"))
    };
    let error = match engine.pull_image(&foreign).await {
        Ok(pull) => finish(pull).await.1.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(kind(&error), "WrongArchitecture", "{error:?}");

    // An image that is not a list is pulled regardless of its platform, which its details show.
    let pull = engine.pull_image(&request("slipway/arm64only")).await;
    if let Ok(pull) = pull
        && finish(pull).await.1.is_ok()
    {
        let image = engine.inspect_image("slipway/arm64only").await.unwrap();
        assert_eq!(image.arch, "arm64");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_a_pull_cancels_it() {
    let (dockerd, engine) = own_dockerd().await;
    dockerd.registry().set(Fault::Throttle(200_000));
    let mut pull = engine.pull_image(&request("postgres:15")).await.unwrap();
    loop {
        match pull.try_next().await.unwrap().unwrap() {
            PullEvent::Progress(progress) if progress.bytes_done > 0 => break,
            PullEvent::Progress(_) => {}
            done @ PullEvent::Done { .. } => panic!("too fast: {done:?}"),
        }
    }
    let begin = Instant::now();
    drop(pull);
    // dockerd drops the registry connection once it notices.
    while dockerd.registry().proxy().connections() > 0 {
        assert!(
            begin.elapsed() < Duration::from_secs(5),
            "dockerd goes on pulling"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("dockerd stopped {:?} after the drop", begin.elapsed());
    assert!(engine.inspect_image("postgres:15").await.is_err());
    dockerd.registry().set(Fault::Pass);
    let pull = engine.pull_image(&request("postgres:15")).await.unwrap();
    finish(pull).await.1.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_that_is_cut_or_stalls() {
    let (dockerd, _) = own_dockerd().await;
    dockerd.registry().set(Fault::Throttle(300_000));
    let proxy = FaultProxy::in_front_of(&dockerd).unwrap();
    let engine = Engine::connect(&endpoint(&proxy.host())).await.unwrap();

    let pull = engine.pull_image(&request("nginx:1.26")).await.unwrap();
    proxy.set(Fault::ResetAfter(3000));
    let (progress, result) = finish(pull).await;
    check_never_backwards(&progress);
    let error = result.unwrap_err();
    assert_eq!(kind(&error), "CutOff", "{error:?}");

    proxy.set(Fault::Pass);
    let impatient = PullRequest {
        stall_after: Some(Duration::from_secs(2)),
        ..request("nginx:1.22")
    };
    let pull = engine.pull_image(&impatient).await.unwrap();
    proxy.set(Fault::StallAfter(2000));
    let (_, result) = tokio::time::timeout(PATIENCE, finish(pull)).await.unwrap();
    let error = result.unwrap_err();
    assert_eq!(kind(&error), "Stalled", "{error:?}");
}
