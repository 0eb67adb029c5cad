//! The guests' threads: nothing that is woken is lost, and nobody's calls keep others out.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Runtime;

use super::*;

/// Longer than anything here takes that is not lost.
const PATIENCE: Duration = Duration::from_secs(60);

fn threads(of_one_tenant: usize) -> (Runtime, GuestThreads) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap();
    let threads = GuestThreads::start(of_one_tenant, runtime.handle()).unwrap();
    (runtime, threads)
}

/// Yields once.
async fn yielded() {
    let mut polled = false;
    poll_fn(|context| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Is woken by another thread, perhaps while it is still being polled.
async fn woken_from_outside(waker_of: mpsc::Sender<Waker>) {
    let mut polled = false;
    poll_fn(|context| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        waker_of.send(context.waker().clone()).unwrap();
        Poll::Pending
    })
    .await;
}

#[test]
fn whatever_is_woken_goes_on() {
    let (_runtime, threads) = threads(2);
    let (to_wake, wakers) = mpsc::channel::<Waker>();
    let waking = std::thread::spawn(move || {
        for waker in wakers {
            // Twice, as a timer and a socket at once would.
            waker.wake_by_ref();
            waker.wake();
        }
    });
    let (ended, ends) = mpsc::channel();
    for call in 0..600 {
        let (to_wake, ended) = (to_wake.clone(), ended.clone());
        threads.spawn(call % 3, async move {
            for step in 0..20 {
                match (call + step) % 3 {
                    0 => yielded().await,
                    1 => woken_from_outside(to_wake.clone()).await,
                    _ => tokio::time::sleep(Duration::from_micros(1)).await,
                }
            }
            ended.send(call).unwrap();
        });
    }
    for _ in 0..600 {
        ends.recv_timeout(PATIENCE).expect("a call was forgotten");
    }
    threads.stop();
    drop(to_wake);
    waking.join().unwrap();
}

#[test]
fn a_busy_tenant_leaves_others_their_turns() {
    let (_runtime, threads) = threads(1);
    let (over, turns) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    for _ in 0..64 {
        let (over, turns) = (Arc::clone(&over), Arc::clone(&turns));
        threads.spawn(1, async move {
            while !over.load(SeqCst) {
                let began = Instant::now();
                while began.elapsed() < Duration::from_millis(1) {}
                turns.fetch_add(1, SeqCst);
                yielded().await;
            }
        });
    }
    let (ended, ends) = mpsc::channel();
    let mut waited = 0;
    for _ in 0..20 {
        let before = turns.load(SeqCst);
        let ended = ended.clone();
        threads.spawn(2, async move { ended.send(()).unwrap() });
        ends.recv_timeout(PATIENCE).unwrap();
        waited += turns.load(SeqCst) - before;
    }
    over.store(true, SeqCst);
    threads.stop();
    // In one queue with the other calls each would have waited for 64 turns.
    assert!(
        waited < 20 * 16,
        "20 calls waited for {waited} turns of another tenant"
    );
}

#[test]
fn a_panic_ends_its_call_and_no_thread() {
    let (_runtime, threads) = threads(1);
    for _ in 0..8 {
        threads.spawn(1, async { panic!("on purpose") });
    }
    let (ended, ends) = mpsc::channel();
    threads.spawn(1, async move { ended.send(()).unwrap() });
    ends.recv_timeout(PATIENCE).unwrap();
    threads.stop();
}

#[test]
fn what_waits_is_dropped_at_the_end() {
    let (_runtime, threads) = threads(1);
    let (kept, (to_wake, wakers)) = (Arc::new(()), mpsc::channel());
    let held = Arc::clone(&kept);
    threads.spawn(1, async move {
        woken_from_outside(to_wake).await;
        drop(held);
    });
    let waker = wakers.recv_timeout(PATIENCE).unwrap();
    threads.stop();
    waker.wake();
    assert_eq!(Arc::strong_count(&kept), 1, "a call outlived its threads");
}
