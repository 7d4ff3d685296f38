//! One stream, many readers.

use crate::{Event, Retired, Sink, SinkError};

/// Hands each event to every sink, in order; a sink that fails is retired and the others go on.
#[derive(Default)]
pub struct FanOut {
    sinks: Vec<Box<dyn Sink>>,
    retired: Vec<Retired>,
}

impl FanOut {
    /// To these sinks.
    pub fn new(sinks: Vec<Box<dyn Sink>>) -> Self {
        Self { sinks, retired: Vec::new() }
    }

    /// Hands over one event.
    pub fn send(&mut self, event: &Event) {
        self.each(|sink| sink.receive(event));
    }

    /// Lets sinks that show elapsed time move on.
    pub fn tick(&mut self) {
        self.each(|sink| sink.tick());
    }

    /// The sinks that failed since this was last asked.
    pub fn take_retired(&mut self) -> Vec<Retired> {
        std::mem::take(&mut self.retired)
    }

    fn each(&mut self, mut act: impl FnMut(&mut dyn Sink) -> Result<(), SinkError>) {
        let retired = &mut self.retired;
        self.sinks.retain_mut(|sink| match act(sink.as_mut()) {
            Ok(()) => true,
            Err(error) => {
                retired.push(Retired { name: sink.name(), error });
                false
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::{EventKind, Timestamp, VERSION};

    struct Counting(Arc<Mutex<usize>>, usize);

    impl Sink for Counting {
        fn name(&self) -> &'static str {
            "counting"
        }

        fn receive(&mut self, _: &Event) -> Result<(), SinkError> {
            let mut count = self.0.lock().expect("no panics while counting");
            *count += 1;
            if *count >= self.1 { Err(io::Error::other("full").into()) } else { Ok(()) }
        }
    }

    #[test]
    fn a_failing_sink_is_retired_once_and_the_others_go_on() {
        let (bad, good) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
        let sinks: Vec<Box<dyn Sink>> = vec![Box::new(Counting(bad.clone(), 2)), Box::new(Counting(good.clone(), 99))];
        let mut all = FanOut::new(sinks);
        let kind = EventKind::Waiting { stage: None, step: None, waiting: crate::Waiting::Jobs };
        let event = Event { v: VERSION, seq: 1, sub: 0, time: Timestamp::default(), run: "r".into(), kind };
        for _ in 0..5 {
            all.send(&event);
        }
        assert_eq!((*bad.lock().expect("done"), *good.lock().expect("done")), (2, 5));
        assert_eq!(all.take_retired().len(), 1);
        assert!(all.take_retired().is_empty());
    }
}
