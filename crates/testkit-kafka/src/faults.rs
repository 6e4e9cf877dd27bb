//! What happens to brokers: they crash, are stopped, come back on the same ports and data.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::broker::{Broker, spawn};

const STOP_LIMIT: Duration = Duration::from_secs(60);

impl Broker {
    /// Kills it, as a crash of the machine would.
    ///
    /// # Panics
    /// If it has ended before.
    pub fn kill(&self) {
        let mut process = self.process();
        process.kill().expect("a broker that runs");
        process.wait().expect("its end");
    }

    /// Stops it in an orderly way.
    ///
    /// # Panics
    /// If it does not stop.
    pub fn stop(&self) {
        self.signal(Signal::TERM);
        let end = Instant::now() + STOP_LIMIT;
        while self.process().try_wait().expect("the broker's end").is_none() {
            assert!(Instant::now() < end, "the broker does not stop: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts one that was killed or stopped, and waits until it answers.
    ///
    /// # Panics
    /// If it does not.
    pub fn start_again(&self) {
        *self.process() = spawn(&self.jars, &self.directory);
        self.wait_until_ready();
    }

    /// Lets it stand still: connections stay and nothing answers.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.process().id()).ok().and_then(Pid::from_raw);
        let told = pid.is_some_and(|pid| kill_process(pid, signal).is_ok());
        assert!(told, "the broker cannot be told");
    }
}
